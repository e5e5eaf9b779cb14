package engine

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// A series is the values of one label set, at those steps where it has one.
type series struct {
	labels labels.Labels // without empty values
	points []point       // by step
}

// A point is a value at a step.
type point struct {
	step  int32
	value float64
}

// pointBytes and seriesBytes are what the budget counts for each.
const (
	pointBytes  = 16
	seriesBytes = 64
)

// sortSeries orders series by their labels.
func sortSeries(s []series) {
	slices.SortStableFunc(s, func(a, b series) int { return labels.Compare(a.labels, b.labels) })
}

// A numbering gives numbers from 0 to label sets.
type numbering struct {
	labels []labels.Labels // by number; without empty values
	found  map[uint64][]numbered
}

// A numbered is a label set as it was asked for, empty values included.
type numbered struct {
	labels labels.Labels
	number int
}

func newNumbering() *numbering { return &numbering{found: map[uint64][]numbered{}} }

// number returns the number of a label set with the given hash. Label sets that
// differ only in empty values have the same number.
func (n *numbering) number(ls labels.Labels, hash uint64) int {
	for _, f := range n.found[hash] {
		if labels.Equal(f.labels, ls) {
			return f.number
		}
	}
	number := len(n.labels)
	if clean := ls.WithoutEmpty(); clean.Len() < ls.Len() {
		number = n.number(clean, labels.StableHash(clean))
	} else {
		n.labels = append(n.labels, ls)
	}
	n.found[hash] = append(n.found[hash], numbered{ls, number})
	return number
}

// get is number for a label set whose hash is not known.
func (n *numbering) get(ls labels.Labels) int { return n.number(ls, labels.StableHash(ls)) }

// exact returns the number of a label set, told apart from others by its empty
// values too. It is not to be mixed with number.
func (n *numbering) exact(ls labels.Labels) int {
	hash := labels.StableHash(ls)
	for _, f := range n.found[hash] {
		if labels.Equal(f.labels, ls) {
			return f.number
		}
	}
	n.labels = append(n.labels, ls)
	n.found[hash] = append(n.found[hash], numbered{ls, len(n.labels) - 1})
	return len(n.labels) - 1
}

// groupLabels returns the labels by which a grouping tells ls apart.
func groupLabels(ls labels.Labels, g *syntax.Grouping) labels.Labels {
	if g == nil {
		return ls.WithoutEmpty()
	}
	b := labels.NewBuilder(ls)
	if g.Without {
		b.Del(g.Labels...)
	} else {
		b.Keep(g.Labels...)
	}
	return b.Labels().WithoutEmpty()
}
