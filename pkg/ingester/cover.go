package ingester

import (
	"context"
	"fmt"

	"github.com/skaldlogs/skald/pkg/scan"
)

// Cover begins a new generation, and returns the last one before it: all that
// was acknowledged before the call is in that or in an earlier one, and all that
// is pushed after it is in a later one.
func (i *Ingester) Cover(context.Context) (scan.Generation, error) {
	// What is empty stays current, and takes what is pushed from here on.
	if err := i.flusher.freeze("delete"); err != nil {
		return scan.Generation{}, fmt.Errorf("cover what ingester %s has: %w", i.name, err)
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.current == nil {
		return scan.Generation{}, fmt.Errorf("cover what ingester %s has: %w", i.name, ErrNotRunning)
	}
	return scan.Generation{Ingester: i.name, ID: i.current.id - 1}, nil
}

// Oldest returns the first generation that is in memory or in the log: earlier
// ones cannot come back.
func (i *Ingester) Oldest(context.Context) (scan.Generation, error) {
	// The logs first: what leaves memory is among them until its log is gone.
	f := i.flusher
	f.mu.Lock()
	defer f.mu.Unlock()
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.current == nil {
		return scan.Generation{}, fmt.Errorf("look for the oldest generation of ingester %s: %w", i.name, ErrNotRunning)
	}
	oldest := i.current.id
	for _, g := range i.frozen {
		oldest = min(oldest, g.id)
	}
	for _, id := range f.leftover {
		oldest = min(oldest, id)
	}
	return scan.Generation{Ingester: i.name, ID: oldest}, nil
}
