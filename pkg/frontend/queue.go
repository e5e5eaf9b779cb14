package frontend

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrTooManyOutstanding refuses a query of a tenant that waits for too many
// answers already.
var ErrTooManyOutstanding = errors.New("too many outstanding requests")

// A queue lets a number of parts run at once. Those that must wait stand in one
// line for each tenant, and the lines take turns.
type queue struct {
	slots       int
	outstanding int // queries that a tenant may have at once

	mu      sync.Mutex
	free    int
	lines   map[string]*line // of the tenants that have queries
	turns   []*line          // those in which parts wait, the next first
	waiting int
}

// A line is what one tenant has in a queue.
type line struct {
	tenant  string
	queries int             // that have entered
	parts   []chan struct{} // that wait; closed when it is the part's turn
}

func newQueue(slots, outstanding int) *queue {
	return &queue{slots: slots, free: slots, outstanding: outstanding, lines: map[string]*line{}}
}

// of returns the line of a tenant.
func (q *queue) of(tenant string) *line {
	l := q.lines[tenant]
	if l == nil {
		l = &line{tenant: tenant}
		q.lines[tenant] = l
	}
	return l
}

// tidy forgets a line that has nothing in it.
func (q *queue) tidy(l *line) {
	if l.queries == 0 && len(l.parts) == 0 {
		delete(q.lines, l.tenant)
	}
}

// enter counts a query of a tenant; leave must follow.
func (q *queue) enter(tenant string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.of(tenant)
	if q.outstanding > 0 && l.queries >= q.outstanding {
		return ErrTooManyOutstanding
	}
	l.queries++
	return nil
}

func (q *queue) leave(tenant string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.of(tenant)
	l.queries--
	q.tidy(l)
}

// acquire waits for the turn of a part of a query; release must follow where it
// returns no error.
func (q *queue) acquire(ctx context.Context, tenant string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	l, turn := q.of(tenant), make(chan struct{})
	if len(l.parts) == 0 {
		q.turns = append(q.turns, l)
	}
	l.parts = append(l.parts, turn)
	q.waiting++
	q.mu.Unlock()

	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(l.parts, turn)
	if i < 0 { // its turn came at the same moment
		q.mu.Unlock()
		q.release()
		return ctx.Err()
	}
	defer q.mu.Unlock()
	l.parts = slices.Delete(l.parts, i, i+1)
	q.waiting--
	if len(l.parts) == 0 {
		q.turns = slices.DeleteFunc(q.turns, func(o *line) bool { return o == l })
		q.tidy(l)
	}
	return ctx.Err()
}

// release gives the place of a part to the next line.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.turns) == 0 {
		q.free++
		return
	}
	l := q.turns[0]
	q.turns = q.turns[1:]
	close(l.parts[0])
	l.parts = l.parts[1:]
	q.waiting--
	if len(l.parts) > 0 {
		q.turns = append(q.turns, l)
	}
	q.tidy(l)
}

// running is how many parts run.
func (q *queue) running() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.slots - q.free
}

// length is how many parts wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}
