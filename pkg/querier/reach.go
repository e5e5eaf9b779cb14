package querier

import (
	"context"
	"fmt"
	"time"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A boundedSource refuses scans over more than their tenant may read at once.
type boundedSource struct {
	scan.Source
	limits *limits.Overrides
}

// Open implements [scan.Source].
func (s boundedSource) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	snap, err := s.Source.Open(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := checkReach(snap.Directory(), req, s.limits.For(req.Tenant)); err != nil {
		_ = snap.Close()
		return nil, err
	}
	return snap, nil
}

// checkReach compares what a scan would read with the limits. Bytes are those of
// lines and metadata. They are limited for a part of a query as long as
// split_queries_by_interval, whether the query is cut up or not.
func checkReach(dir *scan.Directory, req *scan.Request, l *limits.Limits) error {
	maxBytes, maxChunks := uint64(l.MaxQuerierBytesRead), l.MaxChunksPerQuery
	var chunks int
	var bytes float64
	for i := range dir.Blocks {
		for _, r := range dir.Blocks[i].Runs {
			if part := share(r.Interval, req.Interval); part > 0 {
				chunks++
				bytes += part * float64(r.Bytes+r.MetadataBytes)
			}
		}
	}
	if maxChunks > 0 && chunks > maxChunks {
		return &engine.LimitError{Limit: "max_chunks_per_query", Text: fmt.Sprintf(
			"the query hit the max number of chunks limit (limit: %d chunks, %d matched, max_chunks_per_query); consider adding more specific stream selectors or reduce the time range of the query", maxChunks, chunks)}
	}
	if maxBytes == 0 || bytes <= float64(maxBytes) {
		return nil
	}
	if split := time.Duration(l.SplitQueriesByInterval); split > 0 {
		bytes = largestPart(dir, req, split)
	}
	if bytes <= float64(maxBytes) {
		return nil
	}
	return tooManyBytes("max_querier_bytes_read", "the query would read too many bytes in one part", uint64(bytes), maxBytes)
}

// largestPart is how many bytes the largest part of that length holds.
func largestPart(dir *scan.Directory, req *scan.Request, length time.Duration) float64 {
	parts := map[int64]float64{}
	largest := 0.0
	for i := range dir.Blocks {
		for _, r := range dir.Blocks[i].Runs {
			in := r.Interval.Intersect(req.Interval)
			if in.Empty() {
				continue
			}
			first, last := floorDiv(in.Mint, int64(length)), floorDiv(in.Maxt, int64(length))
			bytes := share(r.Interval, in) * float64(r.Bytes+r.MetadataBytes) / float64(last-first+1)
			for n := first; n <= last; n++ {
				parts[n] += bytes
				largest = max(largest, parts[n])
			}
		}
	}
	return largest
}
