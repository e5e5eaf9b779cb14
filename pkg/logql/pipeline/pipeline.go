package pipeline

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
)

// Options say what is wanted of a pipeline. The zero value asks for lines and
// all labels.
type Options struct {
	// Grouping keeps of the labels only those by which a metric is grouped. An
	// error stays visible in [LabelSet.Error] even so.
	Grouping *syntax.Grouping
	// Unwrap is the label whose value is the sample; see [StreamPipeline.Sample].
	Unwrap *syntax.Unwrap
}

// A Pipeline is compiled stages.
type Pipeline struct {
	stages   []stage
	grouping *syntax.Grouping
	unwrap   *unwrap
	needs    needs // by the stages and by the result; only these labels are made
}

// A StageError says why a stage cannot be compiled.
type StageError struct {
	Stage syntax.Stage
	Err   error
}

func (e *StageError) Error() string {
	return fmt.Sprintf("parse error : stage '%s' : %s", e.Stage, e.Err)
}

// Unwrap returns the reason.
func (e *StageError) Unwrap() error { return e.Err }

// Compile prepares stages to run. The error, if any, is a [*StageError].
func Compile(stages []syntax.Stage, opts Options) (*Pipeline, error) {
	p := &Pipeline{grouping: opts.Grouping, needs: neededBy(opts)}
	var after []stage
	if opts.Unwrap != nil {
		p.unwrap = newUnwrap(opts.Unwrap, opts.Grouping)
		for _, f := range opts.Unwrap.Filters {
			s, err := compileStage(f)
			if err != nil {
				return nil, &StageError{f, err}
			}
			after = append(after, s)
		}
		p.unwrap.filters = after
		for i := len(after) - 1; i >= 0; i-- {
			after[i].need(&p.needs)
		}
		p.needs.label(opts.Unwrap.Label)
	}

	compiled := make([]stage, len(stages))
	for i, s := range stages {
		c, err := compileStage(s)
		if err != nil {
			return nil, &StageError{s, err}
		}
		compiled[i] = c
	}
	// From the last stage to the first, each is asked what it looks at. A parser
	// that nobody behind it looks at has no work.
	keep := make([]bool, len(compiled))
	for i := len(compiled) - 1; i >= 0; i-- {
		keep[i] = !compiled[i].idle(&p.needs)
		if keep[i] {
			compiled[i].need(&p.needs)
		}
	}
	for i, s := range compiled {
		if keep[i] {
			p.stages = append(p.stages, s)
		}
	}
	return p, nil
}

// ForStream returns the pipeline for the entries of a stream.
func (p *Pipeline) ForStream(stream labels.Labels) *StreamPipeline {
	return &StreamPipeline{
		pipeline: p,
		entry:    newEntry(stream, &p.needs),
		sets:     newSetCache(p.grouping),
	}
}

// A StreamPipeline runs a [Pipeline] over the entries of one stream. It belongs
// to one goroutine.
type StreamPipeline struct {
	pipeline *Pipeline
	entry    *entry
	sets     *setCache
}

// Process runs the stages over an entry. When ok is false, a filter dropped it.
//
// The line returned is the one given, a part of it, or one that a stage wrote;
// it is valid until the next call. The label set stays valid. Entries with the
// same labels mostly share one, but only as many are remembered as memory allows:
// two sets may be equal.
func (s *StreamPipeline) Process(ts int64, line string, md model.Metadata) (_ string, set *LabelSet, ok bool) {
	if !s.run(ts, line, md) {
		return "", nil, false
	}
	return s.entry.line, s.sets.get(s.entry), true
}

// Sample runs the stages over an entry and unwraps the value of its label.
// When ok is false, a filter dropped the entry or it has no such label.
// The label that was unwrapped is not in the set, unless the grouping names it. When
// the set has an error, the value is 0.
func (s *StreamPipeline) Sample(ts int64, line string, md model.Metadata) (value float64, set *LabelSet, ok bool) {
	if !s.run(ts, line, md) {
		return 0, nil, false
	}
	value, ok = s.pipeline.unwrap.sample(s.entry)
	if !ok {
		return 0, nil, false
	}
	return value, s.sets.get(s.entry), true
}

// Fields runs the stages over an entry and calls fn with the labels that are not the
// stream's: first with those of metadata, then, unless a stage has failed, with those
// that stages found. It is cheaper than Process where labels differ from entry to entry.
// The strings are valid during the call.
func (s *StreamPipeline) Fields(ts int64, line string, md model.Metadata, fn func(name, value string, parsed bool)) (failed, ok bool) {
	if !s.run(ts, line, md) {
		return false, false
	}
	e := s.entry
	for _, parsed := range [...]bool{false, true} {
		if parsed && e.failed() {
			return true, true
		}
		for i := range e.fields {
			if f := &e.fields[i]; parsed == (f.category == categoryParsed) {
				fn(f.name, f.value, parsed)
			}
		}
	}
	return false, true
}

// Release gives up the memory of what stages wrote, where it is much. The line
// returned last is not valid any more.
func (s *StreamPipeline) Release() { s.entry.release() }

// maxEntryText is how much stages may write for one entry, in bytes. Queries may
// have thousands of stages, and each may write a line anew.
const maxEntryText = 32 << 20

func (s *StreamPipeline) run(ts int64, line string, md model.Metadata) bool {
	s.entry.reset(ts, line, md)
	for _, stage := range s.pipeline.stages {
		if !stage.process(s.entry) {
			return false
		}
		if len(s.entry.scratch) > maxEntryText {
			s.entry.fail(ErrTemplateFormat, "stages write too much for one line")
			return true
		}
	}
	return true
}
