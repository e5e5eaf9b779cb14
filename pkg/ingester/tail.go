package ingester

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// maxTailBytes is how many bytes of entries wait for the reader of a tail.
const maxTailBytes = 4 << 20

// entryOverhead is what an entry counts for beside its text, so that tiny ones
// are bounded too.
const entryOverhead = 64

// tails are the tails of all tenants. A push looks at one counter when there
// are none.
type tails struct {
	count    atomic.Int64
	dropped  atomic.Int64 // entries, since the start
	mu       sync.RWMutex // guards byTenant
	byTenant map[string]map[*tail]struct{}
}

// Tail implements [scan.Tailer].
func (i *Ingester) Tail(_ context.Context, tenant string, matchers []*labels.Matcher) (scan.Tail, error) {
	t := &tail{tails: &i.tails, tenant: tenant, matchers: matchers, ready: make(chan struct{}, 1)}
	i.tails.add(t)
	return t, nil
}

func (ts *tails) add(t *tail) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.byTenant == nil {
		ts.byTenant = map[string]map[*tail]struct{}{}
	}
	if ts.byTenant[t.tenant] == nil {
		ts.byTenant[t.tenant] = map[*tail]struct{}{}
	}
	ts.byTenant[t.tenant][t] = struct{}{}
	ts.count.Add(1)
}

func (ts *tails) remove(t *tail) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	own := ts.byTenant[t.tenant]
	if _, ok := own[t]; !ok {
		return
	}
	delete(own, t)
	if len(own) == 0 {
		delete(ts.byTenant, t.tenant)
	}
	ts.count.Add(-1)
}

// publish hands what a push brought to the tails that follow its streams. The
// entries are readable already, and borrowed: a copy is made for all tails.
func (ts *tails) publish(a *acceptor) {
	if ts.count.Load() == 0 {
		return
	}
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	own := ts.byTenant[a.tenant.id]
	if len(own) == 0 {
		return
	}
	for n, s := range a.streams {
		var entries []model.Entry
		for t := range own {
			if !matchesAll(t.matchers, s.labels) {
				continue
			}
			if entries == nil {
				entries = cloneEntries(a.batch.Streams[n].Entries)
			}
			t.put(scan.TailStream{Labels: s.labels, Hash: s.hash, Entries: entries})
		}
	}
}

func matchesAll(matchers []*labels.Matcher, ls labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

func cloneEntries(entries []model.Entry) []model.Entry {
	out := make([]model.Entry, len(entries))
	for i, e := range entries {
		out[i] = model.Entry{Timestamp: e.Timestamp, Line: strings.Clone(e.Line)}
		for _, l := range e.Metadata {
			out[i].Metadata = append(out[i].Metadata, labels.Label{Name: strings.Clone(l.Name), Value: strings.Clone(l.Value)})
		}
	}
	return out
}

// A tail is what one follower has not read yet.
type tail struct {
	tails    *tails
	tenant   string
	matchers []*labels.Matcher
	ready    chan struct{} // has a value when there may be something to read

	mu      sync.Mutex // guards the fields below
	waiting scan.TailBatch
	bytes   int // of waiting
}

// put adds entries, as many as there is room for.
func (t *tail) put(s scan.TailStream) {
	t.mu.Lock()
	room := 0
	for room < len(s.Entries) {
		n := s.Entries[room].Bytes() + entryOverhead
		// An entry larger than the bound goes through when it is alone.
		if t.bytes > 0 && t.bytes+n > maxTailBytes {
			break
		}
		t.bytes += n
		room++
	}
	dropped := s.Entries[room:]
	s.Entries = s.Entries[:room]
	if room > 0 {
		t.waiting.Streams = append(t.waiting.Streams, s)
	}
	for _, e := range dropped[:min(len(dropped), scan.MaxDropped-len(t.waiting.Dropped))] {
		t.waiting.Dropped = append(t.waiting.Dropped, scan.DroppedEntry{Timestamp: e.Timestamp, Labels: s.Labels})
	}
	t.waiting.DroppedCount += len(dropped)
	t.tails.dropped.Add(int64(len(dropped)))
	t.mu.Unlock()
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// Next implements [scan.Tail].
func (t *tail) Next(ctx context.Context) (*scan.TailBatch, error) {
	for {
		select {
		case <-t.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		t.mu.Lock()
		b := t.waiting
		t.waiting, t.bytes = scan.TailBatch{}, 0
		t.mu.Unlock()
		if len(b.Streams) > 0 || b.DroppedCount > 0 {
			return &b, nil
		}
	}
}

// Close implements [scan.Tail].
func (t *tail) Close() error {
	t.tails.remove(t)
	return nil
}
