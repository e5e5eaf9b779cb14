package events

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/clients/agent/target/targettest"
)

const keepEvent = `
- {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
- {source_labels: [__meta_kubernetes_event_reason], target_label: reason}
`

// replica is a target that sends to a collector.
func replica(t *testing.T, s *apiServer, cfg Config) (*Target, *targettest.Collector) {
	t.Helper()
	c := targettest.New()
	cfg.APIServer = s.URL
	tg, err := New(cfg, c.Options(t, keepEvent))
	if err != nil {
		t.Fatal(err)
	}
	if tg.lease != nil {
		tg.lease.leaseTime = 300 * time.Millisecond
	}
	return tg, c
}

func names(entries []targettest.Entry) string {
	var all []string
	for _, e := range entries {
		_, name, _ := strings.Cut(e.Line, "happened\\\" to ")
		all = append(all, strings.TrimSuffix(name, `"`))
	}
	return strings.Join(all, " ")
}

func TestEventsAreListedAndWatched(t *testing.T) {
	s := newAPIServer(t)
	for i := range 7 {
		s.happen("shop", strconv.Itoa(i), "Pulled", 1000+int64(i))
	}
	target, c := replica(t, s, Config{Lease: LeaseConfig{Disable: true}, Labels: map[string]string{"job": "events"}})
	stop := targettest.Run(t, target)
	got := c.Wait(t, 7)
	if names(got) != "0 1 2 3 4 5 6" {
		t.Errorf("events came as %s", names(got))
	}
	want := `{job="events", namespace="shop", reason="Pulled"} "type=Normal reason=Pulled kind=Pod namespace=shop name=pod-0 component=kubelet host=node-1 msg=\"it \\\"happened\\\" to 0\""`
	if got[0].String() != want {
		t.Errorf("the first is\n%s, want\n%s", got[0], want)
	}
	if ts := got[0].Timestamp.Unix(); ts != 1000 {
		t.Errorf("its time is %d, want 1000", ts)
	}
	s.happen("shop", "7", "Started", 1007)
	c.Wait(t, 8)

	// A watch that the server forgot is begun again behind a new list.
	s.forget()
	s.happen("shop", "8", "Killing", 1008)
	if got := c.Wait(t, 9); names(got) != "0 1 2 3 4 5 6 7 8" {
		t.Errorf("events came as %s", names(got))
	}
	stop()
	if _, position := target.opts.Track.Resume(); position != "109" {
		t.Errorf("the position is %s, want 109", position)
	}
}

func TestNamespacesAndJSON(t *testing.T) {
	s := newAPIServer(t)
	s.happen("a", "1", "Pulled", 1)
	s.happen("b", "2", "Pulled", 2)
	s.happen("c", "3", "Pulled", 3)
	target, c := replica(t, s, Config{Lease: LeaseConfig{Disable: true}, Namespaces: []string{"a", "c"}, Format: "json"})
	stop := targettest.Run(t, target)
	lines := map[string]bool{}
	for _, e := range c.Wait(t, 2) {
		lines[e.Line] = true
	}
	if want := `{"type":"Normal","reason":"Pulled","kind":"Pod","namespace":"c","name":"pod-3","component":"kubelet","host":"node-1","msg":"it \"happened\" to 3"}`; !lines[want] {
		t.Errorf("lines are %v, want %s among them", lines, want)
	}
	stop()
}

// TestOneReplicaReads has two replicas: one reads, and when it stops the other
// goes on behind what was acknowledged.
func TestOneReplicaReads(t *testing.T) {
	s := newAPIServer(t)
	s.happen("shop", "0", "Pulled", 1)
	cfg := Config{Lease: LeaseConfig{Namespace: "logs"}}
	first, c1 := replica(t, s, cfg)
	first.lease.leaseTime = 12 * time.Second // not lost on a busy machine
	stopFirst := targettest.Run(t, first)
	c1.Wait(t, 1)

	second, c2 := replica(t, s, cfg)
	second.lease.identity += "-second"
	second.lease.leaseTime = 12 * time.Second
	targettest.Run(t, second)
	s.happen("shop", "1", "Pulled", 2)
	c1.Wait(t, 2)
	s.await(func() bool {
		who, position := s.holder("skald-agent-events")
		return who == first.lease.identity && version(position) >= 102
	})
	stopFirst()
	s.happen("shop", "2", "Pulled", 3)
	if got := names(c2.Wait(t, 1)); got != "2" {
		t.Errorf("the second replica ships %s, want the last alone", got)
	}
	if got := names(c1.Wait(t, 2)); got != "0 1" {
		t.Errorf("the first replica shipped %s", got)
	}
}

