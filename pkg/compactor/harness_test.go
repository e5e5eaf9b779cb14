package compactor

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// A machine is a bucket and the process over it, with a clock of its own.
type machine struct {
	t       testing.TB
	bucket  objstore.Bucket
	cfg     Config
	limits  limits.Limits
	tenants map[string]*limits.Limits
	fault   func(storage.Step) error
	clock   time.Time
	slice   int64 // of the compactor; 0 is what it has by itself

	store     *storage.Store
	compactor *Compactor
	log       bytes.Buffer
	encoder   block.Encoder
	next      map[string]uint64 // generation, by ingester
}

// epoch is when the clock of a machine begins, the start of a day.
var epoch = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

func newMachine(t testing.TB) *machine {
	m := &machine{t: t, bucket: &objstore.Memory{}, clock: epoch, next: map[string]uint64{}, tenants: map[string]*limits.Limits{}}
	m.cfg = Config{CompactionInterval: time.Minute, MaxCompactionParallelism: 2, MaxSegmentSize: 512 << 20}
	m.on()
	return m
}

// For implements [TenantLimits].
func (m *machine) For(tenant string) *limits.Limits {
	if l := m.tenants[tenant]; l != nil {
		return l
	}
	return &m.limits
}

// on starts the process anew over what is in the bucket.
func (m *machine) on() {
	m.t.Helper()
	c, err := catalog.Open(m.t.Context(), m.bucket, catalog.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	fault := func(s storage.Step) error {
		if m.fault != nil {
			return m.fault(s)
		}
		return nil
	}
	m.store = storage.New(m.bucket, c, storage.Options{Compile: deletes.Compile, Fault: fault})
	m.compactor = New(m.cfg, Options{
		Store: m.store, Ingesters: m, Fault: fault, Limits: m, Defaults: &m.limits, Logger: log.NewLogfmtLogger(log.NewSyncWriter(&m.log)), Registerer: prometheus.NewRegistry(),
	})
	m.compactor.now = func() time.Time { return m.clock }
	if m.slice > 0 {
		m.compactor.slice = m.slice
	}
}

// Cover implements [Ingesters]: nothing is in memory.
func (m *machine) Cover(context.Context) (last []scan.Generation, _ error) {
	for ingester, id := range m.next {
		last = append(last, scan.Generation{Ingester: ingester, ID: id})
	}
	return last, nil
}

// Oldest implements [Ingesters]: what is not released is in a log.
func (m *machine) Oldest(context.Context) (oldest []scan.Generation, _ error) {
	c := m.store.Catalog()
	for ingester, id := range m.next {
		first := id + 1
		for _, e := range c.Unreleased(ingester) {
			first = min(first, e.Sources[0].ID)
		}
		oldest = append(oldest, scan.Generation{Ingester: ingester, ID: first})
	}
	return oldest, nil
}

// deleteRows asks for a delete, of all times where none are given.
func (m *machine) deleteRows(tenant, query string, iv model.Interval) ulid.ULID {
	m.t.Helper()
	id, err := m.compactor.Delete(m.t.Context(), tenant, query, iv)
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

// A row is what a test puts and expects back.
type row struct {
	labels labels.Labels
	ts     int64
	line   string
	meta   model.Metadata
}

func (r row) String() string { return fmt.Sprintf("%s %d %q %v", r.labels, r.ts, r.line, r.meta) }

// derived is the metadata that does not make an entry another one.
const derived = "detected_level"

// identity is what makes a row a duplicate of another.
func (r row) identity() string {
	var m model.Metadata
	for _, p := range r.meta {
		if p.Name != derived {
			m = append(m, p)
		}
	}
	return row{r.labels, r.ts, r.line, m}.String()
}

// flush puts rows as the segment of a generation, not released, in blocks of
// perBlock rows of a group.
func (m *machine) flush(tenant, ingester string, all []row, perBlock int) *catalog.Entry {
	m.t.Helper()
	e, err := m.tryFlush(tenant, ingester, all, perBlock)
	if err != nil {
		m.t.Fatal(err)
	}
	return e
}

func (m *machine) tryFlush(tenant, ingester string, all []row, perBlock int) (*catalog.Entry, error) {
	m.next[ingester]++
	generation := m.next[ingester]
	var streams []labels.Labels
	number := map[string]uint32{}
	groups := map[string][]block.Row{}
	for _, r := range all {
		n, ok := number[r.labels.String()]
		if !ok {
			n = uint32(len(streams))
			number[r.labels.String()] = n
			streams = append(streams, r.labels)
		}
		key := r.labels.Get("app")
		groups[key] = append(groups[key], block.Row{Stream: n, Timestamp: r.ts, Line: r.line, Metadata: r.meta})
	}
	return m.store.Put(m.t.Context(), storage.NewSegment{
		Tenant: tenant, Sources: []scan.Generation{{Ingester: ingester, ID: generation}},
		Labels: func(ref uint32) labels.Labels { return streams[ref] },
	}, func(w *segment.Writer) error {
		place := uint32(0)
		var keys []string
		for key := range groups {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			for some := range slices.Chunk(groups[key], perBlock) {
				e, err := m.encoder.Encode(some)
				if err != nil {
					return err
				}
				if err := w.Add(segment.Block{Encoded: e, Order: scan.Order{Generation: generation, Place: place}, Group: key}); err != nil {
					return err
				}
				place++
			}
		}
		return nil
	})
}

// release releases all entries.
func (m *machine) release() {
	m.t.Helper()
	c := m.store.Catalog()
	for _, tenant := range c.Tenants() {
		for _, e := range c.Snapshot(tenant).Entries {
			if e.Level == 0 {
				if err := c.Release(m.t.Context(), tenant, e.ID); err != nil {
					m.t.Fatal(err)
				}
			}
		}
	}
}

// read answers what a tenant has, as a querier does: duplicates once, each
// stream by time and equal times by arrival.
func (m *machine) read(tenant string) []string {
	m.t.Helper()
	rows, err := read(m.t, m.store, tenant)
	if err != nil {
		m.t.Fatal(err)
	}
	return rows
}

func read(t testing.TB, s *storage.Store, tenant string) ([]string, error) {
	snap, err := openAll(t, s, tenant)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	rows, _, err := readSnapshot(t, snap)
	return rows, err
}

func openAll(t testing.TB, s *storage.Store, tenant string) (scan.Snapshot, error) {
	return s.Open(t.Context(), &scan.Request{Tenant: tenant, Interval: model.Ever}, nil)
}

// readSnapshot answers from a snapshot, and tells how many rows it has before
// duplicates are dropped.
func readSnapshot(t testing.TB, snap scan.Snapshot) (rows []string, stored int, err error) {
	dir := snap.Directory()
	if len(dir.Warnings) > 0 {
		return nil, 0, fmt.Errorf("warnings: %q", dir.Warnings)
	}
	type arrived struct {
		row
		order scan.Order
	}
	var all []arrived
	for i := range dir.Blocks {
		b, err := snap.Read(t.Context(), i, scan.Want{Columns: scan.Lines | scan.Metadata, Interval: model.Ever})
		if err != nil {
			return nil, 0, err
		}
		for _, run := range b.Runs {
			for n := run.Start; n < run.End; n++ {
				r := row{labels: dir.Streams[run.Stream].Labels, ts: b.Timestamps[n], line: b.Lines[n]}
				if b.Metadata != nil && len(b.Metadata[n]) > 0 {
					r.meta = b.Metadata[n]
				}
				all = append(all, arrived{r, dir.Blocks[i].Order})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b arrived) int {
		switch c := labels.Compare(a.labels, b.labels); {
		case c != 0:
			return c
		case a.ts != b.ts:
			return int(a.ts - b.ts)
		case a.order.Before(b.order):
			return -1
		case b.order.Before(a.order):
			return 1
		}
		return 0
	})
	seen := map[string]bool{}
	for _, r := range all {
		if id := r.identity(); !seen[id] {
			seen[id] = true
			rows = append(rows, r.String())
		}
	}
	return rows, len(all), nil
}

// answerOf is what read must say of rows that arrived in this order.
func answerOf(all []row) []string {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b row) int {
		if c := labels.Compare(a.labels, b.labels); c != 0 {
			return c
		}
		return int(a.ts - b.ts)
	})
	var out []string
	seen := map[string]bool{}
	for _, r := range all {
		if id := r.identity(); !seen[id] {
			seen[id] = true
			out = append(out, r.String())
		}
	}
	return out
}

func (m *machine) want(tenant string, all []row) {
	m.t.Helper()
	if err := sameAnswer(m.read(tenant), answerOf(all)); err != nil {
		m.t.Errorf("tenant %s: %v", tenant, err)
	}
}

func sameAnswer(got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("%d rows, want %d; row %d is %s, want %s", len(got), len(want), i, got[i], want[i])
		}
	}
	return fmt.Errorf("%d rows, want %d", len(got), len(want))
}

