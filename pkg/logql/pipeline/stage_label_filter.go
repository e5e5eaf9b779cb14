package pipeline

import (
	"github.com/dustin/go-humanize"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// newLabelFilter compiles a tree of label filters; each node is a stage.
func newLabelFilter(f syntax.LabelFilter) (stage, error) {
	switch f := f.(type) {
	case *syntax.StringFilter:
		return newStringFilter(f.Matcher), nil
	case *syntax.NumberFilter:
		return &quantityFilter{label: f.Label, op: f.Op, want: f.Value, convert: extract.Number}, nil
	case *syntax.DurationFilter:
		return &quantityFilter{label: f.Label, op: f.Op, want: f.Value.Seconds(), convert: extract.Duration}, nil
	case *syntax.BytesFilter:
		return &quantityFilter{label: f.Label, op: f.Op, want: WrittenBytes(f.Value), convert: extract.Bytes}, nil
	case *syntax.IPFilter:
		set, err := extract.NewAddresses(f.Text)
		if err != nil {
			return nil, err
		}
		return &ipFilter{label: f.Label, set: set, exclude: f.Op == syntax.Ne}, nil
	case *syntax.AndFilter:
		subs, err := newLabelFilters(f.Filters)
		return &andFilter{subs: subs}, err
	default:
		subs, err := newLabelFilters(f.(*syntax.OrFilter).Filters)
		return &orFilter{subs: subs}, err
	}
}

func newLabelFilters(fs []syntax.LabelFilter) ([]stage, error) {
	subs := make([]stage, len(fs))
	for i, f := range fs {
		s, err := newLabelFilter(f)
		if err != nil {
			return nil, err
		}
		subs[i] = s
	}
	return subs, nil
}

// quantityFilter compares what a label's text means. An entry without the label
// is dropped; one whose text means nothing stays, with an error, which is an earlier
// one where it has one.
type quantityFilter struct {
	filter
	label   string
	op      syntax.Operator
	want    float64
	convert func(string) (float64, error)
}

func (f *quantityFilter) process(e *entry) bool {
	text, ok := e.get(f.label)
	if !ok {
		return false
	}
	v, err := f.convert(text)
	if err != nil {
		if !e.failed() {
			e.fail(ErrLabelFilter, err.Error())
		}
		return true
	}
	return f.op.Compare(v, f.want)
}

// need names the error too: which one the entry has depends on it.
func (f *quantityFilter) need(n *needs) {
	n.label(f.label)
	n.label(ErrorLabel)
}

// WrittenBytes is the size that is compared with. Loki's frontend writes a query
// anew for its queriers, with sizes in two digits of powers of 1000, so that
// 64KiB is compared as 66kB; dashboards have been tuned to that.
func WrittenBytes(n uint64) float64 {
	written, err := humanize.ParseBytes(humanize.Bytes(n))
	if err != nil { // too large to be written
		return float64(n)
	}
	return float64(written)
}

// ipFilter looks for a label's address in a set. An entry without the label is
// dropped, one with an error stays.
type ipFilter struct {
	filter
	label   string
	set     *extract.Addresses
	exclude bool
}

func (f *ipFilter) process(e *entry) bool {
	if e.failed() {
		return true
	}
	text, ok := e.get(f.label)
	if !ok {
		return false
	}
	return f.set.HasText(text) != f.exclude
}

// need names the error too: it decides whether the entry stays.
func (f *ipFilter) need(n *needs) {
	n.label(f.label)
	n.label(ErrorLabel)
}

// andFilter keeps what all keep. All are asked, also where one has said no: an
// error that another finds counts where this is one of alternatives.
type andFilter struct {
	filter
	subs []stage
}

func (f *andFilter) process(e *entry) bool {
	keep := true
	for _, s := range f.subs {
		keep = s.process(e) && keep
	}
	return keep
}

func (f *andFilter) need(n *needs) {
	for _, s := range f.subs {
		s.need(n)
	}
}

// orFilter keeps what one keeps; the others are not asked.
type orFilter struct {
	filter
	subs []stage
}

func (f *orFilter) process(e *entry) bool {
	for _, s := range f.subs {
		if s.process(e) {
			return true
		}
	}
	return false
}

func (f *orFilter) need(n *needs) {
	for _, s := range f.subs {
		s.need(n)
	}
}
