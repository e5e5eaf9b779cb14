package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// LabelNames returns the label names, sorted, of the streams that all matchers
// of the request select and that may have rows in its interval: a run of theirs
// overlaps it. The gaps tell of segments that cannot be asked.
func (s *Store) LabelNames(ctx context.Context, req *scan.Request) (names, gaps []string, err error) {
	return s.gather(ctx, req, func(r *segment.Reader) []string {
		return r.LabelNames(req.Matchers, req.Interval)
	})
}

// LabelValues returns the values of one label, sorted, of the same streams.
func (s *Store) LabelValues(ctx context.Context, req *scan.Request, name string) (values, gaps []string, err error) {
	return s.gather(ctx, req, func(r *segment.Reader) []string {
		return r.LabelValues(name, req.Matchers, req.Interval)
	})
}

// gather puts together what segments know.
func (s *Store) gather(ctx context.Context, req *scan.Request, of func(*segment.Reader) []string) (list, gaps []string, err error) {
	var mu sync.Mutex // guards set
	set := map[string]struct{}{}
	gaps, err = s.eachSegment(ctx, req, func(r *segment.Reader) {
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
	return slices.Sorted(maps.Keys(set)), gaps, nil
}

// Series returns the label sets of the same streams, in the order of labels.
func (s *Store) Series(ctx context.Context, req *scan.Request) (series []labels.Labels, gaps []string, err error) {
	var mu sync.Mutex // guards what follows
	byHash := map[uint64][]labels.Labels{}
	gaps, err = s.eachSegment(ctx, req, func(r *segment.Reader) {
		streams := r.Streams(req.Matchers, req.Interval)
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
	return series, gaps, nil
}

// eachSegment calls fn for the segments of a tenant around an interval, several
// at once, and tells of those that cannot be read.
func (s *Store) eachSegment(ctx context.Context, req *scan.Request, fn func(*segment.Reader)) (gaps []string, err error) {
	p, err := s.pin(ctx, req.Tenant, req.Interval, nil)
	if err == nil {
		defer p.unpin()
		err = p.each(ctx, func(_ int, r *segment.Reader) error {
			fn(r)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list streams of tenant %s: %w", req.Tenant, err)
	}
	return p.warnings, nil
}
