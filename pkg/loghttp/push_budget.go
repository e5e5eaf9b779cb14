package loghttp

import (
	"errors"
	"sync/atomic"
)

// ErrBusy marks a push that there is no memory for right now: the bodies of
// others take it. It may be sent again in a moment.
var ErrBusy = errors.New("busy")

// A Budget is how much memory the bodies of pushes may take together, from the
// first byte that is read until they are released.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// take claims n bytes, of which this push holds some already.
func (b *Budget) take(n, held int64) error {
	if b == nil {
		return nil
	}
	if held+n > b.limit {
		return tooLargef("body that takes %d MiB of memory, more than all pushes together may (%d MiB): send less at once", (held+n)>>20, b.limit>>20)
	}
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return &kindError{"the bodies of other pushes take all memory that there is for them: send this one again in a moment", ErrBusy}
	}
	return nil
}

func (b *Budget) give(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}

// hold claims n more bytes for p, until its release.
func (p *Push) hold(n int64) error {
	if err := p.budget.take(n, p.held); err != nil {
		return err
	}
	p.held += n
	return nil
}
