package querier

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// listFields finds the fields of all entries of streams: blocks list theirs, from
// templates and columns, and lines are looked at where these do not say.
func (q *Querier) listFields(ctx context.Context, tenants []string, req *FieldsRequest, only string) (*detector, error) {
	all, err := newDetector()
	if err != nil {
		return nil, err
	}
	all.only, all.limit = only, req.Limit
	of := &scan.Request{Matchers: req.Query.Matchers, Interval: model.Interval{Mint: req.Start, Maxt: req.End - 1}}
	err = q.survey(ctx, tenants, of, func(ctx context.Context, s *engine.Survey) error {
		clear(all.fields)
		l := &fieldListing{dir: s.Directory(), only: only}
		none := map[scan.FieldName]bool{}
		l.closed.Store(&none)
		listers, err := engine.Read(ctx, s, true, l.want, func() *listVisitor {
			return &listVisitor{
				listing:  l,
				detector: &detector{stages: all.stages, fields: map[string]*field{}, only: only, limit: req.Limit},
				streams:  map[int]*detectorStream{},
			}
		})
		for _, v := range listers {
			all.merge(v.detector)
		}
		return err
	})
	return all, err
}

// A fieldListing is what all visitors of a list share.
type fieldListing struct {
	dir  *scan.Directory
	only string

	mu     sync.Mutex                              // held while closed changes
	closed atomic.Pointer[map[scan.FieldName]bool] // fields of which enough is known
}

// want is what is wanted of a block.
func (l *fieldListing) want(block int) scan.Want {
	list := &scan.FieldList{Only: l.only, Closed: *l.closed.Load()}
	runs := l.dir.Blocks[block].Runs
	have := map[string]int{}
	for i := range runs {
		l.dir.Streams[runs[i].Stream].Labels.Range(func(l labels.Label) { have[l.Name]++ })
	}
	for name, n := range have {
		if n == len(runs) {
			list.Taken = append(list.Taken, name)
		} else {
			list.Disputed = append(list.Disputed, name)
		}
	}
	return scan.Want{Columns: scan.Lines | scan.Metadata, List: list}
}

// close says that enough is known of a field.
func (l *fieldListing) close(name scan.FieldName) {
	if (*l.closed.Load())[name] {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	closed := maps.Clone(*l.closed.Load())
	closed[name] = true
	l.closed.Store(&closed)
}

// A listVisitor finds fields. It is a visitor.
type listVisitor struct {
	listing  *fieldListing
	detector *detector
	last     *scan.FoundFields
	streams  map[int]*detectorStream
}

// maxListStreams is how many streams have pipelines at a time.
const maxListStreams = 64

// Visit implements [engine.Visitor].
func (v *listVisitor) Visit(ctx context.Context, rows engine.Rows) error {
	b := rows.Batch()
	if b.Found != nil && b.Found != v.last {
		v.last = b.Found
		v.detector.addFound(b.Found)
		for i := range b.Found.Fields {
			name := b.Found.Fields[i].FieldName
			// A value that is there closes a field, whose parser is then known.
			if f := v.detector.fields[name.Name]; f != nil && f.many && len(b.Found.Fields[i].Values) > 0 {
				v.listing.close(name)
			}
		}
	}
	start, end := rows.Bounds()
	var of *detectorStream
	for row := start; row < end; row++ {
		if b.Found != nil {
			if b.Found.Unread == nil {
				break
			}
			if row = b.Found.Unread.Next(row); row >= end {
				break
			}
		}
		if (row-start)%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if of == nil {
			of = v.stream(rows.Stream())
		}
		var md model.Metadata
		if b.Metadata != nil {
			md = b.Metadata[row]
		}
		of.addLine(b.Timestamps[row], b.Lines[row], md, true)
	}
	return nil
}

// stream returns the pipelines of a stream.
func (v *listVisitor) stream(n int) *detectorStream {
	s := v.streams[n]
	if s == nil {
		if len(v.streams) == maxListStreams {
			clear(v.streams)
		}
		s = v.detector.stream(v.listing.dir.Streams[n].Labels)
		v.streams[n] = s
	}
	return s
}
