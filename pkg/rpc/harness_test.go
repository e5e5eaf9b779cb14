package rpc_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/rpc"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

var faults = rpc.Faults{
	NotRunning: ingester.ErrNotRunning,
	Overloaded: ingester.ErrOverloaded,
	NotDurable: ingester.ErrNotDurable,
}

// settings are the defaults of a program that keeps what it is given, however old.
func settings() *limits.Limits {
	l := &limits.Limits{}
	l.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	l.RejectOldSamples = false
	return l
}

func newStore(t testing.TB) *storage.Store {
	t.Helper()
	bucket := &objstore.Memory{}
	c, err := catalog.Open(context.Background(), bucket, catalog.Options{Logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	return storage.New(bucket, c, storage.Options{Logger: log.NewNopLogger()})
}

// newIngester starts an ingester on a file system in memory.
func newIngester(t testing.TB, name string, store *storage.Store, l *limits.Limits) *ingester.Ingester {
	t.Helper()
	var cfg ingester.Config
	cfg.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	cfg.WAL.Dir = "wal"
	cfg.WAL.DiskFullThreshold = 0
	cfg.MemoryLimit = 1 << 30
	cfg.GenerationAge = time.Hour // tests flush when they want to
	ing := ingester.New(cfg, ingester.Options{
		Name: name, Dir: "data", FS: vfs.NewMem(), Store: store, Limits: limits.NewOverrides(l, nil),
		Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
	})
	if err := services.StartAndAwaitRunning(context.Background(), ing); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.StopAndAwaitTerminated(context.Background(), ing) })
	return ing
}

// A remote is an ingester served on a port of this machine.
type remote struct {
	addr string
	grpc *grpc.Server
	rpc  *rpc.Server
}

func serve(t testing.TB, ing rpc.Ingester) *remote {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &remote{addr: l.Addr().String(), grpc: grpc.NewServer(), rpc: rpc.NewServer(ing, faults)}
	r.rpc.Register(r.grpc)
	grpc_health_v1.RegisterHealthServer(r.grpc, health.NewServer())
	go func() { _ = r.grpc.Serve(l) }()
	t.Cleanup(r.kill)
	return r
}

// kill takes the connections away, as the end of a process does.
func (r *remote) kill() { r.grpc.Stop() }

func newPool(t testing.TB, addrs ...string) *rpc.Pool {
	t.Helper()
	var cfg rpc.Config
	cfg.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	p := rpc.NewPool(cfg, func() ([]string, error) { return addrs, nil }, faults, log.NewNopLogger(), prometheus.NewRegistry())
	if err := services.StartAndAwaitRunning(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.StopAndAwaitTerminated(context.Background(), p) })
	return p
}

func streamOf(t testing.TB, text string, entries ...model.Entry) model.Stream {
	t.Helper()
	ls, err := logproto.ParseLabels(text)
	if err != nil {
		t.Fatal(err)
	}
	return model.Stream{Labels: ls.String(), Hash: labels.StableHash(ls), Entries: entries}
}

// rows reads what is wanted of all blocks of a snapshot as text, sorted.
func rows(ctx context.Context, s scan.Snapshot, want scan.Want) ([]string, error) {
	var out []string
	d := s.Directory()
	for n := range d.Blocks {
		b, err := s.Read(ctx, n, want)
		if err != nil {
			return nil, err
		}
		for _, r := range b.Runs {
			for i := r.Start; i < r.End; i++ {
				if b.Selected != nil && !b.Selected.Get(i) {
					continue
				}
				text := fmt.Sprint(d.Streams[r.Stream].Labels, b.Timestamps[i])
				if b.Lines != nil {
					text += fmt.Sprintf(" %q", b.Lines[i])
				}
				if b.Metadata != nil {
					text += fmt.Sprint(b.Metadata[i])
				}
				if b.Sizes != nil {
					text += fmt.Sprint(" ", b.Sizes[i])
				}
				out = append(out, text)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}
