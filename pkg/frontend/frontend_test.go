package frontend_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// A world is a querier over entries that are partly in segments and partly in
// memory.
type world struct {
	engine *engine.Engine

	mu       sync.Mutex
	streams  []logqltest.Stream
	memory   []model.Interval // of entries that are in no segment
	segments []scan.Held
	runs     atomic.Int64
	before   func(ctx context.Context) // called as a run begins
	limits   engine.Limits
}

func newWorld() *world {
	w := &world{engine: engine.New(engine.Options{Concurrency: 2})}
	for i := range 3 {
		w.streams = append(w.streams, logqltest.Stream{Labels: labels.FromStrings("app", "a", "n", strconv.Itoa(i))})
	}
	return w
}

func (w *world) push(stream int, ts time.Duration, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.streams[stream]
	s.Entries = append(slices.Clip(s.Entries), model.Entry{Timestamp: int64(ts), Line: line})
	w.memory = append(w.memory, model.Interval{Mint: int64(ts), Maxt: int64(ts)})
}

// flush makes a segment of what is in memory.
func (w *world) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.memory) == 0 {
		return
	}
	in := model.Nothing
	for _, m := range w.memory {
		in = in.Union(m)
	}
	w.segments = append(w.segments, scan.Held{ID: fmt.Sprint(len(w.segments)), Interval: in})
	w.memory = nil
}

// compact makes one segment of all.
func (w *world) compact() {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := model.Nothing
	id := ""
	for _, s := range w.segments {
		in = in.Union(s.Interval)
		id += s.ID + "+"
	}
	if len(w.segments) > 0 {
		w.segments = []scan.Held{{ID: id, Interval: in}}
	}
}

func (w *world) Prepare(_ []string, expr syntax.Expr, p engine.Params) (engine.Params, engine.Limits, error) {
	if p.Step > 0 {
		p.Start -= p.Start % int64(p.Step)
		p.End -= p.End % int64(p.Step)
	}
	return p, w.limits, engine.Check(expr, &p, &w.limits)
}

func (w *world) Run(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, l engine.Limits) (*engine.Result, error) {
	w.runs.Add(1)
	if w.before != nil {
		w.before(ctx)
	}
	w.mu.Lock()
	source := logqltest.NewSource(slices.Clone(w.streams), logqltest.Plain())
	w.mu.Unlock()
	return w.engine.Exec(ctx, source, tenants[0], expr, p, l)
}

func (w *world) Holdings(_ context.Context, _ []string, _ syntax.Expr, in model.Interval) (scan.Holdings, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := scan.Holdings{Memory: slices.Clone(w.memory)}
	for _, s := range w.segments {
		if s.Interval.Overlaps(in) {
			h.Stored = append(h.Stored, s)
		}
	}
	return h, nil
}

func newFrontend(w *world, cfg frontend.Config, cache frontend.Cache) *frontend.Frontend {
	l := &limits.Limits{SplitQueriesByInterval: limits.Duration(time.Minute)}
	return frontend.New(cfg, frontend.Options{
		Querier: w, Cache: cache, Limits: limits.NewOverrides(l, nil), Parallelism: 2,
		Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
	})
}

func mustParse(t testing.TB, query string) syntax.Expr {
	t.Helper()
	e, err := syntax.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever was asked, pushed, flushed and merged before: the answer is the one
// that the querier gives to the whole query.
func TestAnswersAreThoseOfTheQuerier(t *testing.T) {
	queries := []string{
		`count_over_time({app="a"}[1m])`,
		`sum by (n) (rate({app="a"} |= "1" [3m]))`,
		`sum(count_over_time({app="a"}[10s] offset 90s))`,
		`topk(1, count_over_time({app="a"}[2m]))`,
		`sum(bytes_over_time({app="a"}[1m])) / sum(count_over_time({app="a"}[5m] offset -30s))`,
		`avg_over_time({app="a"} | logfmt | unwrap v [2m]) by (n)`,
		`absent_over_time({app="b"}[1m])`,
		`count_over_time({app="a"}[1m]) > 3 or vector(7)`,
		`label_replace(count_over_time({app="a"}[1m]), "m", "$1", "n", "(.)")`,
		`vector(3)`,
		`{app="a"} |= "2"`,
	}
	found := int64(0)
	for seed := range seeds.Few(t, 12) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w := newWorld()
		f := newFrontend(w, frontend.Config{}, frontend.NewMemory([]int{1 << 20, 2000}[seed%2], 0))
		const hours = 3
		for op := range 80 {
			switch rng.IntN(8) {
			case 0, 1:
				for range rng.IntN(20) {
					w.push(rng.IntN(3), time.Duration(rng.Int64N(int64(hours*time.Hour))), fmt.Sprintf("v=%d", rng.IntN(50)))
				}
			case 2:
				w.flush()
			case 3:
				w.compact()
			default:
				w.flush()
				expr := mustParse(t, queries[rng.IntN(len(queries))])
				p := engine.Params{Step: []time.Duration{0, 10 * time.Second, time.Minute, 7 * time.Second}[rng.IntN(4)], Limit: 10, NoCache: rng.IntN(10) == 0}
				p.Start = int64(rng.IntN(hours*3600-60)) * 1e9
				p.End = p.Start + int64(rng.IntN(3*3600))*1e9
				if _, isLogs := expr.(*syntax.LogSelector); p.Step == 0 && !isLogs {
					p.Start = p.End
				}
				got, err := f.Query(t.Context(), []string{"t"}, expr, p)
				if err != nil {
					t.Fatalf("seed %d, operation %d: %s: %v", seed, op, expr, err)
				}
				aligned, l, _ := w.Prepare(nil, expr, p)
				want, err := w.Run(t.Context(), []string{"t"}, expr, aligned, l)
				if err != nil {
					t.Fatal(err)
				}
				if a, b := logqltest.Format(got), logqltest.Format(want); !logqltest.Same(a, b) {
					t.Fatalf("seed %d, operation %d: %s over %+v answers\n%q\nand the querier\n%q", seed, op, expr, p, a, b)
				}
				if p.NoCache && got.Stats.CacheRequested > 0 {
					t.Errorf("seed %d: looked for kept answers, and was asked not to", seed)
				}
				found += got.Stats.CacheFound
			}
		}
	}
	if found == 0 {
		t.Error("no answer was found among those that were kept")
	}
}

