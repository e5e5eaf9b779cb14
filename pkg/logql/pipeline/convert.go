package pipeline

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// unwrap takes a label's value as the sample.
type unwrap struct {
	label   string
	convert func(string) (float64, error)
	filters []stage
	stays   bool // the label is one that samples are grouped by
}

func newUnwrap(u *syntax.Unwrap, grouping *syntax.Grouping) *unwrap {
	w := &unwrap{label: u.Label, convert: extract.Number}
	w.stays = grouping != nil && !grouping.Without && slices.Contains(grouping.Labels, u.Label)
	switch u.Conversion {
	case syntax.ConvertDuration, syntax.ConvertDurationSeconds:
		w.convert = extract.Duration
	case syntax.ConvertBytes:
		w.convert = extract.Bytes
	}
	return w
}

// sample converts the label and runs the filters behind the unwrap, which see
// the error of a conversion.
func (u *unwrap) sample(e *entry) (v float64, ok bool) {
	text := e.value(u.label)
	if text == "" {
		return 0, false
	}
	v, err := u.convert(text)
	if err != nil {
		e.fail(ErrSampleExtraction, err.Error())
		v = 0
	}
	for _, f := range u.filters {
		if !f.process(e) {
			return 0, false
		}
	}
	if !u.stays {
		e.remove(u.label)
	}
	return v, true
}
