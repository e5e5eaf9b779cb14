package querier

import (
	"context"
	"flag"
	"path/filepath"
	"testing"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// TestScripts runs every script of the language over a real ingester and a real
// store: with all entries in memory, all in segments, and a mix of both.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../logql/logqltest/testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		script, err := logqltest.ReadScript(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, where := range []string{"memory", "segments", "both"} {
			t.Run(filepath.Base(file)+"/"+where, func(t *testing.T) {
				logqltest.Run(t, script, newWhole(t, where))
			})
		}
	}
}

// A whole is an ingester, a store and a querier over both, as a target of scripts.
type whole struct {
	where   string
	loads   int
	limits  *limits.Overrides
	ing     *ingester.Ingester
	querier *Querier
}

func newWhole(t *testing.T, where string) *whole {
	t.Helper()
	fs := vfs.NewMem()
	bucket, err := objstore.OpenFolder(fs, "data/bucket")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(t.Context(), bucket, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := storage.New(bucket, c, storage.Options{})
	var l limits.Limits
	l.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	l.EnableMultiVariantQueries, l.SplitQueriesByInterval, l.MaxQueryLength = true, 0, 0
	w := &whole{where: where, limits: limits.NewOverrides(&l, nil)}
	var cfg ingester.Config
	cfg.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	cfg.MaxChunkAge = 0 // scripts load in any order
	cfg.WAL.DiskFullThreshold = 0
	w.ing = ingester.New(cfg, ingester.Options{
		Name: "test", Dir: "data", FS: fs, Store: store, Limits: w.limits,
		Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
	})
	if err := services.StartAndAwaitRunning(t.Context(), w.ing); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := services.StopAndAwaitTerminated(context.Background(), w.ing); err != nil {
			t.Error(err)
		}
	})
	w.querier = New(Config{}, Options{
		Ring: w, Ingesters: w, Store: store, Engine: engine.New(engine.Options{}),
		Limits: w.limits, Logger: log.NewNopLogger(),
	})
	return w
}

func (w *whole) GetReplicationSetForOperation(ring.Operation) (ring.ReplicationSet, error) {
	return ring.ReplicationSet{Instances: []ring.InstanceDesc{{Addr: "test"}}}, nil
}

func (w *whole) Source(ring.InstanceDesc) (Source, error) { return w.ing, nil }

// Load implements [logqltest.Target].
func (w *whole) Load(s logqltest.Stream) error {
	b := &model.Batch{Tenant: "t", Streams: []model.Stream{{Labels: s.Labels.String(), Hash: labels.StableHash(s.Labels), Entries: s.Entries}}}
	if _, err := w.ing.Push(context.Background(), b, model.AckMemory); err != nil {
		return err
	}
	w.loads++
	if w.where == "segments" || w.where == "both" && w.loads%2 == 1 {
		return w.ing.Flush(context.Background())
	}
	return nil
}

// Exec implements [logqltest.Target].
func (w *whole) Exec(ctx context.Context, query string, p engine.Params) (*engine.Result, error) {
	expr, err := syntax.Parse(query)
	if err != nil {
		return nil, err
	}
	return w.querier.Query(ctx, []string{"t"}, expr, p)
}
