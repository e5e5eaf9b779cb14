package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// LabelNames returns the label names, sorted, of the streams that all matchers
// select and that may have rows in the interval: a run of theirs overlaps it.
// Warnings tell what could not be asked.
func (s *Store) LabelNames(ctx context.Context, tenant string, matchers []*labels.Matcher, interval model.Interval) (names, warnings []string, err error) {
	return s.gather(ctx, tenant, interval, func(r *segment.Reader) []string {
		return r.LabelNames(matchers, interval)
	})
}

// LabelValues returns the values of one label, sorted, of the same streams.
func (s *Store) LabelValues(ctx context.Context, tenant, name string, matchers []*labels.Matcher, interval model.Interval) (values, warnings []string, err error) {
	return s.gather(ctx, tenant, interval, func(r *segment.Reader) []string {
		return r.LabelValues(name, matchers, interval)
	})
}

// gather puts together what segments know.
func (s *Store) gather(ctx context.Context, tenant string, interval model.Interval, of func(*segment.Reader) []string) (found, warnings []string, err error) {
	var mu sync.Mutex
	set := map[string]struct{}{}
	warnings, err = s.eachSegment(ctx, tenant, interval, func(r *segment.Reader) {
		some := of(r)
		mu.Lock()
		defer mu.Unlock()
		for _, v := range some {
			set[v] = struct{}{}
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return slices.Sorted(maps.Keys(set)), warnings, nil
}

// Series returns the label sets of the same streams, in the order of labels.
func (s *Store) Series(ctx context.Context, tenant string, matchers []*labels.Matcher, interval model.Interval) (series []labels.Labels, warnings []string, err error) {
	var mu sync.Mutex
	byHash := map[uint64][]labels.Labels{}
	warnings, err = s.eachSegment(ctx, tenant, interval, func(r *segment.Reader) {
		streams := r.Streams(matchers, interval)
		mu.Lock()
		defer mu.Unlock()
		for _, stream := range streams {
			same := func(l labels.Labels) bool { return labels.Equal(l, stream.Labels) }
			if !slices.ContainsFunc(byHash[stream.Hash], same) {
				byHash[stream.Hash] = append(byHash[stream.Hash], stream.Labels)
				series = append(series, stream.Labels)
			}
		}
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(series, labels.Compare)
	return series, warnings, nil
}

// eachSegment calls fn for the segments of a tenant around an interval, several
// at once.
func (s *Store) eachSegment(ctx context.Context, tenant string, interval model.Interval, fn func(*segment.Reader)) (warnings []string, err error) {
	p, err := s.pin(ctx, tenant, interval, nil)
	if err != nil {
		return nil, fmt.Errorf("list streams of tenant %s: %w", tenant, err)
	}
	defer p.unpin()
	err = p.each(ctx, func(_ int, r *segment.Reader) error {
		fn(r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list streams of tenant %s: %w", tenant, err)
	}
	return p.warnings, nil
}
