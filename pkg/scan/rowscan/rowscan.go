// Package rowscan is a source of entries that are simply held in memory: lines
// from a terminal, those of a unit test. It skips no work, and leaves filters and
// fields to the reader.
//
// A [Source] does not change, and is safe for concurrent use.
package rowscan

import (
	"cmp"
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Stream is entries under one set of labels, in the order of their arrival.
type Stream struct {
	Labels  labels.Labels
	Entries []model.Entry
}

// A Source holds streams. It has one tenant, and answers any.
type Source struct{ streams []stream }

// A stream is the distinct entries of a Stream, by time.
type stream struct {
	scan.Stream
	run        scan.Run // but for its number
	timestamps []int64
	lines      []string
	metadata   []model.Metadata
}

// New returns a source of these streams. Two with the same labels are one, and
// entries that are equal in time, line and metadata count once, as on a server.
func New(streams []Stream) *Source {
	s := &Source{}
	byLabels := map[string]int{}
	var entries [][]model.Entry
	for _, in := range streams {
		n, ok := byLabels[in.Labels.String()]
		if !ok {
			n = len(entries)
			byLabels[in.Labels.String()] = n
			entries = append(entries, nil)
			s.streams = append(s.streams, stream{Stream: scan.Stream{Labels: in.Labels, Hash: labels.StableHash(in.Labels)}})
		}
		entries[n] = append(entries[n], in.Entries...)
	}
	for n := range s.streams {
		s.streams[n].fill(entries[n])
	}
	return s
}

func (s *stream) fill(entries []model.Entry) {
	slices.SortStableFunc(entries, func(a, b model.Entry) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	s.run.Interval = model.Nothing
	since := 0 // the first row with the time of this one
	for _, e := range entries {
		if n := len(s.timestamps); n > 0 && s.timestamps[n-1] != e.Timestamp {
			since = n
		}
		if s.holds(since, &e) {
			continue
		}
		s.timestamps = append(s.timestamps, e.Timestamp)
		s.lines = append(s.lines, e.Line)
		s.metadata = append(s.metadata, e.Metadata)
		s.run.Interval = s.run.Interval.Extend(e.Timestamp)
		s.run.Rows++
		s.run.Bytes += int64(len(e.Line))
		for _, m := range e.Metadata {
			s.run.MetadataBytes += int64(len(m.Name) + len(m.Value))
		}
	}
}

// holds reports whether one of the rows from since on is e but for its time.
func (s *stream) holds(since int, e *model.Entry) bool {
	for i := since; i < len(s.lines); i++ {
		if s.lines[i] == e.Line && slices.Equal(s.metadata[i], e.Metadata) {
			return true
		}
	}
	return false
}

// Open implements [scan.Source]: each stream is a block.
func (s *Source) Open(_ context.Context, req *scan.Request) (scan.Snapshot, error) {
	out := &snapshot{interval: req.Interval}
next:
	for i := range s.streams {
		st := &s.streams[i]
		for _, m := range req.Matchers {
			if !m.Matches(st.Labels.Get(m.Name)) {
				continue next
			}
		}
		if !st.run.Interval.Overlaps(req.Interval) {
			continue
		}
		run := st.run
		run.Stream = len(out.dir.Streams)
		out.dir.Streams = append(out.dir.Streams, st.Stream)
		out.dir.Blocks = append(out.dir.Blocks, scan.Block{Order: scan.Order{Place: uint32(i)}, Runs: []scan.Run{run}})
		out.streams = append(out.streams, st)
	}
	return out, nil
}

type snapshot struct {
	interval model.Interval
	dir      scan.Directory
	streams  []*stream // by block
}

func (s *snapshot) Directory() *scan.Directory { return &s.dir }

func (s *snapshot) Close() error { return nil }

// Read implements [scan.Snapshot].
func (s *snapshot) Read(_ context.Context, i int, want scan.Want) (*scan.Batch, error) {
	st := s.streams[i]
	in := s.interval.Intersect(want.Interval)
	from, _ := slices.BinarySearch(st.timestamps, in.Mint)
	to := from
	for to < len(st.timestamps) && st.timestamps[to] <= in.Maxt {
		to++
	}
	b := &scan.Batch{
		Timestamps: st.timestamps[from:to],
		Lines:      st.lines[from:to],
		Metadata:   st.metadata[from:to],
	}
	if to > from {
		b.Runs = []scan.BatchRun{{Stream: i, Start: 0, End: to - from}}
	}
	if want.Columns.Has(scan.Sizes) {
		b.Sizes = make([]uint32, to-from)
		for n, line := range b.Lines {
			b.Sizes[n] = uint32(len(line))
		}
	}
	return b, nil
}
