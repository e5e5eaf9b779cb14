package querier

import (
	"context"
	"fmt"
	"math"
	"time"

	prommodel "github.com/prometheus/common/model"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// within applies the limits of the tenants to a question that is no query: how
// far it may look back, how much time it may span, and how long it may take.
func (q *Querier) within(ctx context.Context, tenants []string, iv model.Interval) (context.Context, context.CancelFunc, model.Interval, error) {
	if oldest := q.oldest(tenants); iv.Mint < oldest {
		tellGaps(ctx, lookbackGap(oldest))
		iv.Mint = oldest
	}
	l := q.queryLimits(tenants)
	if length := time.Duration(iv.Maxt - iv.Mint); l.MaxLength > 0 && !iv.Empty() && (length > l.MaxLength || length < 0) {
		return nil, nil, iv, &engine.LimitError{
			Limit: "max_query_length",
			Text:  fmt.Sprintf("the query time range exceeds the limit (query length: %s, limit: %s)", length, prommodel.Duration(l.MaxLength)),
		}
	}
	ctx, cancel := engine.WithTimeout(ctx, l.Timeout)
	return ctx, cancel, iv, nil
}

// snapshots opens what each of the tenants has for the request, within their
// limits, and calls fn with it and with the interval that they allow. The
// snapshot is closed behind fn.
func (q *Querier) snapshots(ctx context.Context, tenants []string, req *scan.Request, fn func(context.Context, scan.Snapshot, model.Interval) error) error {
	ctx, cancel, iv, err := q.within(ctx, tenants, req.Interval)
	if err != nil {
		return err
	}
	defer cancel()
	if iv.Empty() {
		return nil
	}
	if len(tenants) > 1 {
		chosen, matchers := chooseTenants(tenants, req.Matchers)
		tenants, req = chosen, withMatchers(req, matchers)
	}
	for _, t := range tenants {
		own := ofTenant(req, t)
		own.Interval = iv
		snap, err := q.Open(ctx, own)
		if err != nil {
			return err
		}
		tellGaps(ctx, snap.Directory().Warnings...)
		err = fn(ctx, snap, iv)
		if closeErr := snap.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// share is which part of a run's rows lies in an interval, as far as that can be
// told from its own: all of them, none, or as much as of its time.
func share(run, in model.Interval) float64 {
	both := run.Intersect(in)
	switch {
	case both.Empty():
		return 0
	case both == run:
		return 1
	}
	// As floats: the whole of time is more nanoseconds than an int64 can count.
	length := func(i model.Interval) float64 { return float64(i.Maxt) - float64(i.Mint) + 1 }
	return length(both) / length(run)
}

// IndexStats adds up what the selected streams hold in the interval of the
// request. Runs that reach beyond it count in proportion. Bytes are those of
// lines; copies of an entry that are not merged yet count as often as they are
// there.
func (q *Querier) IndexStats(ctx context.Context, tenants []string, req *scan.Request) (loghttp.IndexStatsResponse, error) {
	var out loghttp.IndexStatsResponse
	var rows, bytes float64
	err := q.snapshots(ctx, tenants, req, func(_ context.Context, snap scan.Snapshot, iv model.Interval) error {
		type chunk struct {
			stream     int
			generation uint64
		}
		dir := snap.Directory()
		streams, chunks := map[int]bool{}, map[chunk]bool{}
		for i := range dir.Blocks {
			b := &dir.Blocks[i]
			for _, r := range b.Runs {
				part := share(r.Interval, iv)
				if part == 0 {
					continue
				}
				streams[r.Stream] = true
				chunks[chunk{r.Stream, b.Order.Generation}] = true
				rows += part * float64(r.Rows)
				bytes += part * float64(r.Bytes)
			}
		}
		out.Streams += uint64(len(streams))
		out.Chunks += uint64(len(chunks))
		return nil
	})
	out.Entries, out.Bytes = uint64(math.Round(rows)), uint64(math.Round(bytes))
	return out, err
}
