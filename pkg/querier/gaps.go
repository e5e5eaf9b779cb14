package querier

import (
	"context"
	"slices"
	"sync"
)

// Gaps are what answers have to do without: a segment that cannot be read, a
// time that a limit does not let see. Whoever asks puts them into the context,
// and reads them when the answer is there. They are safe for concurrent use.
type Gaps struct {
	mu   sync.Mutex // guards list
	list []string
}

type gapsKey struct{}

// WithGaps returns a context whose questions tell the gaps in their answers.
func WithGaps(ctx context.Context) (context.Context, *Gaps) {
	g := &Gaps{}
	return context.WithValue(ctx, gapsKey{}, g), g
}

// List returns the gaps, sorted, each once.
func (g *Gaps) List() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.list)
	g.list = slices.Compact(g.list)
	return slices.Clone(g.list)
}

// Tell adds to them.
func (g *Gaps) Tell(gaps ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, gaps...)
}

// tellGaps adds to the gaps of a question, if anybody wants to know them.
func tellGaps(ctx context.Context, gaps ...string) {
	if g, ok := ctx.Value(gapsKey{}).(*Gaps); ok && len(gaps) > 0 {
		g.Tell(gaps...)
	}
}
