package send

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A server is one without a network, so that its time is that of the test.
type server struct {
	mu     sync.Mutex
	pushes []push
	lines  map[string][]string // by tenant and stream, of pushes that were taken
	active int                 // requests now
	most   int                 // requests at once
	// answer says how the n-th push, from 1, is answered and after what time;
	// status 0 is no answer at all. nil takes everything.
	answer func(n int) answer
}

type answer struct {
	status     int
	words      string
	retryAfter string
	takes      time.Duration
}

type push struct {
	at   time.Time
	body string
	head http.Header
}

var errNoAnswer = errors.New("connection refused")

// RoundTrip implements [http.RoundTripper].
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.pushes = append(s.pushes, push{time.Now(), string(body), r.Header})
	s.active++
	s.most = max(s.most, s.active)
	a := answer{status: http.StatusNoContent}
	if s.answer != nil {
		a = s.answer(len(s.pushes))
	}
	s.mu.Unlock()
	late := time.NewTimer(a.takes)
	defer late.Stop()
	select {
	case <-late.C:
	case <-r.Context().Done():
		a = answer{}
		err = r.Context().Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	if a.status == 0 {
		return nil, errors.Join(errNoAnswer, err)
	}
	if a.status/100 == 2 {
		s.take(r.Header.Get("X-Scope-OrgID"), body)
	}
	resp := &http.Response{
		StatusCode: a.status, Status: fmt.Sprint(a.status, " ", http.StatusText(a.status)),
		Body: io.NopCloser(strings.NewReader(a.words)), Header: http.Header{},
	}
	if a.retryAfter != "" {
		resp.Header.Set("Retry-After", a.retryAfter)
	}
	return resp, nil
}

func (s *server) take(tenant string, body []byte) {
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		panic(err)
	}
	var d logproto.PushDecoder
	var b model.Batch
	if err := d.Decode(raw, &b); err != nil {
		panic(err)
	}
	for _, st := range b.Streams {
		key := tenant + st.Labels
		for _, e := range st.Entries {
			s.lines[key] = append(s.lines[key], strings.Clone(e.Line))
		}
	}
}

// set changes how pushes are answered.
func (s *server) set(answer func(n int) answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pushes)
}

// sent are the pushes so far.
func (s *server) sent() []push {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pushes)
}

// has is how many lines of a tenant's stream were taken.
func (s *server) has(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines[key])
}

// got are the lines of all streams together.
func (s *server) got() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.lines {
		n += len(l)
	}
	return n
}

func away(int) answer { return answer{status: http.StatusServiceUnavailable, words: "away"} }

// A logBuffer may be read while clients log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A rig is clients of servers, over positions that a next rig goes on with.
type rig struct {
	*testing.T
	fs      *vfs.Mem
	opts    position.Options
	book    *position.Book
	reg     *prometheus.Registry
	log     *logBuffer
	servers []*server
	clients Fan
	stop    context.CancelFunc
	cut     context.CancelFunc
	done    sync.WaitGroup
}

// newRig makes clients with these settings, each with a server of its own.
func newRig(t *testing.T, configs ...Config) *rig {
	t.Helper()
	r := &rig{T: t, fs: vfs.NewMem(), opts: position.Options{QueueBytes: 4 << 20}}
	for i := range configs {
		r.opts.Clients = append(r.opts.Clients, fmt.Sprint("c", i))
		r.servers = append(r.servers, &server{lines: map[string][]string{}})
	}
	r.start(configs...)
	return r
}

