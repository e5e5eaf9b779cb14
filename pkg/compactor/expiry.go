package compactor

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/storage"
)

// Expiry returns what of a tenant is past retention at a time, by the rules that a
// [Compactor] removes rows by: of the tenant's own limits, and of everybody's.
func Expiry(own, global *limits.Limits, now time.Time) (storage.Expiry, error) {
	r, err := retentionOf(own, global)
	if err != nil {
		return storage.Expiry{}, err
	}
	e := storage.Expiry{Of: func(l labels.Labels) int64 { return r.cutoff(now, l) }}
	add := func(period time.Duration, selects string) {
		if period != forever {
			e.Cutoffs = append(e.Cutoffs, storage.Cutoff{Name: fmt.Sprintf("%s %s", period, selects), Before: before(now, period)})
		}
	}
	add(r.period, "")
	for _, rules := range [][]retentionRule{r.own, r.global} {
		for _, rule := range rules {
			add(rule.period, fmt.Sprint(rule.priority, rule.matchers))
		}
	}
	return e, nil
}
