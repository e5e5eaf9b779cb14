package limits

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
