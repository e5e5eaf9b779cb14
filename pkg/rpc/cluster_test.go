package rpc_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"testing"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/rpc"
	"github.com/skaldlogs/skald/pkg/storage"
)

// A cluster is a distributor and a querier in one process, and ingesters that
// they reach over the network only.
type cluster struct {
	replicas    int
	instances   []ring.InstanceDesc
	remotes     []*remote
	ingesters   []*ingester.Ingester
	store       *storage.Store
	pool        *rpc.Pool
	distributor *distributor.Distributor
	querier     *querier.Querier
}

func newCluster(t *testing.T, ingesters, replicas int) *cluster {
	t.Helper()
	c := &cluster{replicas: replicas, store: newStore(t), pool: newPool(t)}
	for i := range ingesters {
		name := fmt.Sprint("ingester-", i)
		ing := newIngester(t, name, c.store, settings())
		r := serve(t, ing)
		c.ingesters = append(c.ingesters, ing)
		c.remotes = append(c.remotes, r)
		c.instances = append(c.instances, ring.InstanceDesc{Id: name, Addr: r.addr})
	}
	var cfg distributor.Config
	cfg.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	overrides := limits.NewOverrides(settings(), nil)
	c.distributor = distributor.New(cfg, distributor.Options{
		Ring: c, Ingesters: c, Limits: overrides, Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
	})
	c.querier = querier.New(querier.Config{}, querier.Options{
		Ring: c, Ingesters: c, Store: c.store, Engine: engine.New(engine.Options{}), Limits: overrides, Logger: log.NewNopLogger(),
	})
	for _, s := range []services.Service{c.distributor, c.querier} {
		if err := services.StartAndAwaitRunning(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = services.StopAndAwaitTerminated(context.Background(), s) })
	}
	return c
}

// Get puts a stream onto the ingesters that follow its key.
func (c *cluster) Get(key uint32, _ ring.Operation, _ []ring.InstanceDesc, _, _ []string) (ring.ReplicationSet, error) {
	set := ring.ReplicationSet{MaxErrors: (c.replicas - 1) / 2}
	for i := range c.replicas {
		set.Instances = append(set.Instances, c.instances[(int(key%97)+i)%len(c.instances)])
	}
	return set, nil
}

func (c *cluster) ReplicationFactor() int { return c.replicas }
func (c *cluster) InstancesCount() int    { return len(c.instances) }

func (c *cluster) GetReplicationSetForOperation(ring.Operation) (ring.ReplicationSet, error) {
	return ring.ReplicationSet{Instances: c.instances, MaxErrors: (c.replicas - 1) / 2}, nil
}

func (c *cluster) Ingester(i ring.InstanceDesc) (distributor.Ingester, error) {
	return c.pool.Client(i)
}

func (c *cluster) Source(i ring.InstanceDesc) (querier.Source, error) { return c.pool.Client(i) }

// push sends one entry to each of ten streams.
func (c *cluster) push(t *testing.T, ts int64) error {
	t.Helper()
	b := &model.Batch{Tenant: "t"}
	for i := range 10 {
		b.Streams = append(b.Streams, model.Stream{
			Labels:  fmt.Sprintf(`{app="app-%d"}`, i),
			Entries: []model.Entry{{Timestamp: ts, Line: fmt.Sprint("line at ", ts)}},
		})
	}
	released := make(chan struct{})
	result, err := c.distributor.Push(context.Background(), &distributor.Request{
		Batch: b, Ack: model.AckDisk, Release: func() { close(released) },
	})
	<-released // the slowest replica has it too, or never will
	if err == nil && (result.Ack != model.AckDisk || len(result.Rejections) > 0) {
		t.Errorf("push at %d: %+v", ts, result)
	}
	return err
}

// count is how many entries there are, as a query counts them.
func (c *cluster) count(t *testing.T) (float64, error) {
	t.Helper()
	expr, err := syntax.Parse(`sum(count_over_time({app=~"app-.*"} |= "line" [1h]))`)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.querier.Query(context.Background(), []string{"t"}, expr, engine.Params{Start: 1e12, End: 1e12})
	if err != nil {
		return 0, err
	}
	var n float64
	if _, err := fmt.Sscanf(r.Data.String(), "{} => %g", &n); err != nil {
		t.Fatalf("the count is %q: %v", r.Data.String(), err)
	}
	return n, nil
}

func (c *cluster) wantCount(t *testing.T, want float64) {
	t.Helper()
	if got, err := c.count(t); err != nil || math.Abs(got-want) > 0 {
		t.Errorf("a query counts %v (%v), want %v", got, err, want)
	}
}

// With one replica, what one ingester has is missing when it is gone, and that
// is said.
func TestOneReplica(t *testing.T) {
	c := newCluster(t, 2, 1)
	for ts := range int64(5) {
		if err := c.push(t, 1+ts); err != nil {
			t.Fatal(err)
		}
	}
	c.wantCount(t, 50)
	if err := c.ingesters[0].Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.wantCount(t, 50) // half in the store, half in memory

	c.remotes[0].kill()
	if err := c.push(t, 10); !errors.Is(err, ingester.ErrNotRunning) {
		t.Errorf("a push without one of its ingesters says %v", err)
	}
	if n, err := c.count(t); !errors.Is(err, ingester.ErrNotRunning) {
		t.Errorf("a query without one of its ingesters counts %v, %v", n, err)
	}
}

// With three, one may die: pushes and queries go on, and every entry counts once.
func TestThreeReplicas(t *testing.T) {
	c := newCluster(t, 3, 3)
	ts := int64(1)
	pushes := func(n int) {
		for range n {
			if err := c.push(t, ts); err != nil {
				t.Fatalf("push at %d: %v", ts, err)
			}
			ts++
		}
	}
	pushes(5)
	c.wantCount(t, 50)
	c.remotes[1].kill()
	pushes(5)
	c.wantCount(t, 100)
	if err := c.ingesters[0].Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	pushes(1)
	c.wantCount(t, 110)

	c.remotes[2].kill()
	if err := c.push(t, ts); !errors.Is(err, ingester.ErrNotRunning) {
		t.Errorf("a push to one ingester of three says %v", err)
	}
	if n, err := c.count(t); !errors.Is(err, ingester.ErrNotRunning) {
		t.Errorf("a query of one ingester of three counts %v, %v", n, err)
	}
}
