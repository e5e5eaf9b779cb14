package main_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/gorilla/websocket"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore/s3test"
	"github.com/skaldlogs/skald/pkg/parts"
)

// TestTailApart: a tail in one process tells what is pushed to another, each line once.
func TestTailApart(t *testing.T) {
	bucket := s3test.Start(t)
	first := parts.Addr(t)
	write := member(t, "ingester", first, first, "write", 1)
	read := member(t, "querier", parts.Addr(t), first, "query-frontend", 1)
	for _, s := range []*server{write, read} {
		s.args = append(s.args, bucket.Args()...)
		s.start()
	}
	write.awaitRing(1)
	read.awaitRing(1)

	p := pusher{start: time.Now()}
	p.push(write, 5)
	q := url.Values{"query": {`{app=~"app-.*"}`}, "start": {fmt.Sprint(p.start.UnixNano())}}
	conn, resp, err := websocket.DefaultDialer.Dial("ws://"+read.http+"/loki/api/v1/tail?"+q.Encode(), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, read.Log)
	}
	defer resp.Body.Close()
	defer conn.Close()
	p.push(write, 20)
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	got := map[string]int{}
	for lines := 0; lines < p.pushed; {
		var frame struct {
			Streams []struct{ Values [][2]string }
			Dropped []any `json:"dropped_entries"`
		}
		if err := conn.ReadJSON(&frame); err != nil {
			t.Fatalf("after %d lines of %d: %v\n%s", lines, p.pushed, err, read.Log)
		}
		for _, s := range frame.Streams {
			for _, v := range s.Values {
				got[v[1]]++
				lines++
			}
		}
		if len(frame.Dropped) > 0 {
			t.Fatalf("dropped %v", frame.Dropped)
		}
	}
	for i := range p.pushed {
		if line := fmt.Sprint("line ", i); got[line] != 1 {
			t.Errorf("%q comes %d times", line, got[line])
		}
	}
}

// TestManyTailsUnderLoad follows twenty streams with two hundred tails while
// four writers push to them, and all of them at once with tails that read little
// while they do. Each tail brings every line once, or tells how many it left out.
func TestManyTailsUnderLoad(t *testing.T) {
	const apps, perApp, slow = 20, 10, 4
	const writers, pushes = 4, 200
	s := newServer(t, t.TempDir(), append([]string{"-querier.max-concurrent-tail-requests=0", "-ingester.wal-sync=off"}, lifted...)...)
	s.start()
	start := time.Now()

	// A turn is a frame that a slow tail may read. It reads some without one, since a
	// client that is silent for seconds is taken for gone.
	var turns [slow]chan struct{}
	pushed := make(chan struct{})
	var readers sync.WaitGroup
	left := make([]int, slow)
	for app := range apps {
		for range perApp {
			f := follow(t, s, fmt.Sprintf(`{app="app-%d"} |= "line"`, app), start, 0)
			readers.Go(func() { f.read(writers*pushes, func() {}) })
		}
	}
	for n := range slow {
		turns[n] = make(chan struct{}, writers*pushes)
		f := follow(t, s, `{app=~"app-.+"}`, start, 256<<10)
		readers.Go(func() {
			left[n] = f.read(apps*writers*pushes, func() {
				select {
				case <-turns[n]:
				case <-pushed:
				case <-time.After(time.Second / 4):
				}
			})
		})
	}

	padding := strings.Repeat("x", 1000)
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for n := range pushes {
				var b model.Batch
				for app := range apps {
					line := fmt.Sprintf("line %d of writer %d to app-%d %s", n, w, app, padding)
					b.Streams = append(b.Streams, model.Stream{
						Labels:  fmt.Sprintf(`{app="app-%d"}`, app),
						Entries: []model.Entry{{Timestamp: start.UnixNano() + int64(n*writers+w), Line: line}},
					})
				}
				if err := s.send(t.Context(), snappy.Encode(nil, logproto.AppendPush(nil, &b))); err != nil {
					t.Error(err)
					return
				}
				if n%10 == w {
					for _, turn := range turns {
						turn <- struct{}{}
					}
				}
			}
		})
	}
	work.Wait()
	close(pushed)
	readers.Wait()
	t.Logf("the slow tails were told that %d lines of %d were left out", left, apps*writers*pushes)
}

// A follower is a client's end of a tail.
type follower struct {
	t     *testing.T
	conn  *websocket.Conn
	query string
}

// follow begins a tail whose socket takes buffer bytes ahead; 0 is as many as usual.
func follow(t *testing.T, s *server, query string, start time.Time, buffer int) *follower {
	t.Helper()
	dialer := websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil && buffer > 0 {
			err = conn.(*net.TCPConn).SetReadBuffer(buffer)
		}
		return conn, err
	}}
	q := url.Values{"query": {query}, "start": {fmt.Sprint(start.UnixNano())}}
	conn, resp, err := dialer.Dial("ws://"+s.http+"/loki/api/v1/tail?"+q.Encode(), nil)
	if err != nil {
		t.Fatalf("%s: %v\n%s", query, err, s.Log)
	}
	resp.Body.Close()
	t.Cleanup(func() { conn.Close() })
	return &follower{t: t, conn: conn, query: query}
}

// read reads until as many lines are known of as there are, waiting for its turn
// before each frame. It returns how many were left out.
func (f *follower) read(lines int, turn func()) (dropped int) {
	seen := map[string]bool{}
	for len(seen)+dropped < lines {
		turn()
		_ = f.conn.SetReadDeadline(time.Now().Add(time.Minute))
		_, message, err := f.conn.ReadMessage()
		if err != nil {
			f.t.Errorf("%s: %d lines came and %d were left out, of %d: %v", f.query, len(seen), dropped, lines, err)
			return dropped
		}
		frame, err := loghttp.DecodeTailFrame(message)
		if err != nil {
			f.t.Errorf("%s: %v", f.query, err)
			return dropped
		}
		if frame.DroppedCount < len(frame.Dropped) {
			f.t.Errorf("%s: %d entries are named and %d counted", f.query, len(frame.Dropped), frame.DroppedCount)
		}
		dropped += frame.DroppedCount
		for _, st := range frame.Streams {
			for _, e := range st.Entries {
				if seen[e.Line] || !strings.Contains(e.Line, " to "+st.Labels.Get("app")+" ") {
					f.t.Errorf("%s: %.40q came twice, or with labels %s", f.query, e.Line, st.Labels)
				}
				seen[e.Line] = true
			}
		}
	}
	if len(seen)+dropped > lines {
		f.t.Errorf("%s: %d lines came and %d were left out, of %d", f.query, len(seen), dropped, lines)
	}
	return dropped
}
