package tail

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
)

// TestMetricsDoNotWaitForStreams holds streams as one is whose file system hangs.
func TestMetricsDoNotWaitForStreams(t *testing.T) {
	tl := New(Options{Logger: log.NewNopLogger()})
	reg := prometheus.NewRegistry()
	reg.MustRegister(tl)
	streams := map[string]*stream{}
	add := func(job, path string) {
		s := &stream{job: job, path: path, gens: []*generation{{}}}
		streams[job+path] = s
		tl.streams[streamKey{job, path}] = s
	}
	read := func(name string, next, size, lines int64) {
		s := streams[name]
		s.gens[0].next, s.gens[0].id.size, s.lines = next, size, lines
	}
	want := func(step, want string) {
		t.Helper()
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]string{}
		for _, f := range families { // by name: bytes of files, bytes read, lines read
			for _, m := range f.GetMetric() {
				values[m.GetLabel()[0].GetValue()] += fmt.Sprint(" ", m.GetGauge().GetValue()+m.GetCounter().GetValue())
			}
		}
		var got []string
		for _, path := range slices.Sorted(maps.Keys(values)) {
			got = append(got, path+values[path])
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s: %s, want %s", step, got, want)
		}
	}
	add("j", "a")
	add("k", "a") // the same file, for another job
	add("j", "b")
	read("ja", 10, 20, 1)
	read("ka", 15, 15, 2)
	read("jb", 30, 30, 3)
	streams["jb"].mu.Lock()
	want("one was never asked", "a 20 15 3")
	streams["jb"].mu.Unlock()
	want("none hangs", "a 20 15 3, b 30 30 3")
	streams["ja"].mu.Lock()
	read("ja", 20, 40, 2)
	read("ka", 20, 20, 3)
	read("jb", 40, 40, 4)
	want("one hangs", "a 20 20 4, b 40 40 4")
	want("it still does", "a 20 20 4, b 40 40 4")
	streams["ja"].mu.Unlock()
	want("it goes on", "a 40 20 5, b 40 40 4")
	delete(tl.streams, streamKey{"j", "a"})
	want("one is gone", "a 20 20 3, b 40 40 4")
	if len(tl.told) != 2 {
		t.Errorf("the values of %d streams are held, want 2", len(tl.told))
	}
}
