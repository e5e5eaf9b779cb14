package engine

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A rangeSink is the samples that one worker found.
type rangeSink struct {
	run     *rangeRun
	partial *partial
	streams []*sampler // by stream; nil where there was no row yet
	live    []*sampler // that have a pipeline
	keys    groupKeys
	stats   Stats
}

// maxPipelines is how many streams' pipelines a worker keeps. A query over a
// million streams makes them anew now and then; one over few never does.
const maxPipelines = 1024

// began notes that a stream has a pipeline, and lets go of those of others when
// there are too many.
func (s *rangeSink) began(sm *sampler) {
	if len(s.live) == maxPipelines {
		for _, old := range s.live {
			old.full, old.rest, old.last = nil, nil, nil
		}
		s.live = s.live[:0]
	}
	s.live = append(s.live, sm)
}

func (run *rangeRun) newSink() *rangeSink {
	return &rangeSink{
		run:     run,
		partial: newPartial(run.plan, run.windows, run.query.budget),
		streams: make([]*sampler, len(run.dir.Streams)),
	}
}

func (s *rangeSink) counts() *Stats { return &s.stats }

// stream returns the sampler of a stream.
func (s *rangeSink) stream(i int) *sampler {
	if s.streams[i] == nil {
		s.streams[i] = &sampler{sink: s, labels: s.run.dir.Streams[i].Labels, number: -1}
	}
	return s.streams[i]
}

const (
	// checkEvery is after how many rows or series memory is counted.
	checkEvery = 4096
	// cancelEvery is after how many rows a sink looks whether the query was
	// cancelled. Stages may take long for a row.
	cancelEvery = 64
)

func (s *rangeSink) add(ctx context.Context, p piece) error {
	if p.start == p.end {
		return nil
	}
	sm := s.stream(p.stream)
	answered := allAnswered(p.batch, len(s.run.plan.Filters))
	var err error
	switch {
	case s.run.answers(&p, answered):
		err = sm.fields(ctx, &p)
	case answered && len(s.run.plan.Rest) == 0 && s.run.plan.Unwrap == nil && (p.batch.Metadata == nil || s.run.fixed(p.stream)):
		sm.whole(&p)
	default:
		err = sm.rows(ctx, &p, answered, nil)
	}
	if err != nil {
		return err
	}
	return s.partial.settle()
}

// allAnswered reports whether the selection of a batch takes all filters of its
// request into account.
func allAnswered(b *scan.Batch, filters int) bool {
	if filters == 0 {
		return true
	}
	return len(b.Answered) == filters && !slices.Contains(b.Answered, false)
}

// A sampler makes samples of the rows of one stream.
type sampler struct {
	sink       *rangeSink
	labels     labels.Labels
	full, rest *pipeline.StreamPipeline // made at first use
	number     int                      // of the series of entries without metadata; -1 when not known
	last       *pipeline.LabelSet       // of the row before
	lastNumber int
}

// fixed is the number of the series of entries that have the labels of their
// stream and nothing else.
func (sm *sampler) fixed() int {
	if sm.number < 0 {
		p := sm.sink.partial
		sm.number = p.series(p.get(groupLabels(sm.labels, sm.sink.run.plan.Grouping)))
	}
	return sm.number
}

// whole adds the rows of a piece that are all in one series, without looking
// at more than their times and sizes.
func (sm *sampler) whole(p *piece) {
	w := sm.sink.run.windows
	number := sm.fixed()
	c := w.cursor()
	for start := p.start; start < p.end; {
		end, bucket := c.stretch(p, start)
		if bucket >= 0 {
			if n, bytes := sm.measure(p, start, end); n > 0 {
				v := float64(n)
				if sm.sink.run.measuresBytes() {
					v = float64(bytes)
				}
				sm.sink.partial.table.add(number, bucket, v, arrival{})
				sm.sink.stats.PostFilter += int64(n)
			}
		}
		start = end
	}
}

// measure counts the selected rows [start, end) and adds up their sizes.
func (sm *sampler) measure(p *piece, start, end int) (rows int, bytes int64) {
	all := p.keep == nil && p.batch.Selected == nil
	sizes := sm.sink.run.measuresBytes()
	if all && !sizes {
		return end - start, 0
	}
	if p.keep == nil && !sizes {
		return p.batch.Selected.CountRange(start, end), 0
	}
	if all && p.batch.Sizes != nil {
		for _, n := range p.batch.Sizes[start:end] {
			bytes += int64(n)
		}
		return end - start, bytes
	}
	for i := start; i < end; i++ {
		if !all && !p.selected(i) {
			continue
		}
		rows++
		if sizes {
			bytes += int64(rowSize(p.batch, i))
		}
	}
	return rows, bytes
}

func rowSize(b *scan.Batch, row int) int {
	if b.Sizes != nil {
		return int(b.Sizes[row])
	}
	return len(b.Lines[row])
}

// rows runs the pipeline over the rows of a piece that are in a set, nil for all.
func (sm *sampler) rows(ctx context.Context, p *piece, answered bool, of *scan.Bitset) error {
	run, b, sp := sm.sink.run, p.batch, sm.pipeline(answered)
	defer sp.Release()
	c := run.windows.cursor()
	p.list()
	var line string
	for row := p.start; row < p.end; row++ {
		if row%cancelEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		ts := p.time(row)
		bucket := c.at(ts)
		if bucket < 0 || !p.selected(row) || of != nil && !of.Get(row) {
			continue
		}
		if b.Lines != nil {
			line = b.Lines[row]
		}
		v := 1.0
		var set *pipeline.LabelSet
		var ok bool
		if run.plan.Unwrap != nil {
			v, set, ok = sp.Sample(ts, line, rowMetadata(b, row))
		} else {
			var out string
			out, set, ok = sp.Process(ts, line, rowMetadata(b, row))
			if run.measuresBytes() {
				v = float64(len(out))
				if b.Lines == nil {
					v = float64(b.Sizes[row])
				}
			}
		}
		if !ok {
			continue
		}
		sm.sink.stats.PostFilter++
		if set != sm.last {
			if err := sm.failed(set); err != nil {
				return err
			}
			part := sm.sink.partial
			sm.last, sm.lastNumber = set, part.series(part.number(set.All, set.Hash))
			if len(part.labels) > part.paid {
				// Labels may be long, so they are counted as they come.
				if err := part.settle(); err != nil {
					return err
				}
			}
		}
		sm.sink.partial.table.add(sm.lastNumber, bucket, v, arrival{ts, p.order, row})
		if row&(checkEvery-1) == checkEvery-1 {
			if err := sm.sink.partial.settle(); err != nil {
				return err
			}
		}
	}
	return nil
}

// pipeline returns the stages that are to run where the scan has answered the
// filters, or has not.
func (sm *sampler) pipeline(answered bool) *pipeline.StreamPipeline {
	run := sm.sink.run
	p, at := run.full, &sm.full
	if answered {
		p, at = run.rest, &sm.rest
	}
	if *at == nil {
		sm.sink.began(sm)
		*at = p.ForStream(sm.labels)
	}
	return *at
}

// failed returns the error of an entry that a stage could not read, unless the
// query asks to keep it.
func (sm *sampler) failed(set *pipeline.LabelSet) error {
	if set.Error == "" || set.PreserveError {
		return nil
	}
	return newPipelineError(sm.labels, set)
}
