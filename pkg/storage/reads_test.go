package storage_test

import (
	"math/rand/v2"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/pagecache"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// reads is a bucket whose requests are counted, read through a cache.
type reads struct {
	t      *testing.T
	fs     vfs.FS
	bucket objstore.Bucket
	reg    *prometheus.Registry
	seen   float64
	warm   bool // stores open what they put
}

func newReads(t *testing.T) *reads {
	reg := prometheus.NewRegistry()
	return &reads{t: t, fs: vfs.NewMem(), bucket: objstore.NewMetered(&objstore.Memory{}, "b", "store", reg), reg: reg}
}

// store starts over what is in the bucket and on disk.
func (r *reads) store() (s *storage.Store, stop func()) {
	r.t.Helper()
	c, err := pagecache.Open(r.fs, "cache", r.bucket, pagecache.Options{Memory: 64 << 20, Disk: 1 << 30})
	if err != nil {
		r.t.Fatal(err)
	}
	return open(r.t, r.bucket, storage.Options{Cache: c, Warm: r.warm}), func() {
		if err := c.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// gets is how many ranges were read since the last call.
func (r *reads) gets() int {
	r.t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	all := 0.0
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if f.GetName() == "objstore_bucket_operations_total" && l.GetValue() == "get_range" {
					all += m.Counter.GetValue()
				}
			}
		}
	}
	n := int(all - r.seen)
	r.seen = all
	return n
}

// search reads all blocks for a needle, and returns how many rows have it.
func (r *reads) search(s *storage.Store, req *scan.Request) int {
	r.t.Helper()
	snap, err := s.Open(r.t.Context(), req, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer snap.Close()
	rows, errs := answer(r.t, snap)
	for _, err := range errs {
		r.t.Error(err)
	}
	return len(rows)
}

// What a store that warms has put costs the first query no read.
func TestWarmStoresHaveReadWhatTheyPut(t *testing.T) {
	r := newReads(t)
	r.warm = true
	s, stop := r.store()
	defer stop()
	rnd := rand.New(rand.NewPCG(1, 51))
	if _, err := s.Put(t.Context(), newSegment("t", 1), adding(1, someRows(rnd, 6000, 0), 300)); err != nil {
		t.Fatal(err)
	}
	r.gets()
	if n := r.search(s, &scan.Request{Tenant: "t", Interval: model.Ever, Filters: []scan.LineFilter{{Op: scan.Contains, Text: "zzzebra"}}}); n != 0 {
		t.Errorf("%d rows have the needle", n)
	}
	if got := r.gets(); got != 0 {
		t.Errorf("%d reads for the first query", got)
	}
}

// An absent needle costs one read of a segment the first time, its index and its
// prune parts together, and none from then on, nor after a restart. Where the index
// is near already, or the parts are large, they are two.
func TestReadsForAnAbsentNeedle(t *testing.T) {
	const segments, perSegment = 3, 6000
	r := newReads(t)
	s, stop := r.store()
	rnd := rand.New(rand.NewPCG(1, 50))
	for i := range segments {
		if _, err := s.Put(t.Context(), newSegment("t", uint64(i+1)), adding(uint64(i+1), someRows(rnd, perSegment, 0), 300)); err != nil {
			t.Fatal(err)
		}
	}
	absent := &scan.Request{Tenant: "t", Interval: model.Ever, Filters: []scan.LineFilter{{Op: scan.Contains, Text: "zzzebra"}}}
	r.gets()
	for _, step := range []struct {
		name string
		most int
	}{{"cold", segments}, {"warm", 0}} {
		if n := r.search(s, absent); n != 0 {
			t.Errorf("%s: %d rows have the needle", step.name, n)
		}
		if got := r.gets(); got > step.most {
			t.Errorf("%s: %d reads, want at most %d", step.name, got, step.most)
		}
	}
	other, stopOther := fresh(r)
	if names, _, err := other.LabelNames(t.Context(), everything("t")); err != nil || len(names) != 3 {
		t.Errorf("names are %v, %v", names, err)
	}
	if got := r.gets(); got != segments {
		t.Errorf("names: %d reads, want one of each segment", got)
	}
	if n := r.search(other, absent); n != 0 {
		t.Errorf("with the index near: %d rows have the needle", n)
	}
	if got := r.gets(); got > segments {
		t.Errorf("with the index near: %d reads, want one of each segment", got)
	}
	stopOther()
	stop()
	s, stop = r.store()
	if n := r.search(s, absent); n != 0 {
		t.Errorf("after a restart: %d rows have the needle", n)
	}
	if got := r.gets(); got != 0 {
		t.Errorf("after a restart: %d reads, want none", got)
	}

	// All rows: what was read for one column is not read again for the next.
	if n := r.search(s, everything("t")); n != segments*perSegment {
		t.Errorf("%d rows, want %d", n, segments*perSegment)
	}
	cold := r.gets()
	if n := r.search(s, everything("t")); n != segments*perSegment {
		t.Errorf("%d rows, want %d", n, segments*perSegment)
	}
	if got := r.gets(); got != 0 {
		t.Errorf("all rows: %d reads, and %d the second time, want none", cold, got)
	}
	stop()
}

// Segments and blocks outside of the request's time are not read.
func TestReadsGrowWithWhatIsWanted(t *testing.T) {
	r := newReads(t)
	s, stop := r.store()
	defer stop()
	rnd := rand.New(rand.NewPCG(1, 51))
	const hour = int64(3600e9)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			if _, err := s.Put(t.Context(), newSegment("t", uint64(i+1)), adding(uint64(i+1), someRows(rnd, 200, int64(i)*hour), 50)); err != nil {
				t.Fatal(err)
			}
		}
	}
	one := &scan.Request{Tenant: "t", Interval: model.Interval{Mint: 3 * hour, Maxt: 4*hour - 1}}
	var want, there int
	for _, segments := range []int{5, 20, 80} {
		add(there, segments)
		there = segments
		s, stop := fresh(r)
		r.gets()
		if n := r.search(s, one); n != 200 {
			t.Errorf("%d segments: %d rows, want 200", segments, n)
		}
		got := r.gets()
		stop()
		if want == 0 {
			want = got
		}
		if got != want {
			t.Errorf("%d segments: %d reads for one of them, want %d as with five", segments, got, want)
		}
	}
}

// fresh is a store over the bucket with nothing in its cache.
func fresh(r *reads) (*storage.Store, func()) {
	other := &reads{t: r.t, fs: vfs.NewMem(), bucket: r.bucket}
	return other.store()
}
