package limits

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grafana/regexp"
)

// minRetention is how short retention may be. Loki takes a day or more; shorter
// makes sense where the bucket is not one object for each stream.
const minRetention = Duration(time.Minute)

// Validate reports values that make no sense, all of them.
func (l *Limits) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			wrong("%s: %q is none of %v", key, value, allowed)
		}
	}

	oneOf("ingestion_rate_strategy", l.IngestionRateStrategy, GlobalRate, LocalRate)
	oneOf("deletion_mode", l.DeletionMode, DeletionDisabled, DeletionFilter, DeletionFilterAnd)
	oneOf("tsdb_sharding_strategy", l.TSDBShardingStrategy, "power_of_two", "bounded")
	if l.IngestionRateMB < 0 || l.IngestionBurstSizeMB < 0 {
		wrong("ingestion_rate_mb and ingestion_burst_size_mb must not be negative")
	}
	if n := l.MaxLineSizeTruncateIdentifier; l.MaxLineSizeTruncate && l.MaxLineSize > 0 && len(n) > l.MaxLineSize.Int() {
		wrong("max_line_size_truncate_identifier (%d bytes) is longer than max_line_size (%s)", len(n), l.MaxLineSize)
	}
	if c := l.BlockIngestionStatusCode; c < 200 || c > 599 {
		wrong("block_ingestion_status_code: %d is not the code of a final answer (200 to 599)", c)
	}
	if p := l.RetentionPeriod; p != 0 && p < minRetention {
		wrong("retention_period: %s is less than %s", p, minRetention)
	}
	for i, r := range l.RetentionStream {
		if r.Selector == "" {
			wrong("retention_stream, rule %d: selector is missing", i+1)
		}
		if r.Period < minRetention {
			wrong("retention_stream, rule %d: period %s is less than %s", i+1, r.Period, minRetention)
		}
	}
	for i, b := range l.BlockedQueries {
		for _, t := range b.Types {
			oneOf(fmt.Sprintf("blocked_queries, rule %d: types", i+1), t, "filter", "limited", "metric")
		}
		if !b.Regex {
			continue
		}
		if _, err := regexp.Compile(b.Pattern); err != nil {
			wrong("blocked_queries, rule %d: %w", i+1, err)
		}
	}
	if err := l.OTLPConfig.validate(); err != nil {
		wrong("otlp_config: %w", err)
	}
	return errors.Join(errs...)
}
