package querier

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
)

// A part is a source or store with one block a stream, and the calls it got.
type part struct {
	generations []scan.Generation
	rows        map[string][]row // by tenant
	err         error

	opened   []string // tenant of each Open, in order
	excluded []scan.Generation
	closed   int
}

type row struct {
	labels labels.Labels
	ts     int64
	line   string
}

func (p *part) Open(_ context.Context, req *scan.Request) (scan.Snapshot, error) {
	p.opened = append(p.opened, req.Tenant)
	if p.err != nil {
		return nil, p.err
	}
	s := &snapshot{part: p}
	s.dir.Generations = p.generations
	for _, r := range p.selected(req) {
		if !req.Interval.Contains(r.ts) {
			continue
		}
		n := len(s.dir.Streams)
		s.dir.Streams = append(s.dir.Streams, scan.Stream{Labels: r.labels, Hash: labels.StableHash(r.labels)})
		s.dir.Blocks = append(s.dir.Blocks, scan.Block{Runs: []scan.Run{{
			Stream: n, Interval: model.Interval{Mint: r.ts, Maxt: r.ts}, Rows: 1, Bytes: int64(len(r.line)),
		}}})
		s.batches = append(s.batches, &scan.Batch{
			Runs:       []scan.BatchRun{{Stream: n, Start: 0, End: 1}},
			Timestamps: []int64{r.ts}, Lines: []string{r.line}, Sizes: []uint32{uint32(len(r.line))},
		})
	}
	return s, nil
}

func (p *part) selected(req *scan.Request) (out []row) {
	for _, r := range p.rows[req.Tenant] {
		if !slices.ContainsFunc(req.Matchers, func(m *labels.Matcher) bool { return !m.Matches(r.labels.Get(m.Name)) }) {
			out = append(out, r)
		}
	}
	return out
}

func (p *part) LabelNames(_ context.Context, req *scan.Request) (out []string, _ error) {
	for _, r := range p.selected(req) {
		r.labels.Range(func(l labels.Label) { out = append(out, l.Name) })
	}
	return out, p.err
}

func (p *part) LabelValues(_ context.Context, req *scan.Request, name string) (out []string, _ error) {
	for _, r := range p.selected(req) {
		if v := r.labels.Get(name); v != "" {
			out = append(out, v)
		}
	}
	return out, p.err
}

func (p *part) Series(_ context.Context, req *scan.Request) (out []labels.Labels, _ error) {
	for _, r := range p.selected(req) {
		out = append(out, r.labels)
	}
	return out, p.err
}

type snapshot struct {
	part    *part
	dir     scan.Directory
	batches []*scan.Batch
}

func (s *snapshot) Directory() *scan.Directory { return &s.dir }
func (s *snapshot) Close() error               { s.part.closed++; return nil }
func (s *snapshot) Read(_ context.Context, n int, _ scan.Want) (*scan.Batch, error) {
	return s.batches[n], nil
}

// A store is a part that remembers what it was told to leave out.
type store struct {
	part
	gaps []string // in what it answers about labels
}

func (s *store) LabelNames(ctx context.Context, req *scan.Request) (names, gaps []string, err error) {
	names, err = s.part.LabelNames(ctx, req)
	return names, s.gaps, err
}

func (s *store) LabelValues(ctx context.Context, req *scan.Request, name string) (values, gaps []string, err error) {
	values, err = s.part.LabelValues(ctx, req, name)
	return values, s.gaps, err
}

func (s *store) Series(ctx context.Context, req *scan.Request) (series []labels.Labels, gaps []string, err error) {
	series, err = s.part.Series(ctx, req)
	return series, s.gaps, err
}

func (*store) Masks(string, model.Interval) ([]*storage.Mask, []string) { return nil, nil }

func (s *store) Holdings(context.Context, string, model.Interval, []scan.Generation) (scan.Holdings, error) {
	return scan.Holdings{}, nil
}

func (s *store) Open(ctx context.Context, req *scan.Request, exclude []scan.Generation) (scan.Snapshot, error) {
	s.excluded = exclude
	return s.part.Open(ctx, req)
}

// fixture is a querier over some ingesters and a store.
type fixture struct {
	ingesters []*part
	store     *store
	replaced  map[int]Source // ingesters that are others
	maxErrors int
	limits    limits.Limits
	now       time.Time
}

