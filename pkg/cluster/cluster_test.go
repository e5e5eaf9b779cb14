package cluster_test

import (
	"context"
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/cluster"
)

func config(t *testing.T, args ...string) cluster.Config {
	t.Helper()
	var c cluster.Config
	f := flag.NewFlagSet("", flag.ContinueOnError)
	c.RegisterFlags(f, "ring.")
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestResolve(t *testing.T) {
	for _, tc := range []struct {
		name     string
		args     []string
		gossip   bool
		store    string
		replicas int
	}{
		{"alone by default, with one replica", nil, false, "inmemory", 1},
		{"gossip where members are joined", nil, true, "memberlist", 3},
		{"what is asked for wins", []string{"-ring.store=etcd"}, true, "etcd", 3},
		{"one replica whatever is asked", []string{"-ring.store=inmemory", "-ring.replication-factor=3"}, true, "inmemory", 1},
	} {
		c := config(t, tc.args...)
		if err := c.Resolve(tc.gossip); err != nil {
			t.Fatal(err)
		}
		if c.KVStore.Store != tc.store || c.ReplicationFactor != tc.replicas || c.InstanceID == "" {
			t.Errorf("%s: store %s, %d replicas, name %q; want %s, %d, and a name",
				tc.name, c.KVStore.Store, c.ReplicationFactor, c.InstanceID, tc.store, tc.replicas)
		}
		// A container that is made anew has the same data and another host name.
		if alone := tc.store == "inmemory"; alone != (c.InstanceID == "skald") {
			t.Errorf("%s: the name is %q", tc.name, c.InstanceID)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct{ arg, want string }{
		{"-ring.store=paper", `"paper" is none of`},
		{"-ring.replication-factor=0", "replication_factor"},
		{"-ring.num-tokens=0", "num_tokens"},
		{"-ring.heartbeat-timeout=5s", "heartbeat_timeout (5s)"},
		{"-ring.zone-awareness-enabled", "instance_availability_zone"},
	} {
		c := config(t, tc.arg)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Validate gives %v, want it to say %q", tc.arg, err, tc.want)
		}
	}
}

func TestAloneIsReadyAtOnce(t *testing.T) {
	c := config(t, "-ring.instance-id=me")
	if err := c.Resolve(false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	reg := prometheus.NewRegistry()
	member, err := cluster.NewMember(cluster.Ingesters, c, 9095, log.NewNopLogger(), reg)
	if err != nil {
		t.Fatal(err)
	}
	if err := services.StartAndAwaitRunning(ctx, member); err != nil {
		t.Fatal(err)
	}
	if err := member.CheckReady(ctx); err == nil {
		t.Error("ready before Activate")
	}
	if err := member.Activate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := member.CheckReady(ctx); err != nil {
		t.Errorf("not ready after Activate: %v", err)
	}

	view, err := cluster.NewRing(cluster.Ingesters, c, log.NewNopLogger(), reg)
	if err != nil {
		t.Fatal(err)
	}
	if err := services.StartAndAwaitRunning(ctx, view); err != nil {
		t.Fatal(err)
	}
	set, err := view.Get(1, ring.Write, nil, nil, nil)
	if err != nil || len(set.Instances) != 1 || set.Instances[0].Id != "me" || set.Instances[0].Addr != "127.0.0.1:9095" {
		t.Errorf("a stream goes to %+v (%v), want me at 127.0.0.1:9095", set.Instances, err)
	}
	page := httptest.NewRecorder()
	view.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/ring", nil))
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "me") {
		t.Errorf("the page answers %d and does not show the member", page.Code)
	}

	if err := services.StopAndAwaitTerminated(ctx, view); err != nil {
		t.Error(err)
	}
	if err := services.StopAndAwaitTerminated(ctx, member); err != nil {
		t.Error(err)
	}
}
