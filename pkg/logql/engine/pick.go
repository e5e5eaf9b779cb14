package engine

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/model"
)

// A found is an entry that passed the pipeline.
type found struct {
	at     arrival
	stream int // the rank of its stream's labels
	line   string
	set    *pipeline.LabelSet
	cost   int // bytes that the budget counts
}

// foundBytes is what the budget counts for an entry beside its line and the
// labels that are not its stream's.
const foundBytes = 96

// price sets the cost of f. The labels are there as such and by category. Entries
// may share them, which is not looked at.
func (f *found) price() {
	f.cost = foundBytes + len(f.line) + 2*int(f.set.Metadata.ByteSize()+f.set.Parsed.ByteSize())
}

// A picker keeps the entries that come first in the direction of a query, of
// those it is offered in any order. Several workers share it.
//
// The order is by time in the direction; entries of equal time are in the order
// of their streams' labels, and within a stream in the order of arrival.
type picker struct {
	limit    int
	interval int64 // of thinning; 0 keeps all
	backward bool
	budget   *budget

	// full and last tell without the lock what is too late: with a full picker,
	// all behind last.
	full atomic.Bool
	last atomic.Int64

	mu sync.Mutex // guards the fields below
	// heap has what comes last on top; while thinning it is only a list of what
	// has not been looked at yet.
	heap []found
	out  []found // what thinning chose
}

func newPicker(p *Params, b *budget) *picker {
	return &picker{limit: p.Limit, interval: int64(p.Interval), backward: p.Direction == Backward, budget: b}
}

// wants reports whether an entry of the given time may be among the first. When
// it does not, it never will.
func (p *picker) wants(ts int64) bool {
	if !p.full.Load() {
		return true
	}
	last := p.last.Load()
	return ts == last || p.aheadOf(ts, last)
}

// open returns the times of which the picker still wants entries: with a limit
// that is reached, none behind the last. Copies of what is left out need not be
// found any more, so it does not matter that some were read before.
func (p *picker) open() model.Interval {
	in := model.Ever
	switch {
	case !p.full.Load():
	case p.backward:
		in.Mint = p.last.Load()
	default:
		in.Maxt = p.last.Load()
	}
	return in
}

// enough reports whether entries from bound on, in the direction, are not among
// the first. A thinning picker must have been offered all entries ahead of it.
func (p *picker) enough(bound int64) bool {
	if p.interval > 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.thin(func(f *found) bool { return p.aheadOf(f.at.ts, bound) })
	}
	return !p.wants(bound)
}

// aheadOf reports whether time a comes before time b in the direction.
func (p *picker) aheadOf(a, b int64) bool {
	if p.backward {
		return a > b
	}
	return a < b
}

// compare orders entries as the result has them.
func (p *picker) compare(a, b *found) int {
	if a.at.ts != b.at.ts {
		if p.aheadOf(a.at.ts, b.at.ts) {
			return -1
		}
		return 1
	}
	if a.stream != b.stream {
		return cmp.Compare(a.stream, b.stream)
	}
	switch {
	case a.at.before(b.at):
		return -1
	case b.at.before(a.at):
		return 1
	}
	return 0
}

// add offers an entry, whose line is only borrowed.
func (p *picker) add(f found) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.price()
	// Thinning chooses among all entries, so none may be lost before it.
	if p.interval == 0 && len(p.heap) == p.limit {
		if p.compare(&f, &p.heap[0]) >= 0 {
			return nil
		}
		if err := p.budget.use(f.cost - p.heap[0].cost); err != nil {
			return err
		}
		f.line = strings.Clone(f.line)
		p.heap[0] = f
		p.sink()
		p.last.Store(p.heap[0].at.ts)
		return nil
	}
	if err := p.budget.use(f.cost); err != nil {
		return err
	}
	f.line = strings.Clone(f.line)
	p.heap = append(p.heap, f)
	if p.interval > 0 {
		return nil
	}
	for i := len(p.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if p.compare(&p.heap[i], &p.heap[up]) <= 0 {
			break
		}
		p.heap[i], p.heap[up] = p.heap[up], p.heap[i]
		i = up
	}
	if len(p.heap) == p.limit {
		p.last.Store(p.heap[0].at.ts)
		p.full.Store(true)
	}
	return nil
}

// sink moves the top of the heap to its place.
func (p *picker) sink() {
	for i := 0; ; {
		last := i
		for down := 2*i + 1; down <= 2*i+2 && down < len(p.heap); down++ {
			if p.compare(&p.heap[down], &p.heap[last]) > 0 {
				last = down
			}
		}
		if last == i {
			return
		}
		p.heap[i], p.heap[last] = p.heap[last], p.heap[i]
		i = last
	}
}

// thin chooses, among the entries that are final, those that are far enough from
// the one before. It reports whether it has as many as wanted.
func (p *picker) thin(final func(*found) bool) bool {
	slices.SortFunc(p.heap, func(a, b found) int { return p.compare(&a, &b) })
	n := 0
	for ; n < len(p.heap) && len(p.out) < p.limit && final(&p.heap[n]); n++ {
		f := &p.heap[n]
		if len(p.out) > 0 {
			distance := f.at.ts - p.out[len(p.out)-1].at.ts
			if p.backward {
				distance = -distance
			}
			if distance < p.interval {
				_ = p.budget.use(-f.cost)
				continue
			}
		}
		p.out = append(p.out, *f)
	}
	p.heap = slices.Delete(p.heap, 0, n)
	return len(p.out) == p.limit
}

// result returns the entries in their order. The picker is of no use behind it.
func (p *picker) result() []found {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.interval > 0 {
		p.thin(func(*found) bool { return true })
		return p.out
	}
	slices.SortFunc(p.heap, func(a, b found) int { return p.compare(&a, &b) })
	return p.heap
}
