package ruler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// A Querier evaluates queries in the name of a tenant, within its limits.
type Querier interface {
	Query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*engine.Result, error)
}

// An evaluator evaluates the expressions of one tenant.
type evaluator struct {
	tenant  string
	querier Querier
	logger  log.Logger
	queries func(err error) // counts
	wait    time.Duration   // for data, at most; 0 is not at all
	now     func() time.Time
}

// query is the rule manager's way to ask.
func (e *evaluator) query(ctx context.Context, text string, at time.Time) (promql.Vector, error) {
	if e.wait > 0 {
		if err := e.awaitData(ctx, text, at, e.wait); err != nil {
			return nil, err
		}
	}
	var v promql.Vector
	err := guard.Do(func() (err error) {
		v, err = e.vector(ctx, text, at)
		return err
	})
	e.queries(err)
	return v, err
}

func (e *evaluator) vector(ctx context.Context, text string, at time.Time) (promql.Vector, error) {
	expr, err := rulefile.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	ts := at.UnixNano()
	res, err := e.querier.Query(ctx, []string{e.tenant}, expr.Metric, engine.Params{Start: ts, End: ts, NoCache: true})
	if err != nil {
		return nil, err
	}
	if len(res.Warnings) > 0 {
		// A rule that counts too little must not be taken for one that is content.
		return nil, fmt.Errorf("the answer is not whole: %s", strings.Join(res.Warnings, "; "))
	}
	switch data := res.Data.(type) {
	case promql.Vector:
		return data, nil
	case promql.Scalar:
		return promql.Vector{{T: data.T, F: data.V, Metric: labels.EmptyLabels()}}, nil
	}
	return nil, errors.New("rule result is not a vector or scalar")
}

// Evidence is the annotation by which an alert carries the last lines that made
// it fire: its value in a rule is how many, and what is sent are the lines.
const Evidence = "skald_evidence"

// Bounds of evidence.
const (
	evidenceLines   = 20
	evidenceLine    = 512 // bytes of a line
	evidenceTimeout = 10 * time.Second
)

// evidence returns the last lines that the first selector of an expression finds
// for an alert, up to n, the newest first.
func (e *evaluator) evidence(ctx context.Context, text string, alert labels.Labels, at time.Time, n int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, evidenceTimeout)
	defer cancel()
	query, back, err := evidenceQuery(text, alert)
	if err != nil {
		return "", err
	}
	end := at.UnixNano() + 1
	res, err := e.querier.Query(ctx, []string{e.tenant}, query, engine.Params{
		Start: end - int64(back), End: end, Limit: max(1, min(n, evidenceLines)), Direction: engine.Backward,
	})
	if err != nil {
		return "", err
	}
	streams, _ := res.Data.(engine.Streams)
	return formatEvidence(streams, n), nil
}

// evidenceQuery is the log query behind the first range of a rule, narrowed to
// what an alert is about, and how far back the range looks.
func evidenceQuery(text string, alert labels.Labels) (*syntax.LogSelector, time.Duration, error) {
	expr, err := rulefile.ParseExpr(text)
	if err != nil {
		return nil, 0, err
	}
	var found *syntax.LogRange
	var by []string
	syntax.Walk(expr.Metric, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.LogRange:
			if found == nil {
				found = n
			}
		case *syntax.VectorAggregation:
			if n.Grouping != nil && !n.Grouping.Without && found == nil {
				by = n.Grouping.Labels
			}
		case *syntax.RangeAggregation:
			if n.Grouping != nil && !n.Grouping.Without && found == nil {
				by = n.Grouping.Labels
			}
		}
		return true
	})
	if found == nil {
		return nil, 0, errors.New("the rule selects no lines")
	}
	query := found.Selector.String()
	for _, name := range by {
		if v := alert.Get(name); v != "" {
			query += fmt.Sprintf(" | %s=%q", name, v)
		}
	}
	s, err := syntax.ParseLogSelector(query)
	return s, found.Range + found.Offset, err
}

// formatEvidence writes lines in the order of time, the newest first.
func formatEvidence(streams engine.Streams, n int) string {
	type at struct {
		ts   int64
		line string
	}
	var lines []at
	for _, s := range streams {
		for _, e := range s.Entries {
			lines = append(lines, at{e.Timestamp, e.Line})
		}
	}
	slices.SortStableFunc(lines, func(a, b at) int { return cmp.Compare(b.ts, a.ts) })
	var b strings.Builder
	for i, l := range lines {
		if i == min(n, evidenceLines) {
			break
		}
		line := strings.ToValidUTF8(l.line, "\uFFFD")
		if len(line) > evidenceLine {
			line = strings.ToValidUTF8(line[:evidenceLine], "") + "…"
		}
		fmt.Fprintf(&b, "%s %s\n", time.Unix(0, l.ts).UTC().Format(time.RFC3339Nano), line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// lost tells that evidence could not be found; the alert goes out without.
func (e *evaluator) lost(err error, alert labels.Labels) {
	level.Warn(e.logger).Log("msg", "an alert goes out without its evidence", "alert", alert, "err", err)
}
