package querier

import (
	"context"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// Holdings names what a query would read of an interval. It is asked once for
// each selector of the query, in the order in which queries open their sources:
// ingesters first, so that no row is overlooked on its way to the store.
func (q *Querier) Holdings(ctx context.Context, tenants []string, expr syntax.Expr, in model.Interval) (scan.Holdings, error) {
	var selectors [][]*labels.Matcher
	syntax.Walk(expr, func(n syntax.Node) bool {
		if s, ok := n.(*syntax.LogSelector); ok {
			selectors = append(selectors, s.Matchers)
		}
		return true
	})
	var out scan.Holdings
	for _, matchers := range selectors {
		chosen := tenants
		if len(tenants) > 1 {
			chosen, matchers = chooseTenants(tenants, matchers)
		}
		for _, t := range chosen {
			h, err := q.holdings(ctx, &scan.Request{Tenant: t, Matchers: matchers, Interval: in})
			if err != nil {
				return scan.Holdings{}, err
			}
			out.Add(h)
		}
	}
	return out, nil
}

func (q *Querier) holdings(ctx context.Context, req *scan.Request) (scan.Holdings, error) {
	snaps, err := fromIngesters(ctx, q, func(ctx context.Context, s Source) (scan.Snapshot, error) {
		return s.Open(ctx, req)
	}, func(s scan.Snapshot) { _ = s.Close() })
	if err != nil {
		return scan.Holdings{}, err
	}
	var memory []model.Interval
	var generations []scan.Generation
	for _, s := range snaps {
		dir := s.Directory()
		generations = append(generations, dir.Generations...)
		for i := range dir.Blocks {
			in := model.Nothing
			for _, r := range dir.Blocks[i].Runs {
				in = in.Union(r.Interval)
			}
			memory = append(memory, in)
		}
		if err := s.Close(); err != nil {
			return scan.Holdings{}, fmt.Errorf("look at the memory of ingesters: %w", err)
		}
	}
	h, err := q.store.Holdings(ctx, req.Tenant, req.Interval, generations)
	if err != nil {
		return scan.Holdings{}, fmt.Errorf("look at the store: %w", err)
	}
	h.Memory = memory
	expiry, err := q.expiry(req.Tenant)
	if err != nil {
		return scan.Holdings{}, fmt.Errorf("retention of tenant %s: %w", req.Tenant, err)
	}
	for _, c := range expiry.Cutoffs {
		if c.Before <= req.Interval.Mint || c.Before == math.MinInt64 {
			continue
		}
		// What lies before a cutoff is no more what it was; where it is now, that changes.
		h.Stored = append(h.Stored, scan.Held{ID: req.Tenant + "/past " + c.Name, Interval: model.Interval{Mint: math.MinInt64, Maxt: c.Before - 1}})
		h.Memory = append(h.Memory, model.Interval{Mint: c.Before - 1, Maxt: c.Before})
	}
	return h, nil
}