func (m *machine) pass(all bool) {
	m.t.Helper()
	if err := m.compactor.pass(m.t.Context(), all); err != nil {
		m.t.Fatalf("%v\n%s", err, &m.log)
	}
}

func (m *machine) live(tenant string) []*catalog.Entry {
	return m.store.Catalog().Snapshot(tenant).Entries
}

// objects counts the objects of segments.
func (m *machine) objects() (n int, size int64) {
	m.t.Helper()
	err := m.bucket.List(m.t.Context(), "segments/", func(i objstore.Info) error {
		n++
		size += i.Size
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return n, size
}

// testStreams are the streams of generated rows.
var testStreams = func() (out []labels.Labels) {
	for i := range 12 {
		out = append(out, labels.FromStrings("app", fmt.Sprint("app-", i%3), "env", []string{"prod", "dev"}[i%2], "pod", fmt.Sprint("pod-", i)))
	}
	return out
}()

// someRows makes n rows between two times; some times are equal, some rows are
// copies of others.
func someRows(rnd *rand.Rand, n int, start time.Time, span time.Duration) []row {
	rows := make([]row, 0, n)
	for range n {
		if len(rows) > 0 && rnd.IntN(8) == 0 {
			c := rows[rnd.IntN(len(rows))]
			if rnd.IntN(2) == 0 { // another entry at the same time
				c.line = fmt.Sprintf("again %d", rnd.IntN(3))
			}
			rows = append(rows, c)
			continue
		}
		r := row{
			labels: testStreams[rnd.IntN(len(testStreams))],
			ts:     start.UnixNano() + rnd.Int64N(int64(span)),
			line:   fmt.Sprintf("level=%s id=%016x %s", []string{"info", "error"}[rnd.IntN(2)], rnd.Uint64(), strings.Repeat("x", rnd.IntN(40))),
		}
		if rnd.IntN(3) == 0 {
			r.meta = model.Metadata{{Name: "trace", Value: fmt.Sprint(rnd.IntN(10))}}
		}
		if rnd.IntN(3) == 0 {
			r.meta = append(r.meta, labels.Label{Name: derived, Value: "info"})
		}
		rows = append(rows, r)
	}
	return rows
}

// batchOf is a batch of one row.
func batchOf(ts int64) *scan.Batch {
	return &scan.Batch{Timestamps: []int64{ts}, Lines: []string{"line"}}
}

// damage changes a byte of an object.
func damage(t testing.TB, b objstore.Bucket, name string, at int) {
	t.Helper()
	data, err := objstore.ReadAll(t.Context(), b, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := b.Put(t.Context(), name, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}