func TestADashboardsRefreshComputesOnlyWhatIsNew(t *testing.T) {
	w := newWorld()
	for i := range 6 * 60 {
		w.push(i%3, time.Duration(i)*time.Minute, "v=1")
	}
	w.flush()
	f := newFrontend(w, frontend.Config{}, frontend.NewMemory(1<<20, 0))
	expr := mustParse(t, `sum(count_over_time({app="a"}[1m]))`)
	ask := func(start, end time.Duration) engine.Stats {
		t.Helper()
		res, err := f.Query(t.Context(), []string{"t"}, expr, engine.Params{Start: int64(start), End: int64(end), Step: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return res.Stats
	}
	if s := ask(0, 5*time.Hour); s.CacheFound != 0 || s.CacheStored == 0 {
		t.Fatalf("the first query: %+v", s)
	}
	if s := ask(10*time.Minute, 5*time.Hour+2*time.Minute); s.CacheFound != s.CacheRequested-1 || s.Parts != 1 {
		t.Errorf("the refresh found %d of %d extents and evaluated %d parts", s.CacheFound, s.CacheRequested, s.Parts)
	}
	// A late line is seen, and spoils no more than the extents that read it.
	w.push(0, 30*time.Minute, "v=2")
	if s := ask(10*time.Minute, 5*time.Hour); s.Parts != 1 || s.CacheFound == 0 {
		t.Errorf("after a late line: %d parts, %d extents found", s.Parts, s.CacheFound)
	}
}

func TestAnswersThatChangedMeanwhileAreNotKept(t *testing.T) {
	w := newWorld()
	w.push(0, time.Minute, "v=1")
	w.flush()
	f := newFrontend(w, frontend.Config{}, frontend.NewMemory(1<<20, 0))
	w.before = func(context.Context) {
		w.before = nil
		w.push(0, 2*time.Minute, "v=2")
		w.flush()
	}
	expr := mustParse(t, `sum(count_over_time({app="a"}[1m]))`)
	res, err := f.Query(t.Context(), []string{"t"}, expr, engine.Params{End: int64(10 * time.Minute), Step: time.Minute})
	if err != nil || res.Stats.CacheStored != 0 {
		t.Errorf("kept %d answers, %v", res.Stats.CacheStored, err)
	}
}

func TestTooManySeriesOverAllExtents(t *testing.T) {
	w := newWorld()
	for i := range 3 {
		w.push(i, time.Duration(i)*2*time.Hour, "v=1") // never two of them in an extent
	}
	w.limits.MaxSeries = 2
	f := newFrontend(w, frontend.Config{}, nil)
	_, err := f.Query(t.Context(), []string{"t"}, mustParse(t, `count_over_time({app="a"}[1m])`), engine.Params{End: int64(5 * time.Hour), Step: time.Minute})
	var limit *engine.LimitError
	if !errors.As(err, &limit) || limit.Limit != "max_query_series" {
		t.Errorf("three series, and at most two: %v", err)
	}
}

func TestEqualQueriesShareAnEvaluationThatHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.push(0, time.Minute, "v=1")
		f := newFrontend(w, frontend.Config{}, nil)
		hold := make(chan struct{})
		w.before = func(context.Context) { <-hold }
		ask := func(query string) {
			if _, err := f.Query(t.Context(), []string{"t"}, mustParse(t, query), engine.Params{Start: 2e9, End: 2e9}); err != nil {
				t.Error(err)
			}
		}
		for _, q := range []string{`vector(1)`, `vector(2)`} { // both places are taken
			go ask(q)
		}
		synctest.Wait()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { ask(`vector(3)`) })
		}
		synctest.Wait()
		close(hold)
		wg.Wait()
		synctest.Wait()
		if n := w.runs.Load(); n != 3 {
			t.Errorf("%d evaluations of three queries", n)
		}
	})
}

func TestAQueryThatNobodyWaitsForEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := newFrontend(w, frontend.Config{MaxOutstandingPerTenant: 3}, nil)
		var ended atomic.Int64
		w.before = func(ctx context.Context) {
			<-ctx.Done()
			ended.Add(1)
		}
		ask := func(ctx context.Context, query string) error {
			_, err := f.Query(ctx, []string{"t"}, mustParse(t, query), engine.Params{Start: 2e9, End: 2e9})
			return err
		}
		start := func(query string) (giveUp func()) {
			ctx, cancel := context.WithCancel(t.Context())
			answered := make(chan error)
			go func() { answered <- ask(ctx, query) }()
			synctest.Wait()
			return func() {
				cancel()
				if err := <-answered; !errors.Is(err, context.Canceled) {
					t.Errorf("%s, given up: %v", query, err)
				}
				synctest.Wait()
			}
		}
		first, second, waits := start(`vector(0)`), start(`vector(1)`), start(`vector(2)`)
		if err := ask(t.Context(), `vector(9)`); !errors.Is(err, frontend.ErrTooManyOutstanding) {
			t.Errorf("a query too many: %v", err)
		}
		waits()
		first()
		second()
		if n := ended.Load(); n != 2 {
			t.Errorf("%d of 2 evaluations ended", n)
		}
		w.before = nil
		if err := ask(t.Context(), `vector(9)`); err != nil {
			t.Errorf("the next query: %v", err)
		}
	})
}

// A mistake that a query brings to light is that query's error: the process goes
// on, and so does the next query.
func TestAPanicIsTheQuerysError(t *testing.T) {
	w := newWorld()
	w.push(0, time.Minute, "v=1")
	f := newFrontend(w, frontend.Config{}, frontend.NewMemory(1<<20, 0))
	ask := func(p engine.Params) error {
		_, err := f.Query(t.Context(), []string{"t"}, mustParse(t, `sum(count_over_time({app="a"}[1m]))`), p)
		return err
	}
	for _, p := range []engine.Params{{Start: 2e9, End: 2e9}, {End: int64(5 * time.Hour), Step: time.Minute}} {
		w.before = func(context.Context) { panic("a mistake") }
		if err := ask(p); err == nil || !strings.Contains(err.Error(), "a mistake") {
			t.Errorf("a query that panics: %v", err)
		}
		w.before = nil
		for range 5 { // more than there are places
			if err := ask(p); err != nil {
				t.Errorf("the next query: %v", err)
			}
		}
	}
}

// However long the line of one tenant is, another one waits for no more than the
// parts that run.
func TestTenantsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		f := newFrontend(w, frontend.Config{}, nil)
		w.before = func(context.Context) { time.Sleep(time.Second) }
		for i := range 100 {
			go func() {
				_, _ = f.Query(t.Context(), []string{"greedy"}, mustParse(t, fmt.Sprintf(`vector(%d)`, i)), engine.Params{Start: 2e9, End: 2e9})
			}()
		}
		synctest.Wait()
		began := time.Now()
		if _, err := f.Query(t.Context(), []string{"modest"}, mustParse(t, `vector(1)`), engine.Params{Start: 2e9, End: 2e9}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the second tenant waited %s behind the first", took)
		}
		time.Sleep(time.Minute)
	})
}

// Fifty panels over thirty days, at once and again: every one is answered.
func TestFiftyPanelsOverThirtyDays(t *testing.T) {
	w := newWorld()
	for i := range 30 * 24 {
		w.push(i%3, time.Duration(i)*time.Hour, "v=1")
	}
	w.flush()
	f := newFrontend(w, frontend.Config{MaxOutstandingPerTenant: 50}, frontend.NewMemory(10<<20, 0))
	for range 2 {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				query := fmt.Sprintf(`sum by (n) (count_over_time({app="a"}[%dm]))`, i+1)
				res, err := f.Query(t.Context(), []string{"t"}, mustParse(t, query), engine.Params{End: int64(30 * 24 * time.Hour), Step: time.Hour})
				if err != nil {
					t.Errorf("panel %d: %v", i, err)
				} else if n := len(res.Data.(promql.Matrix)); n != 3 {
					t.Errorf("panel %d has %d series", i, n)
				}
			})
		}
		wg.Wait()
	}
}
