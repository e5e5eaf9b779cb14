package ingester

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// storeSource is what was flushed, as a source.
type storeSource struct{ m *rig }

func (s storeSource) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	return s.m.store.Open(ctx, req, nil)
}

// BenchmarkYoung answers: what does a query cost of lines that no block holds yet,
// beside the same lines in columns? Figures are of processor time, for each line.
func BenchmarkYoung(b *testing.B) {
	const lines = 12_000
	r := rand.New(rand.NewPCG(1, 1))
	m := newRig(b, vfs.NewMem(), nil)
	m.mustOn()
	entries := make([]model.Entry, lines)
	for i := range entries {
		level := []string{"info", "info", "warn", "error"}[r.IntN(4)]
		entries[i] = entry(int64(i)*1e6, fmt.Sprintf(`{"ts":"2026-05-01T10:00:%02d.%03dZ","level":%q,"msg":"request completed","method":"GET","path":"/api/v1/orders/%d","status":%d,"duration_ms":%.2f,"trace_id":"%016x%016x","user_id":%d,"bytes":%d}`,
			i/1000%60, i%1000, level, r.IntN(90_000), []int{200, 200, 200, 404, 500}[r.IntN(5)], r.ExpFloat64()*20, r.Uint64(), r.Uint64(), r.IntN(1000), r.IntN(20_000)), "detected_level", level)
	}
	m.mustPush("t", streamOf(`{app="a"}`, entries...))
	for _, kind := range []string{"young", "stored"} {
		var src scan.Source = m.ing
		if kind == "stored" {
			if err := m.ing.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			src = storeSource{m}
		}
		for _, q := range []struct{ name, query string }{
			{"count", `sum by (app) (count_over_time({app="a"}[1s]))`},
			{"error", `sum by (app) (count_over_time({app="a"} |= "error" [1s]))`},
			{"rare", `sum by (app) (count_over_time({app="a"} |= "orders/8999" [1s]))`},
			{"json", `sum(count_over_time({app="a"} | json | status >= 500 [1s]))`},
			{"json_by", `sum by (status) (count_over_time({app="a"} | json [1s]))`},
			{"lines", `{app="a"} |= "error"`},
			{"level", `sum by (detected_level) (count_over_time({app="a"}[1s]))`},
		} {
			e, err := syntax.Parse(q.query)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(q.name+"/"+kind, func(b *testing.B) {
				eng := engine.New(engine.Options{Concurrency: 1})
				p := engine.Params{Start: 0, End: lines * 1e6, Step: time.Second, Limit: 100, Direction: engine.Backward}
				b.ReportAllocs()
				began := used(b)
				for b.Loop() {
					if _, err := eng.Exec(b.Context(), src, "t", e, p, engine.Limits{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((used(b)-began).Seconds()*1e9/float64(b.N)/lines, "cpu-ns/line")
			})
		}
	}
}

// used is the processor time of the process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
