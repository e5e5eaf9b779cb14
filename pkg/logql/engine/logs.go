package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// logs answers a log query.
func (q *query) logs(ctx context.Context, e *syntax.LogSelector) (*Result, error) {
	filters, rest := plan.PushFilters(e.Stages)
	full, left, err := compile(e.Stages, e.Stages, rest, pipeline.Options{})
	if err != nil {
		return nil, err
	}
	p := &q.params
	if p.Limit <= 0 || p.Start >= p.End {
		return &Result{Data: Streams{}}, nil
	}
	run := &logRun{query: q, full: full, rest: left, stages: len(e.Stages) > 0, filters: len(filters)}
	run.pushed = pushLogs(rest)
	if p.Interval == 0 && plan.PushFields(rest).Filters {
		run.limit = p.Limit
	}
	run.want = model.Interval{Mint: p.Start, Maxt: p.End - 1}
	req := &scan.Request{Tenant: q.tenant, Matchers: e.Matchers, Interval: run.want, Filters: filters}
	if t := explain.From(ctx); t != nil {
		run.trace = t.Scan(planOf(e.String(), req, rest, run.pushed))
	}
	snap, err := q.open(ctx, req, run.trace)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	data, err := run.scan(ctx, snap)
	run.trace.Ran(time.Since(began))
	if closeErr := snap.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	return &Result{Data: data}, nil
}

// A logRun is one run of a log query.
type logRun struct {
	query      *query
	want       model.Interval
	full, rest *pipeline.Pipeline
	stages     bool // there are some
	filters    int  // of the request
	pushed     *pushed
	limit      int // of the rows of a block that may matter, 0 for none
	dir        *scan.Directory
	ranks      []int // by stream: its place in the order of labels
	picker     *picker
	trace      *explain.Scan // nil where nobody wants to know
}

// scan reads blocks from the newest (or oldest) on, until no other can matter.
func (run *logRun) scan(ctx context.Context, snap scan.Snapshot) (Streams, error) {
	run.dir = snap.Directory()
	lay := newLayout(run.dir, run.want, nil)
	run.ranks = rankStreams(run.dir)
	run.picker = newPicker(&run.query.params, run.query.budget)

	var order []int
	for b := range lay.blocks {
		if !lay.blocks[b].interval.Empty() {
			order = append(order, b)
		}
	}
	backward := run.query.params.Direction == Backward
	bound := func(b int) int64 { // the first time that the block may have, in the direction
		if backward {
			return lay.blocks[b].interval.Maxt
		}
		return lay.blocks[b].interval.Mint
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if backward {
			return cmp.Compare(bound(b), bound(a))
		}
		return cmp.Compare(bound(a), bound(b))
	})

	workers := max(1, min(run.query.parallelism(), run.likely(order)))
	if run.query.params.Interval > 0 {
		workers = 1 // thinning goes from entry to entry
	}
	sinks := make([]sink, workers)
	for i := range sinks {
		sinks[i] = &logSink{run: run, streams: make([]logStream, len(run.dir.Streams))}
	}
	rd := &reading{
		query: run.query, snap: snap, dir: run.dir, layout: lay, order: order, trace: run.trace,
		need: func(b int) need {
			n := lay.need(b, scan.Lines|scan.Metadata)
			n.first.Interval = n.first.Interval.Intersect(run.picker.open())
			fields := run.pushed.of(run.dir, b, &lay.blocks[b])
			if fields != nil {
				n.ask(fields, lay.shares(b))
			}
			if run.limit > 0 && (run.pushed == nil || n.first.Fields != nil) {
				n.first.Limit, n.first.Oldest = run.limit, !backward
			}
			return n
		},
		enough: func(next int) bool { return run.picker.enough(bound(order[next])) },
	}
	if err := rd.run(ctx, sinks); err != nil {
		return nil, err
	}
	return collect(run.picker.result(), run.query.params.Categorize), nil
}

