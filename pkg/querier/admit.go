package querier

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Demand is a query before it is run, with what its request says beside.
type Demand struct {
	Text   string // as it was asked
	Expr   syntax.Expr
	Params engine.Params
	// Tags are those of X-Query-Tags.
	Tags map[string]string
	// Own are limits that the request puts on itself. Where they are stricter
	// than the tenant's they count.
	Own RequestLimits
}

// RequestLimits are limits that a request puts on itself. The zero value of a
// limit is none.
type RequestLimits struct {
	MaxLength, MaxRange, MaxLookback time.Duration
	Timeout                          time.Duration // for whoever runs the query
	MaxEntries                       int
	MaxBytes                         uint64
	RequiredLabels                   []string
	MinimumLabels                    int
}

// Admit decides whether a query may be run, and returns its params as the limits
// that the request puts on itself leave them. It refuses queries that the
// operator blocked, selectors without the labels that a tenant requires, and
// those that would read too much.
func (q *Querier) Admit(ctx context.Context, tenants []string, d *Demand) (engine.Params, error) {
	p := d.Params
	for _, t := range tenants {
		l := q.limits.For(t)
		if blocks(l.BlockedQueries, d) {
			return p, &engine.LimitError{Limit: "blocked_queries", Text: "query blocked by policy"}
		}
		if err := checkSelectors(d.Expr, l.RequiredLabels, l.MinimumLabelsNumber); err != nil {
			return p, err
		}
		if err := checkSelectorCount(countSelectors(d.Expr), l); err != nil {
			return p, err
		}
	}
	if err := checkSelectors(d.Expr, d.Own.RequiredLabels, d.Own.MinimumLabels); err != nil {
		return p, err
	}
	own := engine.Limits{MaxLength: d.Own.MaxLength, MaxRange: d.Own.MaxRange, MaxEntries: d.Own.MaxEntries}
	if err := engine.Check(d.Expr, &p, &own); err != nil {
		return p, err
	}
	if oldest := q.oldest(tenants); p.Start < oldest {
		tellGaps(ctx, lookbackGap(oldest)) // Prepare moves the start
	}
	if d.Own.MaxLookback > 0 {
		if oldest := q.now().Add(-d.Own.MaxLookback).UnixNano(); p.Start < oldest {
			tellGaps(ctx, lookbackGap(oldest))
			p.Start, p.End = oldest, max(p.End, oldest-1)
		}
	}
	return p, q.admitBytes(ctx, tenants, d, &p)
}

// lookbackGap says what a limit on the past has left out.
func lookbackGap(oldest int64) string {
	return fmt.Sprintf("the answer begins at %s: nothing before may be looked at (max_query_lookback)", time.Unix(0, oldest).UTC().Format(time.RFC3339))
}

// blocks reports whether one of the rules is about the query.
func blocks(rules []limits.BlockQuery, d *Demand) bool {
	return slices.ContainsFunc(rules, func(r limits.BlockQuery) bool {
		if len(r.Types) > 0 && !slices.Contains(r.Types, typeOf(d.Expr)) {
			return false
		}
		for name, value := range r.Tags {
			if !strings.EqualFold(d.Tags[strings.ToLower(name)], value) {
				return false
			}
		}
		if r.Hash != 0 {
			h := fnv.New32()
			_, _ = h.Write([]byte(d.Text))
			return h.Sum32() == r.Hash
		}
		switch {
		case r.Pattern == "":
			return true
		case r.Regex:
			re, err := regexp.Compile(r.Pattern) // limits are validated before they are in force
			return err == nil && re.MatchString(d.Text)
		default:
			return strings.TrimSpace(r.Pattern) == strings.TrimSpace(d.Text)
		}
	})
}

// The types of queries that rules know.
const (
	metricQuery  = "metric"
	filterQuery  = "filter"  // for entries, through stages
	limitedQuery = "limited" // for the entries of streams as they are
)

func typeOf(e syntax.Expr) string {
	sel, ok := e.(*syntax.LogSelector)
	switch {
	case !ok:
		return metricQuery
	case len(sel.Stages) > 0:
		return filterQuery
	}
	return limitedQuery
}

