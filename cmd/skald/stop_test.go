package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestStopFinishesPushes sends half of a push, asks the process to stop, and
// sends the other half. The push is answered as any other, and its line is there
// after the next start.
func TestStopFinishesPushes(t *testing.T) {
	s := newServer(t, t.TempDir())
	s.start()
	now := time.Now().UnixNano()
	body := snappy.Encode(nil, logproto.AppendPush(nil, &model.Batch{Streams: []model.Stream{{
		Labels: `{app="slow"}`, Entries: []model.Entry{{Timestamp: now, Line: strings.Repeat("a line that takes its time ", 100)}},
	}}}))

	conn, err := net.Dial("tcp", s.http)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /loki/api/v1/push HTTP/1.1\r\nHost: skald\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	// The server asks for the body when the handler reads it: from here on the
	// push is in flight.
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v: the server did not ask for the body", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(body[:len(body)/2]); err != nil {
		t.Fatal(err)
	}

	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.Stop()
	}()
	for !strings.Contains(s.Log.String(), "msg=stopping") {
		select {
		case <-stopped:
			t.Fatalf("it stopped without waiting for the push\n%s", s.Log)
		case <-time.After(time.Millisecond): // another process: there is nothing to wait on
		}
	}
	if _, err := conn.Write(body[len(body)/2:]); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatalf("a push that was in flight was not answered: %v\n%s", err, s.Log)
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	<-stopped
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("a push that was in flight: %s: %s", resp.Status, bytes.TrimSpace(text))
	}
	s.start()
	if n := s.count(`{app="slow"}`, now-1, now+1); n != 1 {
		t.Errorf("%d lines after the restart, want the one that was acknowledged", n)
	}
}

// TestStopDuringPushes stops the process in an orderly way while several
// clients push, with and without handing everything to the store on the way out.
// As after a crash, what was acknowledged is there exactly once.
func TestStopDuringPushes(t *testing.T) {
	for seed := range seeds.Few(t, 1) {
		stopDuringPushes(t, seed)
	}
}

func stopDuringPushes(t *testing.T, seed uint64) {
	const rounds, clients = 6, 4
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t, t.TempDir())
	base := time.Now().Add(-time.Minute).UnixNano()
	cs := make([]*client, clients)
	for n := range cs {
		cs[n] = &client{server: s, labels: fmt.Sprintf(`{app="stop", client="%d"}`, n), first: base, next: base, rnd: rand.New(rand.NewPCG(seed, uint64(n+1)))}
	}
	for round := range rounds {
		s.args = append(append([]string{}, lifted...), "-ingester.generation-bytes=300KB", "-ingester.generation-age=1s")
		if round%2 == 1 {
			s.args = append(s.args, "-ingester.flush-on-shutdown")
		}
		s.start()
		var wg sync.WaitGroup
		for _, c := range cs {
			wg.Go(func() { c.run(t.Context()) })
		}
		time.Sleep(time.Duration(20+rnd.IntN(200)) * time.Millisecond) // the signal comes when it comes
		s.Stop()
		wg.Wait()
	}
	s.start()
	total := 0
	for _, c := range cs {
		total += len(c.acked)
		c.check(t)
	}
	t.Logf("%d acknowledged lines survived %d stops", total, rounds)
	if total == 0 {
		t.Error("nothing was acknowledged, so nothing was shown")
	}
}
