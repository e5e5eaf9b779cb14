package querier

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/scan"
)

// A blindStore is a store that nothing is read of, for a querier of ingesters
// alone. Its masks still hide what is deleted of their memory.
type blindStore struct{ Store }

// Open implements [Store].
func (s blindStore) Open(ctx context.Context, req *scan.Request, exclude []scan.Generation) (scan.Snapshot, error) {
	// The masks are as new as the last look at the bucket.
	if _, err := s.Store.Holdings(ctx, req.Tenant, req.Interval, exclude); err != nil {
		return nil, err
	}
	return scan.Join(), nil
}

// LabelNames implements [Store].
func (blindStore) LabelNames(context.Context, *scan.Request) (names, gaps []string, err error) {
	return nil, nil, nil
}

// LabelValues implements [Store].
func (blindStore) LabelValues(context.Context, *scan.Request, string) (values, gaps []string, err error) {
	return nil, nil, nil
}

// Series implements [Store].
func (blindStore) Series(context.Context, *scan.Request) (series []labels.Labels, gaps []string, err error) {
	return nil, nil, nil
}