func (f *fixture) GetReplicationSetForOperation(ring.Operation) (ring.ReplicationSet, error) {
	set := ring.ReplicationSet{MaxErrors: f.maxErrors}
	for n := range f.ingesters {
		set.Instances = append(set.Instances, ring.InstanceDesc{Addr: fmt.Sprint(n)})
	}
	return set, nil
}

func (f *fixture) Source(i ring.InstanceDesc) (Source, error) {
	if s := f.replaced[int(i.Addr[0]-'0')]; s != nil {
		return s, nil
	}
	return f.ingesters[i.Addr[0]-'0'], nil
}

func newFixture(ingesters int) *fixture {
	f := &fixture{store: &store{}, now: time.Unix(1000, 0)}
	f.limits.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	for n := range ingesters {
		f.ingesters = append(f.ingesters, &part{
			generations: []scan.Generation{{Ingester: fmt.Sprint(n), ID: 7}},
			rows:        map[string][]row{},
		})
	}
	f.store.rows = map[string][]row{}
	return f
}

func (f *fixture) querier() *Querier {
	q := New(Config{}, Options{
		Ring: f, Ingesters: f, Store: f.store, Engine: engine.New(engine.Options{}),
		Limits: limits.NewOverrides(&f.limits, nil), Logger: log.NewNopLogger(),
	})
	q.now = func() time.Time { return f.now }
	return q
}

func (f *fixture) query(t *testing.T, tenants []string, query string, p engine.Params) (string, error) {
	t.Helper()
	expr, err := syntax.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	res, err := f.querier().Query(t.Context(), tenants, expr, p)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(res.Data.String()), nil
}

func logs(start, end int64) engine.Params {
	return engine.Params{Start: start, End: end, Limit: 10, Step: time.Second}
}

func TestMemoryAndStoreAreOne(t *testing.T) {
	f := newFixture(2)
	app := labels.FromStrings("app", "a")
	f.store.rows["t"] = []row{{app, 1, "stored"}}
	f.ingesters[0].rows["t"] = []row{{app, 2, "replica"}}
	f.ingesters[1].rows["t"] = []row{{app, 2, "replica"}, {app, 3, "newest"}}
	got, err := f.query(t, []string{"t"}, `{app="a"}`, logs(0, 10))
	if want := "{app=\"a\"}\n  3 \"newest\"\n  2 \"replica\"\n  1 \"stored\""; err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	if want := []scan.Generation{{Ingester: "0", ID: 7}, {Ingester: "1", ID: 7}}; !slices.Equal(f.store.excluded, want) {
		t.Errorf("the store left out %v, want %v", f.store.excluded, want)
	}
	if f.store.closed != 1 || f.ingesters[0].closed != 1 || f.ingesters[1].closed != 1 {
		t.Errorf("closed %d, %d, %d times", f.store.closed, f.ingesters[0].closed, f.ingesters[1].closed)
	}
}

func TestIngestersThatFail(t *testing.T) {
	app := labels.FromStrings("app", "a")
	f := newFixture(3)
	f.maxErrors = 1
	for _, in := range f.ingesters {
		in.rows["t"] = []row{{app, 1, "x"}}
	}
	f.ingesters[1].err = errors.New("gone")
	if got, err := f.query(t, []string{"t"}, `{app="a"}`, logs(0, 10)); err != nil || !strings.Contains(got, `1 "x"`) {
		t.Errorf("one of three may fail: %v\n%s", err, got)
	}
	if names, err := f.querier().LabelNames(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 1e12}}); err != nil || !slices.Equal(names, []string{"app"}) {
		t.Errorf("names %q, %v", names, err)
	}
	f.ingesters[2].err = errors.New("gone too")
	if _, err := f.query(t, []string{"t"}, `{app="a"}`, logs(0, 10)); err == nil {
		t.Error("answered although rows may be missing")
	}
	if n := f.ingesters[0]; n.closed != len(n.opened) {
		t.Errorf("%d of %d snapshots were closed", n.closed, len(n.opened))
	}
	f.ingesters[1].err, f.ingesters[2].err, f.store.err = nil, nil, errors.New("bucket is gone")
	if _, err := f.query(t, []string{"t"}, `{app="a"}`, logs(0, 10)); err == nil {
		t.Error("answered without the store")
	}
}

