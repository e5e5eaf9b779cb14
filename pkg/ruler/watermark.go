package ruler

import (
	"context"
	"time"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// How often it is looked whether later entries have come.
const (
	firstLook = 250 * time.Millisecond
	lastLook  = 5 * time.Second
)

// awaitData waits until entries up to at can be expected to have arrived: until
// each selector of the expression has found an entry later than that, but not
// past at + bound. What it returns is why the wait ended early, if ctx did that.
func (e *evaluator) awaitData(ctx context.Context, text string, at time.Time, bound time.Duration) error {
	left := bound - e.now().Sub(at)
	if left <= 0 {
		return nil
	}
	expr, err := rulefile.ParseExpr(text)
	if err != nil {
		return err
	}
	end := time.NewTimer(left)
	defer end.Stop()
	look := time.NewTimer(0)
	defer look.Stop()
	pause := firstLook
	selectors := selectorsOf(expr.Metric)
	for len(selectors) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return nil // nothing is later: the streams are quiet, or late beyond the bound
		case <-look.C:
		}
		if e.arrived(ctx, selectors[0], at) {
			selectors = selectors[1:]
			look.Reset(0)
			continue
		}
		look.Reset(pause)
		pause = min(2*pause, lastLook)
	}
	return nil
}

// selectorsOf are the streams that an expression reads: a line filter says nothing
// about what has arrived.
func selectorsOf(m syntax.Expr) []*syntax.LogSelector {
	var out []*syntax.LogSelector
	seen := map[string]bool{}
	syntax.Walk(m, func(n syntax.Node) bool {
		r, ok := n.(*syntax.LogRange)
		if !ok {
			return true
		}
		s := &syntax.LogSelector{Matchers: r.Selector.Matchers}
		if text := s.String(); !seen[text] {
			seen[text] = true
			out = append(out, s)
		}
		return true
	})
	return out
}

// arrived reports whether there is an entry later than at.
func (e *evaluator) arrived(ctx context.Context, s *syntax.LogSelector, at time.Time) bool {
	now := e.now()
	if !now.After(at) {
		return false
	}
	res, err := e.querier.Query(ctx, []string{e.tenant}, s, engine.Params{
		Start: at.UnixNano() + 1, End: now.UnixNano() + 1, Limit: 1, Direction: engine.Forward, NoCache: true,
	})
	if err != nil {
		return true // the evaluation will say why
	}
	streams, _ := res.Data.(engine.Streams)
	return len(streams) > 0
}
