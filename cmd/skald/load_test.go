package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
)

// TestQueriesWithoutPause asks for a count again and again while several
// clients push, generations freeze and flush, and the process is killed and
// stopped and started. Every answer lies between what was acknowledged before
// the question and what had been sent when the answer came.
func TestQueriesWithoutPause(t *testing.T) {
	const writers, perWriter, perPush = 3, 30_000, 100
	args := append([]string{"-ingester.generation-bytes=400KB", "-ingester.generation-age=1s"}, lifted...)
	s := newServer(t, t.TempDir(), args...)
	s.start()
	start := time.Now().Add(-10 * time.Minute).UnixNano()
	end := start + perWriter*writers*1000

	var acked, sent atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			labels := fmt.Sprintf(`{app="load", writer="%d"}`, w)
			for n := 0; n < perWriter; n += perPush {
				entries := make([]model.Entry, perPush)
				for i := range entries {
					entries[i] = model.Entry{Timestamp: start + int64((n+i)*writers+w)*1000, Line: fmt.Sprintf("line %d of writer %d level=info", n+i, w)}
				}
				sent.Add(perPush)
				for s.push(t.Context(), labels, entries) != nil {
					if t.Context().Err() != nil {
						return
					}
					time.Sleep(5 * time.Millisecond) // the process is being started again
				}
				acked.Add(perPush)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()

	// check asks once, and reports whether there was an answer.
	check := func() bool {
		before := acked.Load()
		n, warnings, err := s.tryCount(`{app="load"}`, start, end)
		after := sent.Load()
		if err != nil {
			return false
		}
		if int64(n) < before || int64(n) > after || len(warnings) > 0 {
			t.Errorf("%d lines counted; %d were acknowledged before, %d sent by then; warnings %q", n, before, after, warnings)
		}
		return true
	}
	// One more asks at the same time, and hands over to the store as it likes.
	var others atomic.Int64
	var asker sync.WaitGroup
	asker.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if check() {
				others.Add(1)
			}
			if n%20 == 19 {
				if resp, err := http.Post("http://"+s.http+"/flush", "", nil); err == nil {
					resp.Body.Close()
				}
			}
		}
	})
	asked, restarts := 0, 0
	const wanted = 4
	for running := true; running && !t.Failed(); {
		select {
		case <-done:
			running = false
		default:
		}
		if !check() {
			t.Errorf("no answer while the process runs\n%s", s.Log)
		}
		asked++
		if restarts < wanted && acked.Load() >= int64(writers*perWriter*(restarts+1)/(wanted+1)) {
			if restarts++; restarts%2 == 0 {
				s.Stop()
			} else {
				s.Kill()
			}
			s.start()
		}
	}
	<-done
	asker.Wait()
	if n := s.count(`{app="load"}`, start, end); n != writers*perWriter {
		t.Errorf("%d lines in the end, want %d", n, writers*perWriter)
	}
	s.flush()
	if n := s.count(`{app="load"}`, start, end); n != writers*perWriter {
		t.Errorf("%d lines in the store in the end, want %d", n, writers*perWriter)
	}
	t.Logf("%d answers over %d restarts, and %d from another asker", asked, restarts, others.Load())
}

// TestReplayBeyondMemory leaves a log that is many times what the next process
// may hold in memory. It replays it into segments, and nothing is missing.
func TestReplayBeyondMemory(t *testing.T) {
	const pushes, perPush = 60, 2000
	args := append([]string{"-ingester.generation-bytes=1GB", "-ingester.generation-age=1h"}, lifted...)
	s := newServer(t, t.TempDir(), append([]string{"-ingester.wal-sync=off"}, args...)...)
	s.start()
	start := time.Now().Add(-10 * time.Minute).UnixNano()
	line := strings.Repeat("x", 100)
	bytes := 0
	for n := range pushes {
		entries := make([]model.Entry, perPush)
		for i := range entries {
			at := n*perPush + i
			entries[i] = model.Entry{Timestamp: start + int64(at)*1000, Line: fmt.Sprintf("%x %s %d %x", at*7919*104729, line, at, at*15485863*32452843)}
			bytes += len(entries[i].Line)
		}
		if err := s.push(t.Context(), fmt.Sprintf(`{app="replay", part="%d"}`, n%10), entries); err != nil {
			t.Fatal(err)
		}
	}
	end := start + pushes*perPush*1000
	s.Kill()

	const bound = 4 << 20
	if bytes < 3*bound {
		t.Fatalf("%d bytes of lines are no log beyond a bound of %d", bytes, bound)
	}
	s.args = append([]string{fmt.Sprintf("-ingester.memory-limit=%dB", bound)}, args...)
	s.start()
	if n := s.count(`{app="replay"}`, start, end); n != pushes*perPush {
		t.Errorf("%d lines after the replay, want %d", n, pushes*perPush)
	}
	rss := s.peakRSS()
	s.Kill()
	s.start()
	if n := s.count(`{app="replay"}`, start, end); n != pushes*perPush {
		t.Errorf("%d lines after one more crash, want %d", n, pushes*perPush)
	}
	seen := map[string]bool{}
	for _, e := range s.read(`{app="replay", part="3"}`, start, end) {
		seen[e.Line] = true
	}
	if len(seen) != pushes*perPush/10 {
		t.Errorf("%d different lines of one stream, want %d", len(seen), pushes*perPush/10)
	}
	// It takes pushes again.
	if err := s.push(t.Context(), `{app="replay"}`, []model.Entry{{Timestamp: end, Line: "and on"}}); err != nil {
		t.Errorf("a push after the replay: %v", err)
	}
	t.Logf("%d bytes of lines replayed under a bound of %d; the process had %d at its peak", bytes, bound, rss)
}
