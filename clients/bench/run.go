package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options say what a [Run] does.
type Options struct {
	Push  bool // the corpus, to a server that has none of it
	Query bool // the suite
	// Concurrency is how many pushes are under way at once, and who makes them.
	//
	// The default is 2.
	Concurrency int
	// Repeat is how often a query is put after the first time. Those that take
	// long are put fewer times.
	//
	// The default is 10.
	Repeat int
	// Only are the names of the queries to put; none means all.
	Only []string
	// Progress is told what is going on. It may be nil.
	Progress func(format string, args ...any)
}

func (o *Options) tell(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(format, args...)
	}
}

// longEnough is when a query is not put again, though Repeat is not reached; a
// few runs are made in any case.
const (
	longEnough = 10 * time.Second
	leastRuns  = 3
)

// Run measures one server. What went wrong with one query is in the Result and
// does not end the run; an error is about the server as a whole, and comes with
// the Result so far.
func Run(ctx context.Context, c Corpus, s Server, o Options) (*Result, error) {
	g, err := NewGenerator(c)
	if err != nil {
		return nil, err
	}
	o.Concurrency = max(o.Concurrency, 0)
	if o.Concurrency == 0 {
		o.Concurrency = 2
	}
	if o.Repeat <= 0 {
		o.Repeat = 10
	}
	r := &runner{
		gen: g, client: newClient(&s), options: o, result: &Result{Server: s.Name, Kind: s.Kind},
		usage: func() (process, error) { return usage(s.PID) },
	}
	defer r.client.close()
	if o.Push {
		if err := r.ingest(ctx); err != nil {
			return r.result, err
		}
	}
	if o.Query {
		if err := r.queries(ctx); err != nil {
			return r.result, err
		}
	}
	return r.result, nil
}

type runner struct {
	gen     *Generator
	client  *client
	options Options
	result  *Result
	usage   func() (process, error) // what the server's process has used so far
}

// queries puts the suite.
func (r *runner) queries(ctx context.Context) error {
	suite := Suite(r.gen.Plants)
	for _, q := range suite {
		if len(r.options.Only) > 0 && !slices.Contains(r.options.Only, q.Name) {
			continue
		}
		r.options.tell("%s: query %s", r.result.Server, q.Name)
		t, err := r.query(ctx, q)
		if err != nil {
			return err
		}
		r.result.Queries = append(r.result.Queries, t)
	}
	p, err := r.usage()
	r.result.PeakBytes = p.peak
	return err
}

// query puts one query again and again. The error is about the run as a whole.
func (r *runner) query(ctx context.Context, q *Query) (*Timing, error) {
	t := &Timing{Name: q.Name, Text: r.client.server.dialect.text(q)}
	before, err := r.usage()
	if err != nil {
		return nil, err
	}
	var later []time.Duration
	began := time.Now()
	for n := 0; n <= r.options.Repeat; n++ {
		if n >= leastRuns && time.Since(began) > longEnough {
			break
		}
		body, took, err := r.client.ask(ctx, q, r.gen.corpus)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err == nil && n == 0 {
			t.First, t.Bytes = millis(took), len(body)
			t.Answer, err = r.client.server.dialect.decode(q, body)
		}
		if err != nil {
			t.Error = err.Error()
			return t, nil
		}
		if n > 0 {
			later = append(later, took)
		}
	}
	after, err := r.usage()
	if err != nil {
		return nil, err
	}
	t.Runs = 1 + len(later)
	t.CPU = millis(after.cpu-before.cpu) / float64(t.Runs)
	if len(later) > 0 {
		slices.Sort(later)
		t.Min, t.Median, t.Max = millis(later[0]), millis(later[len(later)/2]), millis(later[len(later)-1])
	}
	return t, nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// count is how many entries of the corpus the server has.
func (r *runner) count(ctx context.Context) (int, error) {
	q := everything()
	body, _, err := r.client.ask(ctx, q, r.gen.corpus)
	if err != nil {
		return 0, fmt.Errorf("count all entries: %w", err)
	}
	a, err := r.client.server.dialect.decode(q, body)
	if err != nil {
		return 0, fmt.Errorf("count all entries: %w", err)
	}
	for _, points := range a.Series {
		for _, v := range points {
			return int(v), nil
		}
	}
	return 0, nil
}

var errNotAlone = errors.New("the server has entries of this corpus already: give it an empty data folder, or another -start")