// likely is how many of the blocks the query will need: reading more of them at
// once would be for nothing. With stages, all of them may be needed.
func (run *logRun) likely(order []int) int {
	if run.stages {
		return len(order)
	}
	rows := 0
	for i, b := range order {
		if rows >= run.query.params.Limit {
			return i
		}
		for _, r := range run.dir.Blocks[b].Runs {
			rows += r.Rows
		}
	}
	return len(order)
}

// rankStreams returns the place of each stream in the order of labels.
func rankStreams(dir *scan.Directory) []int {
	order := make([]int, len(dir.Streams))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return labels.Compare(dir.Streams[a].Labels, dir.Streams[b].Labels) })
	ranks := make([]int, len(order))
	for rank, stream := range order {
		ranks[stream] = rank
	}
	return ranks
}

// A logSink runs the pipeline for one worker.
type logSink struct {
	run     *logRun
	streams []logStream // by stream
	live    []int       // streams that have a pipeline
	stats   Stats
}

// A logStream is the pipelines of a stream, made at first use.
type logStream struct{ full, rest *pipeline.StreamPipeline }

func (s *logSink) counts() *Stats { return &s.stats }

// add offers the rows of a piece to the picker, in the direction of the query:
// once it takes no more of a time, it takes none of those behind.
func (s *logSink) add(ctx context.Context, p piece) error {
	if p.start == p.end {
		return nil
	}
	sp := s.pipeline(&p)
	defer sp.Release()
	backward := s.run.query.params.Direction == Backward
	pick := s.run.picker
	for i := range p.end - p.start {
		row := p.start + i
		if backward {
			row = p.end - 1 - i
		}
		if i%cancelEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !p.selected(row) {
			continue
		}
		ts := p.time(row)
		if !pick.wants(ts) {
			return nil
		}
		line, set, ok := sp.Process(ts, p.batch.Lines[row], rowMetadata(p.batch, row))
		if !ok {
			continue
		}
		s.stats.PostFilter++
		if err := pick.add(found{at: arrival{ts, p.order, row}, stream: s.run.ranks[p.stream], line: line, set: set}); err != nil {
			return err
		}
	}
	return nil
}

// pipeline returns the stages that are to run over a piece.
func (s *logSink) pipeline(p *piece) *pipeline.StreamPipeline {
	from, at := s.run.full, &s.streams[p.stream].full
	if allAnswered(p.batch, s.run.filters) {
		from, at = s.run.rest, &s.streams[p.stream].rest
	}
	if *at == nil {
		if len(s.live) == maxPipelines {
			for _, old := range s.live {
				s.streams[old] = logStream{}
			}
			s.live = s.live[:0]
		}
		s.live = append(s.live, p.stream)
		*at = from.ForStream(s.run.dir.Streams[p.stream].Labels)
	}
	return *at
}

// collect sorts entries, which are in their order, into streams.
func collect(entries []found, categorize bool) Streams {
	names := newNumbering()
	bySet := map[*pipeline.LabelSet]int{}
	var streams Streams
	for i := range entries {
		e := &entries[i]
		n, ok := bySet[e.set]
		if !ok {
			ls := e.set.All
			if categorize {
				ls = e.set.Stream
			}
			n = names.exact(ls)
			if n == len(streams) {
				streams = append(streams, Stream{Labels: ls})
			}
			bySet[e.set] = n
		}
		out := Entry{Timestamp: e.at.ts, Line: e.line}
		if categorize {
			out.Metadata, out.Parsed = e.set.Metadata, e.set.Parsed
		}
		streams[n].Entries = append(streams[n].Entries, out)
	}
	return sortStreams(streams)
}

// sortStreams orders streams by the text of their labels.
func sortStreams(streams Streams) Streams {
	type named struct {
		text   string
		stream Stream
	}
	list := make([]named, len(streams))
	for i, s := range streams {
		list[i] = named{s.Labels.String(), s}
	}
	slices.SortFunc(list, func(a, b named) int { return strings.Compare(a.text, b.text) })
	for i := range list {
		streams[i] = list[i].stream
	}
	return streams
}
