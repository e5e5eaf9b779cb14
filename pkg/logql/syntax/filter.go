package syntax

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// A LabelFilter is a stage that keeps entries by the values of their labels.
type LabelFilter interface {
	Stage
	filter()
}

// A StringFilter matches the text of a label; a missing label is the empty string.
type StringFilter struct {
	node
	Matcher *labels.Matcher
}

// A NumberFilter compares a label's value as a number.
type NumberFilter struct {
	node
	Label string
	Op    Operator // a comparison
	Value float64
}

// A DurationFilter compares a label's value as a duration.
type DurationFilter struct {
	node
	Label string
	Op    Operator // a comparison
	Value time.Duration
}

// A BytesFilter compares a label's value as a size.
type BytesFilter struct {
	node
	Label string
	Op    Operator // a comparison
	Value uint64   // bytes
	// Text is how the size was written, such as 1.5MiB; it is printed so again.
	// When empty, Value is printed.
	Text string
}

// An IPFilter keeps entries whose label is an address of a set, or is not.
type IPFilter struct {
	node
	Label string
	Op    Operator // Eq or Ne
	Text  string   // an address, a CIDR block or a range of addresses
}

// An AndFilter keeps entries that all of its filters keep.
type AndFilter struct {
	node
	Filters []LabelFilter // two or more, none of them an AndFilter
}

// An OrFilter keeps entries that one of its filters keeps. They are asked from
// the first, and only as far as needed.
type OrFilter struct {
	node
	Filters []LabelFilter // two or more, none of them an OrFilter
}

func (*StringFilter) stage()   {}
func (*NumberFilter) stage()   {}
func (*DurationFilter) stage() {}
func (*BytesFilter) stage()    {}
func (*IPFilter) stage()       {}
func (*AndFilter) stage()      {}
func (*OrFilter) stage()       {}

func (*StringFilter) filter()   {}
func (*NumberFilter) filter()   {}
func (*DurationFilter) filter() {}
func (*BytesFilter) filter()    {}
func (*IPFilter) filter()       {}
func (*AndFilter) filter()      {}
func (*OrFilter) filter()       {}

// and is the conjunction of a and b, flat. It may change a.
func and(a, b LabelFilter) LabelFilter {
	n, ok := a.(*AndFilter)
	if !ok {
		n = &AndFilter{node: node{a.Pos()}, Filters: []LabelFilter{a}}
	}
	if same, ok := b.(*AndFilter); ok {
		n.Filters = append(n.Filters, same.Filters...)
	} else {
		n.Filters = append(n.Filters, b)
	}
	return n
}

// or is the disjunction of a and b, flat. It may change a.
func or(a, b LabelFilter) LabelFilter {
	n, ok := a.(*OrFilter)
	if !ok {
		n = &OrFilter{node: node{a.Pos()}, Filters: []LabelFilter{a}}
	}
	if same, ok := b.(*OrFilter); ok {
		n.Filters = append(n.Filters, same.Filters...)
	} else {
		n.Filters = append(n.Filters, b)
	}
	return n
}
