package querier

import (
	"context"
	"errors"
	"strings"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/scan"
)

// survey calls fn with what the tenants have for a request, within their limits, and
// tells what it had to leave out. fn may be called again when an ingester goes away,
// and begins anew then.
func (q *Querier) survey(ctx context.Context, tenants []string, req *scan.Request, fn func(context.Context, *engine.Survey) error) error {
	ctx, cancel, iv, err := q.within(ctx, tenants, req.Interval)
	if err != nil {
		return err
	}
	defer cancel()
	if iv.Empty() {
		return nil
	}
	own := *req
	own.Interval = iv
	owner := strings.Join(tenants, "|")
	l := engine.Limits{Timeout: q.queryLimits(tenants).Timeout}
	var res *engine.Result
	for range maxRuns {
		res, err = q.engine.Survey(ctx, forTenants(boundedSource{q, q.limits}, tenants), &own, l, fn)
		if err == nil || q.gone == nil || !errors.Is(err, q.gone) || ctx.Err() != nil {
			break
		}
		level.Warn(q.logger).Log("msg", "an ingester went away during a question, which is asked again", "err", err, "tenant", owner)
	}
	if err != nil {
		return err
	}
	if res.Stats.BlocksDamaged > 0 {
		level.Error(q.logger).Log("msg", "blocks cannot be read; answers are incomplete", "err", strings.Join(res.Warnings, "; "), "tenant", owner, "blocks", res.Stats.BlocksDamaged)
	}
	tellGaps(ctx, res.Warnings...)
	return nil
}
