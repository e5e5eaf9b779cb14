package main_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/skaldlogs/skald/pkg/objstore/s3test"
)

// TestTailApart: a tail in one process tells what is pushed to another, each line once.
func TestTailApart(t *testing.T) {
	bucket := s3test.Start(t)
	first := freePort(t)
	write := member(t, "ingester", first, first, "write", 1)
	read := member(t, "querier", freePort(t), first, "query-frontend", 1)
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
		t.Fatalf("%v\n%s", err, read.log)
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
			t.Fatalf("after %d lines of %d: %v\n%s", lines, p.pushed, err, read.log)
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
