package stage

import (
	"fmt"
	"sync"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// Options are what a pipeline needs of the agent. The zero value works.
type Options struct {
	// Job is the job_name of the scrape config, for logs.
	Job string
	// Metrics hold what stages count; nil is for counts that nobody sees. The
	// pipelines of an agent share one.
	Metrics *Metrics
	// Clock gives times to entries that are to have the time of now.
	Clock *entry.Clock
	// Observe, if not nil, is told what each stage did. It is called by the
	// goroutines that put entries, and slows them down.
	Observe func(Observation)
	Logger  log.Logger
}

// A Pipeline is compiled stages, for all sources of a scrape config. Close it
// when no chain is used any more.
type Pipeline struct {
	opts    Options
	program []step
	slots   slots
	work    sync.Pool // of *work
	closers []func()
}

// A step is a stage in a pipeline.
type step struct {
	stage
	name string
	// over is where a row goes on that a match does not hold for.
	over int
}

// A stage is one thing that is done to rows. It may be used by any number of
// goroutines: what it remembers of earlier rows is in the chain, see memory.
type stage interface {
	process(c *Chain, at int, r *row) verdict
}

// A verdict is what becomes of a row after a stage.
type verdict uint8

const (
	pass verdict = iota // it goes on to the next stage
	over                // it goes on behind the stages of this match
	gone                // it was dropped, or is held back
)

// New compiles stages. An error names the stage.
func New(cfg Config, opts Options) (*Pipeline, error) {
	if opts.Metrics == nil {
		opts.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	if opts.Clock == nil {
		opts.Clock = &entry.Clock{}
	}
	if opts.Logger == nil {
		opts.Logger = log.NewNopLogger()
	}
	p := &Pipeline{opts: opts, slots: slots{byName: map[string]int{}, keepExtra: opts.Observe != nil}}
	b := &builder{Pipeline: p}
	if err := b.addAll(cfg); err != nil {
		p.Close()
		return nil, err
	}
	for _, bind := range b.bind {
		bind()
	}
	p.work.New = func() any { return newWork(p) }
	return p, nil
}

// Close gives up what the pipeline holds: its metrics, its databases.
func (p *Pipeline) Close() {
	for _, c := range p.closers {
		c()
	}
	p.closers = nil
}

// A builder compiles stages.
type builder struct {
	*Pipeline
	name string   // of the stage that is being compiled
	bind []func() // to be called when all slots are known
}

func (b *builder) addAll(cfg Config) error {
	for i, def := range cfg.stages {
		n := def.(named)
		b.name = n.name
		if err := n.compile(b); err != nil {
			at := cfg.nodes[i]
			return &ConfigError{at.Line, at.Column, n.name, err}
		}
	}
	return nil
}

// add adds a stage to the program and returns its place.
func (b *builder) add(s stage) int {
	b.program = append(b.program, step{stage: s, name: b.name})
	return len(b.program) - 1
}

// slot returns the slot of a name.
func (b *builder) slot(name string) int { return b.slots.of(name) }

// source returns the slot of a name that may be empty, which stands for the line.
func (b *builder) source(name string) int {
	if name == "" {
		return lineSource
	}
	return b.slots.of(name)
}

// lineSource stands for the line where a slot is wanted.
const lineSource = -1

// text returns what a stage looks at: the line, or an extracted value.
func (r *row) text(source int) (string, bool) {
	if source == lineSource {
		return r.line, true
	}
	return r.get(source).asText()
}

// usedSlot sets slot to that of a name if some stage uses the name, else to -1,
// once all stages are known.
func (b *builder) usedSlot(slot *int, name string) {
	*slot = -1
	b.bind = append(b.bind, func() {
		if n, ok := b.slots.byName[name]; ok {
			*slot = n
		} else if b.slots.keepExtra {
			*slot = b.slots.of(name)
		}
	})
}

// onClose adds something to do when the pipeline is closed.
func (b *builder) onClose(fn func()) { b.closers = append(b.closers, fn) }

// required is the error about a setting that must be there.
func required(setting string) error { return fmt.Errorf("%s is required", setting) }
