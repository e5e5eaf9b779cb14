package compactor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A world is one whole process, ingester and log included, on a file system
// that loses what was not synced when the power goes.
type world struct {
	t      *testing.T
	rnd    *rand.Rand
	fs     *vfs.Mem
	limits *limits.Overrides
	cancel time.Duration

	bucket  *objstore.Folder
	store   *storage.Store
	ing     *ingester.Ingester
	comp    *Compactor
	querier *querier.Querier
	left    atomic.Int64 // steps until the process is killed; below 0 it lives

	rows     []worldRow // as they were acknowledged
	requests []*worldDelete
}

type worldRow struct {
	app, line string
	ts        int64
}

// A worldDelete hides rows by their places.
type worldDelete struct {
	id        ulid.ULID
	hides     map[int]bool
	cancelled bool
}

// GetReplicationSetForOperation implements [querier.Ring].
func (w *world) GetReplicationSetForOperation(ring.Operation) (ring.ReplicationSet, error) {
	return ring.ReplicationSet{Instances: []ring.InstanceDesc{{Addr: "i"}}}, nil
}

// Source implements [querier.Ingesters].
func (w *world) Source(ring.InstanceDesc) (querier.Source, error) { return w.ing, nil }

// Cover implements [Ingesters].
func (w *world) Cover(ctx context.Context) ([]scan.Generation, error) {
	g, err := w.ing.Cover(ctx)
	return []scan.Generation{g}, err
}

// Oldest implements [Ingesters].
func (w *world) Oldest(ctx context.Context) ([]scan.Generation, error) {
	g, err := w.ing.Oldest(ctx)
	return []scan.Generation{g}, err
}