// TestLeaseOfTheDeadIsTaken has a holder that does not come back.
func TestLeaseOfTheDeadIsTaken(t *testing.T) {
	s := newAPIServer(t)
	dead, _ := replica(t, s, Config{Lease: LeaseConfig{Namespace: "logs"}})
	if held, _, err := dead.lease.acquire(context.Background(), "100"); !held || err != nil {
		t.Fatalf("held %v, %v", held, err)
	}
	s.happen("shop", "0", "Pulled", 1)
	heir, c := replica(t, s, Config{Lease: LeaseConfig{Namespace: "logs"}})
	heir.lease.identity += "-heir"
	if held, position, err := heir.lease.acquire(context.Background(), ""); held || position != "100" || err != nil {
		t.Fatalf("held %v with position %s, %v, while another holds it", held, position, err)
	}
	targettest.Run(t, heir)
	if got := names(c.Wait(t, 1)); got != "0" {
		t.Errorf("the heir ships %s", got)
	}
	// The dead cannot write what it believed to be the position.
	if held, _, err := dead.lease.acquire(context.Background(), "1"); held || err != nil {
		t.Errorf("the dead holds its lease again: %v, %v", held, err)
	}
}

// TestWhatNobodyAcknowledgedIsShippedAgain has a replica lose its turn twice with
// events under way.
func TestWhatNobodyAcknowledgedIsShippedAgain(t *testing.T) {
	s := newAPIServer(t)
	s.happen("shop", "0", "Pulled", 1)
	first, c := replica(t, s, Config{Lease: LeaseConfig{Namespace: "logs"}})
	c.Hold = true
	feed := target.NewFeed(t.Context(), first.opts)
	for turns := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		held, position := first.try(ctx, "")
		if !held || position != "" {
			t.Fatalf("turn %d: held %v from %q", turns, held, position)
		}
		done := make(chan struct{})
		go func() { defer close(done); first.hold(ctx, feed, position) }()
		c.Wait(t, turns+1)
		cancel()
		<-done
	}
	heir, again := replica(t, s, Config{Lease: LeaseConfig{Namespace: "logs"}})
	targettest.Run(t, heir)
	if got := names(again.Wait(t, 1)); got != "0" {
		t.Errorf("the heir ships %s", got)
	}
	if entries := c.Wait(t, 2); entries[0].String() != entries[1].String() || entries[0].Timestamp != entries[1].Timestamp {
		t.Errorf("the event was shipped as %s, and then as %s", entries[0], entries[1])
	}
}

func TestEventTime(t *testing.T) {
	at := func(s int64) meta.Time { return meta.Unix(s, 0) }
	for _, tc := range []struct {
		name string
		e    corev1.Event
		want int64
	}{
		{"a series", corev1.Event{Series: &corev1.EventSeries{LastObservedTime: meta.MicroTime{Time: time.Unix(5, 0)}}, LastTimestamp: at(4)}, 5},
		{"the last time", corev1.Event{LastTimestamp: at(4), EventTime: meta.MicroTime{Time: time.Unix(3, 0)}}, 4},
		{"a time of its own", corev1.Event{EventTime: meta.MicroTime{Time: time.Unix(3, 0)}, FirstTimestamp: at(2)}, 3},
		{"the first time", corev1.Event{FirstTimestamp: at(2), ObjectMeta: meta.ObjectMeta{CreationTimestamp: at(1)}}, 2},
		{"when it was made", corev1.Event{ObjectMeta: meta.ObjectMeta{CreationTimestamp: at(1)}}, 1},
	} {
		if got := eventTime(&tc.e).Unix(); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}
