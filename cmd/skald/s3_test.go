package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore/s3test"
	"github.com/skaldlogs/skald/pkg/parts"
)

// post asks for something to be done, and waits until it is.
func (s *server) post(path string) {
	s.tb.Helper()
	resp, err := http.Post("http://"+s.http+path, "", nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		s.tb.Fatalf("POST %s: %s\n%s", path, resp.Status, s.Log)
	}
}

// A pusher numbers lines, and knows which were acknowledged.
type pusher struct {
	start  time.Time
	pushed int
}

func (p *pusher) push(s *server, n int) {
	s.tb.Helper()
	for range n {
		e := model.Entry{Timestamp: p.start.Add(time.Duration(p.pushed)).UnixNano(), Line: fmt.Sprint("line ", p.pushed)}
		if err := s.push(s.tb.Context(), fmt.Sprintf(`{app="app-%d"}`, p.pushed%7), []model.Entry{e}); err != nil {
			s.tb.Fatalf("push %d: %v\n%s", p.pushed, err, s.Log)
		}
		p.pushed++
	}
}

// check reads everything back: each line once.
func (p *pusher) check(s *server) {
	s.tb.Helper()
	got := map[string]int{}
	for _, e := range s.read(`{app=~"app-.*"}`, p.start.UnixNano(), p.start.Add(time.Minute).UnixNano()) {
		got[e.Line]++
	}
	for i := range p.pushed {
		if line := fmt.Sprint("line ", i); got[line] != 1 {
			s.tb.Errorf("%q comes %d times", line, got[line])
		}
	}
	if len(got) != p.pushed {
		s.tb.Errorf("%d lines, want %d", len(got), p.pushed)
	}
}

// TestS3IsTheOnlyState: what was flushed is in the bucket, and a process that has
// nothing else finds it there, whatever became of the one before.
func TestS3IsTheOnlyState(t *testing.T) {
	bucket := s3test.Start(t)
	p := pusher{start: time.Now()}
	for round := range 3 {
		s := newServer(t, t.TempDir(), append(bucket.Args(), "-common.ring.instance-id=one")...)
		s.start()
		p.check(s)
		p.push(s, 20)
		p.check(s)
		s.flush()
		p.check(s)
		if round == 1 {
			s.post("/compact")
			p.check(s)
		}
		s.Kill()
		if strings.Contains(s.Log.String(), s3test.Secret) {
			t.Errorf("the secret is in the log:\n%s", s.Log)
		}
	}
}

// TestS3Apart: ingester, querier and compactor are processes of their own that
// share a bucket and nothing else.
func TestS3Apart(t *testing.T) {
	bucket := s3test.Start(t)
	first := parts.Addr(t)
	gossip := []string{first, parts.Addr(t), parts.Addr(t)}
	apart := func(i int, name, target string) *server {
		s := member(t, name, gossip[i], first, target, 1)
		s.args = append(s.args, bucket.Args()...)
		return s
	}
	write := apart(0, "ingester", "write")
	read := apart(1, "querier", "read")
	compact := apart(2, "compactor", "compactor")
	for _, s := range []*server{write, read, compact} {
		s.start()
	}
	write.awaitRing(1)
	read.awaitRing(1)

	p := pusher{start: time.Now()}
	p.push(write, 20)
	p.check(read) // from memory
	write.flush()
	p.check(read) // from the bucket
	p.push(write, 20)
	p.check(read) // from both
	write.flush()
	compact.post("/compact")
	p.check(read)

	write.Kill()
	read.Kill()
	write.dir, read.dir = t.TempDir(), t.TempDir()
	write.start()
	read.start()
	write.awaitRing(1)
	read.awaitRing(1)
	p.check(read)
	p.push(write, 5)
	p.check(read)
}

// TestS3Shared: processes that take on every role share a bucket, and each finds
// what the others have flushed.
func TestS3Shared(t *testing.T) {
	bucket := s3test.Start(t)
	first := parts.Addr(t)
	var all []*server
	for i, gossip := range []string{first, parts.Addr(t)} {
		s := member(t, fmt.Sprint("all-", i), gossip, first, "all", 1)
		s.args = append(s.args, bucket.Args()...)
		s.start()
		all = append(all, s)
	}
	for _, s := range all {
		s.awaitRing(2)
	}
	p := pusher{start: time.Now()}
	for range 2 {
		p.push(all[0], 10)
		p.push(all[1], 10)
		for _, s := range all {
			p.check(s)
			s.flush()
		}
	}
	// One of them compacts: the first by its name.
	for n, want := range []int{http.StatusNoContent, http.StatusConflict} {
		p.check(all[n])
		if status, text, err := all[n].request("", "POST", "/compact"); status != want {
			t.Errorf("POST /compact of %s: %d %s %v, want %d", fmt.Sprint("all-", n), status, text, err, want)
		}
		if page, want := all[n].must("", "GET", "/compactor"), fmt.Sprintf(`"compacting": %t`, n == 0); !strings.Contains(page, want) {
			t.Errorf("%s says %s, want %s", fmt.Sprint("all-", n), page, want)
		}
	}
	for _, s := range all {
		p.check(s)
	}
}
