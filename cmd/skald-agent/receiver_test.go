package main_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golang/snappy"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// A receiver is a server that takes pushes as they come, and drops no copies.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	pushes  int
	streams map[string][]received // in the order of arrival
	seen    map[string]bool       // lines
	byPath  map[string]int        // distinct lines, by the label filename
	// answer, if not nil, says how the n-th push is answered; 0 is to take it.
	// With late the entries are taken although the answer is an error.
	answer func(n int) (status int, late bool)
	// holdAt, if not 0, is a number of distinct lines: when as many have come, the
	// next line is held, and each push that has it is refused.
	holdAt int
	held   string
}

type received struct {
	ts   int64
	line string
}

func newReceiver(tb testing.TB) *receiver {
	r := &receiver{streams: map[string][]received{}, seen: map[string]bool{}, byPath: map[string]int{}}
	r.Server = httptest.NewServer(r)
	tb.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the agent was killed
	}
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var d logproto.PushDecoder
	var batch model.Batch
	if err := d.Decode(raw, &batch); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushes++
	status, late := 0, false
	if r.holds(&batch) {
		status = http.StatusServiceUnavailable
	} else if r.answer != nil {
		status, late = r.answer(r.pushes)
	}
	if status == 0 || late {
		for _, s := range batch.Streams {
			key := fmt.Sprintf("%s %s", req.Header.Get("X-Scope-OrgID"), s.Labels)
			_, path, _ := strings.Cut(s.Labels, `filename="`)
			path, _, _ = strings.Cut(path, `"`)
			for _, e := range s.Entries {
				line := strings.Clone(e.Line)
				r.streams[key] = append(r.streams[key], received{e.Timestamp, line})
				if !r.seen[line] {
					r.seen[line] = true
					r.byPath[path]++
				}
			}
		}
	}
	if status == 0 {
		status = http.StatusNoContent
	}
	w.WriteHeader(status)
}

// holds reports whether a push has the line that is held, and begins to hold one.
func (r *receiver) holds(batch *model.Batch) bool {
	if r.holdAt == 0 || len(r.seen) < r.holdAt {
		return false
	}
	for _, s := range batch.Streams {
		for _, e := range s.Entries {
			if r.held == "" && !r.seen[e.Line] {
				r.held = strings.Clone(e.Line)
			}
			if e.Line == r.held {
				return true
			}
		}
	}
	return false
}

// lines counts the distinct lines that came.
func (r *receiver) lines() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

// arrived counts the distinct lines that came of each file.
func (r *receiver) arrived() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.byPath)
}

// stream is what came under some labels.
func (r *receiver) stream(key string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.streams[key])
}
