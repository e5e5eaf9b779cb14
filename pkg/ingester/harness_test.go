package ingester

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A rig is an ingester with its store, on a file system that can be crashed.
type rig struct {
	t       testing.TB
	fs      vfs.FS
	cfg     Config
	limits  limits.Limits
	tenants map[string]*limits.Limits
	fault   atomic.Pointer[func(string) error]
	now     func() time.Time

	bucket *objstore.Folder
	store  *storage.Store
	ing    *Ingester
	log    logBuffer
}

// A logBuffer keeps what was logged, for failures to show.
type logBuffer struct {
	mu  sync.Mutex // guards the field below
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// failAt makes fn decide what happens at each fault point; nil lets all pass.
func (m *rig) failAt(fn func(point string) error) {
	if fn == nil {
		m.fault.Store(nil)
		return
	}
	m.fault.Store(&fn)
}

// newRig returns a rig that is off.
func newRig(t testing.TB, fs vfs.FS, change func(*Config, *limits.Limits)) *rig {
	m := &rig{t: t, fs: fs}
	f := flag.NewFlagSet("", flag.PanicOnError)
	m.cfg.RegisterFlags(f)
	m.limits.RegisterFlags(f)
	m.cfg.WAL.DiskFullThreshold = 0
	m.cfg.MemoryLimit = 1 << 30
	m.cfg.GenerationAge = time.Hour // tests flush when they want to
	if change != nil {
		change(&m.cfg, &m.limits)
	}
	return m
}

// For implements [TenantLimits].
func (m *rig) For(tenant string) *limits.Limits {
	if l := m.tenants[tenant]; l != nil {
		return l
	}
	return &m.limits
}

// on starts the rig, and reports why it does not start.
func (m *rig) on() error {
	bucket, err := objstore.OpenFolder(m.fs, "data/bucket")
	if err != nil {
		return err
	}
	logger := log.NewLogfmtLogger(&m.log)
	c, err := catalog.Open(context.Background(), bucket, catalog.Options{Logger: logger})
	if err != nil {
		return err
	}
	fault := func(point string) error {
		if fn := m.fault.Load(); fn != nil {
			return (*fn)(point)
		}
		return nil
	}
	m.bucket, m.store = bucket, storage.New(bucket, c, storage.Options{
		Logger: logger,
		Fault:  func(s storage.Step) error { return fault(string(s)) },
	})
	m.ing = New(m.cfg, Options{
		Name: "test", Dir: "data", FS: m.fs, Store: m.store, Limits: m,
		Logger: logger, Registerer: prometheus.NewRegistry(),
		Fault: fault,
	})
	if m.now != nil {
		m.ing.now = m.now
	}
	return services.StartAndAwaitRunning(context.Background(), m.ing)
}

func (m *rig) mustOn() {
	m.t.Helper()
	if err := m.on(); err != nil {
		m.t.Fatalf("%v\n%s", err, &m.log)
	}
	m.t.Cleanup(m.off)
}

// off stops the rig well.
func (m *rig) off() {
	m.t.Helper()
	if m.ing == nil {
		return
	}
	if err := services.StopAndAwaitTerminated(context.Background(), m.ing); err != nil && m.fault.Load() == nil {
		m.t.Errorf("stop: %v", err)
	}
	m.ing = nil
	if err := m.bucket.Close(); err != nil {
		m.t.Errorf("close the bucket: %v", err)
	}
}

// stream makes a stream with its canonical labels and hash.
func streamOf(text string, entries ...model.Entry) model.Stream {
	lbls, err := logproto.ParseLabels(text)
	if err != nil {
		panic(err)
	}
	return model.Stream{Labels: lbls.String(), Hash: labels.StableHash(lbls), Entries: entries}
}

func entry(ts int64, line string, md ...string) model.Entry {
	e := model.Entry{Timestamp: ts, Line: line}
	for n := 0; n < len(md); n += 2 {
		e.Metadata = append(e.Metadata, labels.Label{Name: md[n], Value: md[n+1]})
	}
	return e
}

func (m *rig) push(tenant string, streams ...model.Stream) (model.PushResult, error) {
	return m.ing.Push(context.Background(), &model.Batch{Tenant: tenant, Streams: streams}, model.AckMemory)
}

func (m *rig) mustPush(tenant string, streams ...model.Stream) {
	m.t.Helper()
	r, err := m.push(tenant, streams...)
	if err != nil || len(r.Rejections) > 0 {
		m.t.Fatalf("push: %v, %+v", err, r.Rejections)
	}
}

// read returns the rows of a tenant as a querier would see them, memory and
// store together, as text, sorted. Rows that are there twice come twice.
func (m *rig) read(tenant string, matchers ...*labels.Matcher) []string {
	m.t.Helper()
	rows, err := m.tryRead(tenant, model.Ever, matchers...)
	if err != nil {
		m.t.Fatal(err)
	}
	return rows
}

func (m *rig) tryRead(tenant string, iv model.Interval, matchers ...*labels.Matcher) ([]string, error) {
	ctx := context.Background()
	req := &scan.Request{Tenant: tenant, Matchers: matchers, Interval: iv}
	mem, err := m.ing.Open(ctx, req)
	if err != nil {
		return nil, err
	}
	stored, err := m.store.Open(ctx, req, mem.Directory().Generations)
	if err != nil {
		return nil, err
	}
	s := scan.Join(stored, mem)
	defer s.Close()
	d := s.Directory()
	if len(d.Warnings) > 0 {
		return nil, fmt.Errorf("warnings: %q", d.Warnings)
	}
	var out []string
	for n := range d.Blocks {
		b, err := s.Read(ctx, n, scan.Want{Columns: scan.Lines | scan.Metadata, Interval: model.Ever})
		if err != nil {
			return nil, err
		}
		for _, r := range b.Runs {
			for row := r.Start; row < r.End; row++ {
				text := fmt.Sprintf("%s %d %s", d.Streams[r.Stream].Labels, b.Timestamps[row], b.Lines[row])
				if b.Metadata != nil {
					for _, p := range b.Metadata[row] {
						text += " " + p.Name + "=" + p.Value
					}
				}
				out = append(out, text)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

func (m *rig) wantRows(tenant string, want ...string) {
	m.t.Helper()
	slices.Sort(want)
	if got := m.read(tenant); !slices.Equal(got, want) {
		m.t.Errorf("rows of %s:\n%s\nwant:\n%s", tenant, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
