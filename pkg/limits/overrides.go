package limits

import (
	"iter"
	"maps"
	"time"
)

// Overrides answers what holds for a tenant at this moment.
type Overrides struct {
	defaults *Limits
	file     func() *File
}

// NewOverrides returns the values of defaults, and those of the file that
// current returns for the tenants it names. A nil current, or one that returns
// nil, is a file without tenants. The defaults must not change any more.
func NewOverrides(defaults *Limits, current func() *File) *Overrides {
	if current == nil {
		current = func() *File { return nil }
	}
	return &Overrides{defaults: defaults, file: current}
}

// For returns all values of a tenant, as they are now. They are shared with
// others and must not be changed.
func (o *Overrides) For(tenant string) *Limits {
	if f := o.file(); f != nil {
		if l, ok := f.Overrides[tenant]; ok {
			return l
		}
	}
	return o.defaults
}

// Defaults returns the values of a tenant that the file does not name.
func (o *Overrides) Defaults() *Limits { return o.defaults }

// Tenants iterates over the tenants that the file names, in no order.
func (o *Overrides) Tenants() iter.Seq2[string, *Limits] {
	if f := o.file(); f != nil {
		return maps.All(f.Overrides)
	}
	return func(func(string, *Limits) bool) {}
}

// Rates of a push.

// IngestionRateStrategy is [GlobalRate] or [LocalRate], the same for all tenants.
func (o *Overrides) IngestionRateStrategy() string { return o.defaults.IngestionRateStrategy }

// IngestionRateBytes is how much a tenant may push per second.
func (o *Overrides) IngestionRateBytes(tenant string) float64 {
	return o.For(tenant).IngestionRateMB * (1 << 20)
}

// IngestionBurstBytes is how far a tenant may exceed its rate for a moment.
func (o *Overrides) IngestionBurstBytes(tenant string) int {
	return int(o.For(tenant).IngestionBurstSizeMB * (1 << 20))
}

// PerStreamRateLimit is how many bytes one stream may receive per second, and
// how far it may exceed that for a moment.
func (o *Overrides) PerStreamRateLimit(tenant string) (rate, burst Bytes) {
	l := o.For(tenant)
	return l.PerStreamRateLimit, l.PerStreamRateLimitBurst
}

// Streams.

// MaxLocalStreams is how many active streams a tenant may have in one ingester.
// 0 is no limit.
func (o *Overrides) MaxLocalStreams(tenant string) int { return o.For(tenant).MaxStreamsPerUser }

// MaxGlobalStreams is how many active streams a tenant may have in all
// ingesters. 0 is no limit.
func (o *Overrides) MaxGlobalStreams(tenant string) int {
	return o.For(tenant).MaxGlobalStreamsPerUser
}

// UnorderedWrites says whether a stream takes entries in any order.
func (o *Overrides) UnorderedWrites(tenant string) bool { return o.For(tenant).UnorderedWrites }

// IncrementDuplicateTimestamp says whether an entry moves by 1 ns when its
// stream has another line at its time.
func (o *Overrides) IncrementDuplicateTimestamp(tenant string) bool {
	return o.For(tenant).IncrementDuplicateTimestamp
}

// Entries.

// MaxLineSize is the longest line in bytes. 0 is no limit.
func (o *Overrides) MaxLineSize(tenant string) int { return o.For(tenant).MaxLineSize.Int() }

// Queries.

// MaxEntriesPerQuery is how many entries a log query may ask for. 0 is no limit.
func (o *Overrides) MaxEntriesPerQuery(tenant string) int {
	return o.For(tenant).MaxEntriesLimitPerQuery
}

// MaxQuerySeries is how many series a metric query may return. 0 is no limit.
func (o *Overrides) MaxQuerySeries(tenant string) int { return o.For(tenant).MaxQuerySeries }

// MaxQueryLength is the longest time range of a query. 0 is no limit.
func (o *Overrides) MaxQueryLength(tenant string) time.Duration {
	return time.Duration(o.For(tenant).MaxQueryLength)
}

// MaxQueryLookback is how far back a query may reach. 0 is no limit.
func (o *Overrides) MaxQueryLookback(tenant string) time.Duration {
	return time.Duration(o.For(tenant).MaxQueryLookback)
}

// MaxQueryRange is the longest [range] within a query. 0 is no limit.
func (o *Overrides) MaxQueryRange(tenant string) time.Duration {
	return time.Duration(o.For(tenant).MaxQueryRange)
}

// QueryTimeout is how long a query may take. 0 is no limit.
func (o *Overrides) QueryTimeout(tenant string) time.Duration {
	return time.Duration(o.For(tenant).QueryTimeout)
}

// SplitQueriesByInterval is the length of the parts of a range query, and with
// 0 a query is neither split nor aligned to its step.
func (o *Overrides) SplitQueriesByInterval(tenant string) time.Duration {
	return time.Duration(o.For(tenant).SplitQueriesByInterval)
}
