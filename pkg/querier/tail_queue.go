package querier

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/skaldlogs/skald/pkg/fields"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

const (
	// maxQueuedEntries and maxQueuedBytes bound what waits for a slow reader.
	maxQueuedEntries = 10000
	maxQueuedBytes   = 8 << 20
	// maxRecent is how many entries are remembered in order to know their copies.
	maxRecent = 16384
)

// A tailQueue holds entries until they are due and somebody reads them.
type tailQueue struct {
	delay time.Duration
	ready chan struct{} // has a value when there may be something to read

	mu      sync.Mutex    // guards the fields below
	first   []TailedEntry // come before all others, and are not bounded by the queue
	waiting []queued
	bytes   int // of waiting
	dropped []scan.DroppedEntry
	missed  int // entries that were dropped, since they were last told of
}

// A queued entry is due at some time.
type queued struct {
	TailedEntry
	due time.Time
}

func newTailQueue(delay time.Duration) *tailQueue {
	return &tailQueue{delay: delay, ready: make(chan struct{}, 1)}
}

func byTime(a, b TailedEntry) int { return cmp.Compare(a.Timestamp, b.Timestamp) }

// begin puts entries before all others. Nothing is read before that.
func (q *tailQueue) begin(first []TailedEntry) {
	q.mu.Lock()
	q.first = first
	q.mu.Unlock()
	q.wake()
}

func (q *tailQueue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// put queues an entry that has come, or drops it when the reader is too slow.
func (q *tailQueue) put(e TailedEntry, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxQueuedEntries || q.bytes > maxQueuedBytes {
		q.dropLocked(scan.DroppedEntry{Timestamp: e.Timestamp, Labels: e.Labels.Stream})
	} else {
		q.waiting = append(q.waiting, queued{e, now.Add(q.delay)})
		q.bytes += len(e.Line)
	}
	q.wake()
}

// drop tells of n entries that were dropped before they came here, by the first
// of them.
func (q *tailQueue) drop(list []scan.DroppedEntry, n int) {
	if n == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range list {
		q.dropLocked(d)
	}
	q.missed += n - len(list)
	q.wake()
}

func (q *tailQueue) dropLocked(d scan.DroppedEntry) {
	q.missed++
	if len(q.dropped) < scan.MaxDropped {
		q.dropped = append(q.dropped, d)
	}
}

// next waits for entries that are due.
func (q *tailQueue) next(ctx context.Context, limit int) (*TailBatch, error) {
	for {
		b, wait := q.take(time.Now(), limit)
		if len(b.Entries) > 0 || b.DroppedCount > 0 {
			return b, nil
		}
		if err := q.wait(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// wait waits for an entry to come, or to be due if one is held back already.
func (q *tailQueue) wait(ctx context.Context, held time.Duration) error {
	var due <-chan time.Time
	if held > 0 {
		timer := time.NewTimer(held)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-q.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take removes what is due, by time. Without anything, it says how long it is
// until then; 0 when nothing waits.
func (q *tailQueue) take(now time.Time, limit int) (*TailBatch, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &TailBatch{Dropped: q.dropped, DroppedCount: q.missed}
	q.dropped, q.missed = nil, 0
	if len(q.first) > 0 {
		n := min(limit, len(q.first))
		b.Entries, q.first = q.first[:n:n], q.first[n:]
		return b, 0
	}
	due := 0
	for due < len(q.waiting) && !q.waiting[due].due.After(now) {
		due++
	}
	if due == 0 {
		if len(q.waiting) > 0 {
			return b, q.waiting[0].due.Sub(now)
		}
		return b, 0
	}
	if q.delay > 0 {
		due = q.gather(due)
	}
	due = min(due, limit)
	for i := range q.waiting[:due] {
		b.Entries = append(b.Entries, q.waiting[i].TailedEntry)
		q.bytes -= len(q.waiting[i].Line)
	}
	q.waiting = slices.Delete(q.waiting, 0, due)
	return b, 0
}

// gather sorts the first n entries by time, together with those behind them that
// belong before the last of them, and returns how many that are.
func (q *tailQueue) gather(n int) int {
	newest := q.waiting[0].Timestamp
	for i := range q.waiting[:n] {
		newest = max(newest, q.waiting[i].Timestamp)
	}
	for i := n; i < len(q.waiting); i++ {
		if e := q.waiting[i]; e.Timestamp < newest {
			copy(q.waiting[n+1:i+1], q.waiting[n:i])
			q.waiting[n] = e
			n++
		}
	}
	slices.SortStableFunc(q.waiting[:n], func(a, b queued) int { return byTime(a.TailedEntry, b.TailedEntry) })
	return n
}

// key tells entries apart by what they look like.
func (e *TailedEntry) key() uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], e.Labels.Hash)
	binary.LittleEndian.PutUint64(b[8:], uint64(e.Timestamp))
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(b[:])
	_, _ = d.WriteString(e.Line)
	return d.Sum64()
}

// entryKey tells entries apart as storage does: by stream, time, line, and the
// metadata that the client sent.
func entryKey(stream uint64, e *model.Entry) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], stream)
	binary.LittleEndian.PutUint64(b[8:], uint64(e.Timestamp))
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(b[:])
	_, _ = d.WriteString(e.Line)
	for _, l := range e.Metadata {
		if l.Name == fields.DetectedLevel {
			continue
		}
		for _, s := range [2]string{l.Name, l.Value} {
			binary.LittleEndian.PutUint64(b[:], uint64(len(s)))
			_, _ = d.Write(b[:8])
			_, _ = d.WriteString(s)
		}
	}
	return d.Sum64()
}

// A recent remembers the last keys that were added.
type recent struct {
	keys map[uint64]struct{}
	ring []uint64
	next int
}

func newRecent() *recent { return &recent{keys: map[uint64]struct{}{}} }

// add reports whether the key is new.
func (r *recent) add(key uint64) bool {
	if _, ok := r.keys[key]; ok {
		return false
	}
	if len(r.ring) < maxRecent {
		r.ring = append(r.ring, key)
	} else {
		delete(r.keys, r.ring[r.next])
		r.ring[r.next] = key
		r.next = (r.next + 1) % maxRecent
	}
	r.keys[key] = struct{}{}
	return true
}