func (w *world) on() {
	w.t.Helper()
	w.left.Store(-1)
	fault := func(storage.Step) error {
		if n := w.left.Load(); n == 0 || n > 0 && w.left.Add(-1) == 0 {
			return errKilled // the dead do nothing any more
		}
		return nil
	}
	var err error
	if w.bucket, err = objstore.OpenFolder(w.fs, "data/bucket"); err != nil {
		w.t.Fatal(err)
	}
	c, err := catalog.Open(w.t.Context(), w.bucket, catalog.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = storage.New(w.bucket, c, storage.Options{Compile: deletes.Compile, Fault: fault})
	var cfg ingester.Config
	cfg.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	cfg.MaxChunkAge = 0
	cfg.WAL.DiskFullThreshold = 0
	cfg.WAL.FlushOnShutdown = false
	cfg.GenerationAge = time.Hour
	w.ing = ingester.New(cfg, ingester.Options{
		Name: "i", Dir: "data", FS: w.fs, Store: w.store, Limits: w.limits, Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
		Fault: func(string) error { return fault("") },
	})
	if err := services.StartAndAwaitRunning(w.t.Context(), w.ing); err != nil {
		w.t.Fatal(err)
	}
	w.comp = New(Config{CompactionInterval: time.Hour, MaxCompactionParallelism: 1, MaxSegmentSize: 512 << 20, RetentionEnabled: true, DeleteRequestCancelPeriod: w.cancel}, Options{
		Store: w.store, Limits: w.limits, Defaults: w.limits.For(""), Ingesters: w, Fault: fault, Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
	})
	w.querier = querier.New(querier.Config{}, querier.Options{
		Ring: w, Ingesters: w, Store: w.store, Engine: engine.New(engine.Options{}), Limits: w.limits, Logger: log.NewNopLogger(),
	})
}

// off ends the process, well or by a cut of its power.
func (w *world) off(crash bool) {
	w.t.Helper()
	after := w.fs
	if crash {
		w.left.Store(0)
		after = w.fs.Crash(w.rnd)
	}
	if err := services.StopAndAwaitTerminated(context.Background(), w.ing); err != nil && !crash {
		w.t.Fatal(err)
	}
	if err := w.bucket.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.fs = after
}

// Pushes, flushes, merges, deletes, crashes and restarts in any order: queries
// over memory and bucket find what a plain list has.
func TestWorlds(t *testing.T) {
	for seed := range seeds.Few(t, 25) {
		if err := runWorld(t, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func runWorld(t *testing.T, seed uint64) error {
	rnd := rand.New(rand.NewPCG(seed, 50))
	var l limits.Limits
	l.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	l.SplitQueriesByInterval, l.MaxQueryLength = 0, 0
	w := &world{t: t, rnd: rnd, fs: vfs.NewMem(), limits: limits.NewOverrides(&l, nil), cancel: []time.Duration{0, 24 * time.Hour}[rnd.IntN(2)]}
	w.on()
	defer func() { w.off(false) }()
	for n := range 30 {
		what, err := w.step()
		if err == nil {
			err = w.check()
		}
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", n, what, err)
		}
	}
	return nil
}

var worldStart = time.Now().Add(-time.Hour).UnixNano()

func (w *world) step() (string, error) {
	ctx := w.t.Context()
	switch n := w.rnd.IntN(20); {
	case n < 7:
		return "push", w.push()
	case n < 10:
		return "flush", w.perhapsKilled(func() error { return w.ing.Flush(ctx) })
	case n < 13:
		return "compact", w.perhapsKilled(func() error { return w.comp.Compact(ctx) })
	case n < 16:
		return "delete", w.delete()
	case n < 17:
		return "cancel", w.cancelOne()
	case n < 18:
		w.off(false)
		w.on()
		return "restart", nil
	}
	w.off(true)
	w.on()
	return "crash", nil
}

// perhapsKilled does something, and may cut it off at any step.
func (w *world) perhapsKilled(do func() error) error {
	if w.rnd.IntN(2) == 0 {
		w.left.Store(int64(1 + w.rnd.IntN(10)))
	}
	err := do()
	if w.left.Load() == 0 {
		w.off(true)
		w.on()
		return nil
	}
	w.left.Store(-1)
	return err
}

func (w *world) push() error {
	b := &model.Batch{Tenant: "t"}
	var rows []worldRow
	for range 1 + w.rnd.IntN(3) {
		app := fmt.Sprint("app-", w.rnd.IntN(3))
		lbls := labels.FromStrings("app", app)
		s := model.Stream{Labels: lbls.String(), Hash: labels.StableHash(lbls)}
		for range 1 + w.rnd.IntN(20) {
			r := worldRow{app, fmt.Sprintf("level=%s n=%d", []string{"info", "error"}[w.rnd.IntN(2)], w.rnd.IntN(50)), worldStart + w.rnd.Int64N(int64(time.Hour))}
			if len(w.rows) > 0 && w.rnd.IntN(4) == 0 { // a copy, perhaps of what was deleted
				if c := w.rows[w.rnd.IntN(len(w.rows))]; c.app == app {
					r = c
				}
			}
			rows = append(rows, r)
			s.Entries = append(s.Entries, model.Entry{Timestamp: r.ts, Line: r.line})
		}
		b.Streams = append(b.Streams, s)
	}
	res, err := w.ing.Push(w.t.Context(), b, model.AckDisk)
	if err == nil && len(res.Rejections) > 0 {
		err = fmt.Errorf("rejected: %+v", res.Rejections)
	}
	w.rows = append(w.rows, rows...)
	return err
}

func (w *world) delete() error {
	app := fmt.Sprint("app-", w.rnd.IntN(3))
	query, level := fmt.Sprintf("{app=%q}", app), ""
	if w.rnd.IntN(2) == 0 {
		level = "error"
		query += ` | logfmt | level="error"`
	}
	from := worldStart + w.rnd.Int64N(int64(time.Hour))
	iv := model.Interval{Mint: from, Maxt: from + w.rnd.Int64N(int64(time.Hour))}
	id, err := w.comp.Delete(w.t.Context(), "t", query, iv)
	if err != nil {
		return err
	}
	d := &worldDelete{id: id, hides: map[int]bool{}}
	for n, r := range w.rows {
		if r.app == app && iv.Contains(r.ts) && (level == "" || r.line[:len("level=error")] == "level=error") {
			d.hides[n] = true
		}
	}
	w.requests = append(w.requests, d)
	return nil
}

func (w *world) cancelOne() error {
	if len(w.requests) == 0 {
		return nil
	}
	d := w.requests[w.rnd.IntN(len(w.requests))]
	err := w.comp.CancelDelete(w.t.Context(), "t", d.id, false)
	switch {
	case err == nil && w.cancel == 0:
		return errors.New("a request was cancelled that is due")
	case err == nil:
		d.cancelled = true
	case errors.Is(err, ErrTooLate) && w.cancel == 0, errors.Is(err, ErrNoRequest) && d.cancelled:
	default:
		return err
	}
	return nil
}

// check asks for all lines, and for their number, which a directory may know.
func (w *world) check() error {
	want := map[string]bool{}
	for n, r := range w.rows {
		if !slices.ContainsFunc(w.requests, func(d *worldDelete) bool { return d.hides[n] && !d.cancelled }) {
			want[fmt.Sprint(r.ts, " ", r.app, " ", r.line)] = true
		}
	}
	res, err := w.query(`{app=~".+"}`)
	if err != nil {
		return err
	}
	got := map[string]bool{}
	for _, s := range res.Data.(engine.Streams) {
		for _, e := range s.Entries {
			text := fmt.Sprint(e.Timestamp, " ", s.Labels.Get("app"), " ", e.Line)
			if got[text] {
				return fmt.Errorf("%s is there twice", text)
			}
			got[text] = true
			if !want[text] {
				return fmt.Errorf("%s is there, and was deleted or never pushed", text)
			}
		}
	}
	for text := range want {
		if !got[text] {
			return fmt.Errorf("%s is missing", text)
		}
	}
	if res, err = w.query(`sum(count_over_time({app=~".+"}[3h]))`); err != nil {
		return err
	}
	counted := 0.0
	for _, s := range res.Data.(promql.Vector) {
		counted += s.F
	}
	if int(counted) != len(want) {
		return fmt.Errorf("%v lines are counted, want %d", counted, len(want))
	}
	return nil
}

func (w *world) query(text string) (*engine.Result, error) {
	expr, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	end := worldStart + int64(2*time.Hour)
	p := engine.Params{Start: worldStart, End: end, Limit: 5000}
	if _, logs := expr.(*syntax.LogSelector); !logs {
		p.Start = end
	}
	return w.querier.Query(w.t.Context(), []string{"t"}, expr, p)
}