// start begins a process.
func (r *rig) start(configs ...Config) {
	r.Helper()
	var err error
	r.reg, r.log = prometheus.NewRegistry(), &logBuffer{}
	if r.book, err = position.Open(r.fs, "/positions.yaml", position.NewLedger(r.opts.Clients...), r.opts); err != nil {
		r.Fatal(err)
	}
	metrics := NewMetrics(r.reg)
	ctx, stop := context.WithCancel(context.Background())
	stopping, cut := context.WithCancel(context.Background())
	r.stop, r.cut = stop, cut
	var clients []*Client
	for i := range configs {
		configs[i].Name = r.opts.Clients[i]
		if err := configs[i].URL.UnmarshalYAML(func(v any) error { *v.(*string) = "http://server/push"; return nil }); err != nil {
			r.Fatal(err)
		}
		if err := configs[i].Validate(); err != nil {
			r.Fatal(err)
		}
		c, err := New(configs[i], i, r.book, log.NewLogfmtLogger(r.log), metrics)
		if err != nil {
			r.Fatal(err)
		}
		c.http = &http.Client{Transport: r.servers[i]}
		clients = append(clients, c)
	}
	r.clients = NewFan(clients...)
	for _, c := range r.clients {
		r.done.Go(func() { c.Run(ctx, stopping) })
	}
}

// end stops the process as an operator does.
func (r *rig) end() {
	r.Helper()
	r.stop()
	r.done.Wait()
	r.cut()
	if err := r.book.Close(); err != nil {
		r.Error(err)
	}
}

// A source is lines of one file.
type source struct {
	labels *entry.Labels
	track  *position.Track
	next   int64
}

// source returns the n-th file, from where it was acknowledged.
func (r *rig) source(n int, ls ...string) *source {
	path := fmt.Sprint("/", n, ".log")
	s := &source{labels: entry.NewLabels(labels.FromStrings(append([]string{"file", path}, ls...)...))}
	if of := r.book.Files(path); len(of) > 0 {
		s.track = of[0]
	} else {
		s.track = r.book.NewFile(position.Name{Path: path, File: position.File{Inode: uint64(n) + 1}}, 0)
	}
	s.next = s.track.Low()
	return s
}

// entries are the next n lines, each of size bytes.
func (s *source) entries(n, size int) []entry.Entry {
	out := make([]entry.Entry, n)
	for i := range out {
		line := fmt.Sprintf("%08d", s.next)
		out[i] = entry.Entry{
			Labels: s.labels, Timestamp: s.next, Line: line + strings.Repeat("x", max(0, size-len(line))),
			Mark: entry.Mark{Track: s.track, Range: position.Range{Start: s.next, End: s.next + 1}, Lines: 1},
		}
		s.next++
	}
	return out
}

// put gives the next n lines to all clients.
func (r *rig) put(s *source, n, size int) {
	r.Helper()
	if err := r.clients.Put(context.Background(), s.entries(n, size)); err != nil {
		r.Error(err)
	}
}

// once checks that a server has the lines of streams from 0 to n, once and in order.
func (r *rig) once(server, streams, n int) {
	r.Helper()
	s := r.servers[server]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) != streams {
		r.Errorf("server %d has %d streams, want %d", server, len(s.lines), streams)
	}
	for name, lines := range s.lines {
		if len(lines) != n {
			r.Errorf("server %d: %s has %d lines, want %d", server, name, len(lines), n)
		}
		for i, l := range lines {
			if want := fmt.Sprintf("%08d", i); l[:8] != want {
				r.Errorf("server %d: line %d of %s is %s", server, i, name, l[:8])
				break
			}
		}
	}
}

// balanced checks that the ledger adds up at the end.
func (r *rig) balanced(read int64) {
	r.Helper()
	l := r.book.Ledger()
	for i := range l.Clients() {
		c := l.Client(i)
		var dropped int64
		for _, n := range c.Dropped() {
			dropped += n
		}
		handed, put, over := c.Handed.Load(), c.PutOff.Load(), c.TakenOver.Load()
		if read+over != handed+put {
			r.Errorf("client %d: %d lines were read and %d taken over, %d handed to it and %d put off", i, read, over, handed, put)
		}
		if end := c.Acknowledged.Load() + c.Repeated.Load() + dropped; end != handed {
			r.Errorf("client %d: %d lines were handed to it, %d acknowledged, %d had, %d dropped", i, handed, c.Acknowledged.Load(), c.Repeated.Load(), dropped)
		}
	}
}

func (r *rig) metric(c prometheus.Collector) float64 { return testutil.ToFloat64(c) }