func TestSeveralTenants(t *testing.T) {
	f := newFixture(1)
	mem := f.ingesters[0].rows
	mem["a"] = []row{{labels.FromStrings("app", "x"), 1, "of a"}}
	mem["b"] = []row{{labels.FromStrings("app", "x", tenantLabel, "mine"), 2, "of b"}}
	both := []string{"a", "b"}
	ever := func(m ...*labels.Matcher) *scan.Request {
		return &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 1e12}, Matchers: m}
	}

	got, err := f.query(t, both, `{app="x"}`, logs(0, 10))
	want := "{__tenant_id__=\"a\", app=\"x\"}\n  1 \"of a\"\n{__tenant_id__=\"b\", app=\"x\", original___tenant_id__=\"mine\"}\n  2 \"of b\""
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if got, err := f.query(t, both, `{app="x", __tenant_id__!="a"}`, logs(0, 10)); err != nil || strings.Contains(got, "of a") || !strings.Contains(got, "of b") {
		t.Errorf("a matcher on the tenant: %v\n%s", err, got)
	}
	q := f.querier()
	if names, err := q.LabelNames(t.Context(), both, ever()); err != nil || !slices.Equal(names, []string{tenantLabel, "app"}) {
		t.Errorf("names %q, %v", names, err)
	}
	only := labels.MustNewMatcher(labels.MatchEqual, tenantLabel, "b")
	if ids, err := q.LabelValues(t.Context(), both, ever(only), tenantLabel); err != nil || !slices.Equal(ids, []string{"b"}) {
		t.Errorf("tenants %q, %v", ids, err)
	}
	if v, err := q.LabelValues(t.Context(), both, ever(), originalTenantLabel); err != nil || !slices.Equal(v, []string{"mine"}) {
		t.Errorf("values of the user's own label %q, %v", v, err)
	}
	series, err := q.Series(t.Context(), both, ever())
	if err != nil || len(series) != 2 || series[0].Get(tenantLabel) != "a" || series[1].Get(originalTenantLabel) != "mine" {
		t.Errorf("series %v, %v", series, err)
	}
}

func TestLookbackMovesTheStart(t *testing.T) {
	f := newFixture(1)
	app := labels.FromStrings("app", "a")
	at := func(ago time.Duration) int64 { return f.now.Add(-ago).UnixNano() }
	f.ingesters[0].rows["t"] = []row{{app, at(time.Hour), "old"}, {app, at(time.Minute), "new"}}
	f.limits.MaxQueryLookback = limits.Duration(10 * time.Minute)
	got, err := f.query(t, []string{"t"}, `{app="a"}`, logs(at(2*time.Hour), at(0)))
	if err != nil || strings.Contains(got, "old") || !strings.Contains(got, "new") {
		t.Errorf("%v\n%s", err, got)
	}
	for _, query := range []string{`{app="a"}`, `count_over_time({app="a"}[1h])`} {
		if got, err := f.query(t, []string{"t"}, query, logs(at(2*time.Hour), at(30*time.Minute))); err != nil || got != "" {
			t.Errorf("%s beyond the lookback: %v\n%s", query, err, got)
		}
	}
}

func TestMetricsAreAlignedToTheirStep(t *testing.T) {
	for _, tc := range []struct {
		start, end, step, wantStart, wantEnd int64
	}{
		{0, 10, 5, 0, 10},
		{1, 11, 5, 0, 15},
		{-1, 11, 5, -5, 15},
		{7, 7, 7, 7, 7},
	} {
		if s, e := align(tc.start, tc.end, time.Duration(tc.step)); s != tc.wantStart || e != tc.wantEnd {
			t.Errorf("[%d, %d] by %d is [%d, %d], want [%d, %d]", tc.start, tc.end, tc.step, s, e, tc.wantStart, tc.wantEnd)
		}
	}
	f := newFixture(1)
	if !f.querier().splits([]string{"t"}) {
		t.Error("queries are not split by default")
	}
	f.limits.SplitQueriesByInterval = 0
	if f.querier().splits([]string{"t"}) {
		t.Error("splitting is off, and queries are split")
	}
}
