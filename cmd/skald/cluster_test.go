package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/parts"
)

// member prepares a server of a ring that is kept by gossip, with as many replicas.
func member(t *testing.T, name, gossip, join, target string, replicas int) *server {
	return newServer(t, t.TempDir(), "-target="+target,
		"-memberlist.bind-addr=127.0.0.1", "-memberlist.bind-port="+port(gossip), "-memberlist.join="+join,
		"-common.ring.instance-addr=127.0.0.1", "-common.ring.instance-id="+name,
		fmt.Sprint("-common.ring.replication-factor=", replicas), "-common.ring.min-ready-duration=0s",
		"-memberlist.nodename="+name, "-memberlist.pullpush-interval=1s", "-memberlist.advertise-port="+port(gossip))
}

// TestProcessesApart runs a distributor beside three processes that hold the
// entries, kills one of them, and goes on. Each entry is answered once.
func TestProcessesApart(t *testing.T) {
	first := parts.Addr(t)
	distributor := member(t, "distributor", parts.Addr(t), first, "distributor", 3)
	var ingesters []*server
	for i := range 3 {
		gossip := first
		if i > 0 {
			gossip = parts.Addr(t)
		}
		s := member(t, fmt.Sprint("ingester-", i), gossip, first, "all", 3)
		s.start()
		ingesters = append(ingesters, s)
	}
	distributor.start()
	for _, s := range append([]*server{distributor}, ingesters...) {
		s.awaitRing(3)
	}

	start := time.Now()
	pushed := 0
	push := func() {
		t.Helper()
		e := model.Entry{Timestamp: start.Add(time.Duration(pushed)).UnixNano(), Line: fmt.Sprint("line ", pushed)}
		if err := distributor.push(t.Context(), fmt.Sprintf(`{app="app-%d"}`, pushed%7), []model.Entry{e}); err != nil {
			t.Fatalf("push %d: %v\n%s", pushed, err, distributor.Log)
		}
		pushed++
	}
	check := func(s *server) {
		t.Helper()
		got := map[string]int{}
		for _, e := range s.read(`{app=~"app-.*"}`, start.UnixNano(), start.Add(time.Minute).UnixNano()) {
			got[e.Line]++
		}
		for i := range pushed {
			if line := fmt.Sprint("line ", i); got[line] != 1 {
				t.Errorf("%q comes %d times", line, got[line])
			}
		}
	}
	for range 20 {
		push()
	}
	for _, s := range ingesters {
		check(s)
	}
	ingesters[1].Kill()
	for range 20 {
		push()
	}
	check(ingesters[0])
	check(ingesters[2])
	ingesters[1].start()
	ingesters[1].awaitRing(3) // it has to hear of the others first
	push()
	check(ingesters[1])
}

// awaitRing waits until as many ingesters are active as the process sees the ring.
func (s *server) awaitRing(n int) {
	s.tb.Helper()
	s.Await(fmt.Sprint("seeing ", n, " active ingesters"), func() bool {
		return strings.Count(s.text("/ring", "application/json"), `"state":"ACTIVE"`) == n
	})
}

// A querier without an ingester cannot see what others keep in their folders,
// and says so rather than leave it out.
func TestQuerierApartNeedsASharedBucket(t *testing.T) {
	gossip := parts.Addr(t)
	cmd := exec.Command(parts.Program(t, "skald"), "-target=querier", "-data.dir="+t.TempDir(),
		"-server.http-listen-port=0", "-server.grpc-listen-port=0",
		"-memberlist.bind-addr=127.0.0.1", "-memberlist.bind-port="+port(gossip), "-memberlist.join="+gossip)
	cmd.Env = os.Environ()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "need a shared object store") {
		t.Errorf("it ends with %v and says\n%s", err, out)
	}
}