// checkSelectors refuses selectors without the labels that they must have, or
// with too few.
func checkSelectors(e syntax.Expr, required []string, least int) error {
	if len(required) == 0 && least <= 0 {
		return nil
	}
	var err error
	eachSelector(e, func(s *syntax.LogSelector) {
		if err != nil {
			return
		}
		var names, missing []string
		for _, m := range s.Matchers {
			names = append(names, m.Name)
		}
		for _, name := range required {
			if !slices.Contains(names, name) {
				missing = append(missing, name)
			}
		}
		slices.Sort(names)
		present := len(slices.Compact(slices.Clone(names)))
		switch {
		case len(missing) > 0:
			err = &engine.LimitError{Limit: "required_labels", Text: fmt.Sprintf(
				"stream selector is missing required matchers [%s], labels present in the query were [%s] (required_labels)",
				strings.Join(missing, ", "), strings.Join(names, ", "))}
		case present < least:
			err = &engine.LimitError{Limit: "minimum_labels_number", Text: fmt.Sprintf(
				"stream selector has less label matchers than required: (present: [%s], number_present: %d, required_number_label_matchers: %d, minimum_labels_number)",
				strings.Join(names, ", "), present, least)}
		}
	})
	return err
}

func eachSelector(e syntax.Expr, fn func(*syntax.LogSelector)) {
	syntax.Walk(e, func(n syntax.Node) bool {
		if s, ok := n.(*syntax.LogSelector); ok {
			fn(s)
		}
		return true
	})
}

func countSelectors(e syntax.Expr) (n int) {
	eachSelector(e, func(*syntax.LogSelector) { n++ })
	return n
}

// CheckSelectors refuses a request with more selectors than the tenants may have
// in one.
func (q *Querier) CheckSelectors(tenants []string, n int) error {
	for _, t := range tenants {
		if err := checkSelectorCount(n, q.limits.For(t)); err != nil {
			return err
		}
	}
	return nil
}

func checkSelectorCount(n int, l *limits.Limits) error {
	if limit := l.MaxStreamsMatchersPerQuery; limit > 0 && n > limit {
		return &engine.LimitError{Limit: "max_streams_matchers_per_query", Text: fmt.Sprintf(
			"max streams matchers per query exceeded, matchers-count > limit (%d > %d, max_streams_matchers_per_query)", n, limit)}
	}
	return nil
}

// admitBytes refuses a query over streams that hold more than may be read. It is
// an estimate, of all bytes that lie in its time, whether a filter needs them or
// not.
func (q *Querier) admitBytes(ctx context.Context, tenants []string, d *Demand, p *engine.Params) error {
	limit := d.Own.MaxBytes
	for _, t := range tenants {
		limit = stricterBytes(limit, uint64(q.limits.For(t).MaxQueryBytesRead))
	}
	if limit == 0 || p.End < p.Start {
		return nil
	}
	var total uint64
	var err error
	count := func(matchers []*labels.Matcher, in model.Interval) {
		if err != nil {
			return
		}
		stats, statsErr := q.IndexStats(ctx, tenants, &scan.Request{Matchers: matchers, Interval: in})
		total, err = total+stats.Bytes, statsErr
	}
	if sel, ok := d.Expr.(*syntax.LogSelector); ok {
		count(sel.Matchers, model.Interval{Mint: p.Start, Maxt: p.End - 1})
	}
	syntax.Walk(d.Expr, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.LogRange); ok {
			count(r.Selector.Matchers, model.Interval{
				Mint: p.Start - int64(r.Range) - int64(r.Offset) + 1, Maxt: p.End - int64(r.Offset),
			})
		}
		return true
	})
	if err == nil && total > limit {
		err = tooManyBytes("max_query_bytes_read", "the query would read too many bytes", total, limit)
	}
	return err
}

func tooManyBytes(limit, what string, total, allowed uint64) error {
	return &engine.LimitError{Limit: limit, Text: fmt.Sprintf(
		"%s (query: %s, limit: %s, %s); consider adding more specific stream selectors or reduce the time range of the query",
		what, limits.Bytes(total), limits.Bytes(allowed), limit)}
}

func stricterBytes(a, b uint64) uint64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
