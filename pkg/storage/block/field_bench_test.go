package block

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// BenchmarkQueries answers: how fast does the engine go through blocks in memory
// for the questions that columns are for? MB/s are of raw lines, in minutes of which a
// block has several.
func BenchmarkQueries(b *testing.B) {
	streams := []labels.Labels{labels.FromStrings("job", "j", "pod", "a"), labels.FromStrings("job", "j", "pod", "b"), labels.FromStrings("job", "j", "pod", "c")}
	for _, bc := range []struct{ family, name, query string }{
		{"json", "count", `sum by (pod) (count_over_time({job="j"}[1m]))`},
		{"json", "bytes", `sum by (pod) (bytes_over_time({job="j"}[1m]))`},
		{"json", "filter", `sum(count_over_time({job="j"} | json | status >= 500 [1m]))`},
		{"json", "group", `sum by (status) (count_over_time({job="j"} | json [1m]))`},
		{"json", "quantile", `quantile_over_time(0.99, {job="j"} | json | unwrap duration_ms [1m]) by (method)`},
		{"json", "lines", `{job="j"} | json | status >= 500`},
		{"json", "latest", `{job="j"}`},
		{"logfmt", "duration", `sum(count_over_time({job="j"} | logfmt | duration > 1s [1m]))`},
		{"logfmt", "lines", `{job="j"} | logfmt | duration > 4900ms`},
		{"logfmt", "bytes", `sum by (pod) (bytes_over_time({job="j"}[1m]))`},
		{"nginx", "pattern", `sum by (status) (count_over_time({job="j"} | pattern "<ip> - - [<_>] \"<_>\" <status> <bytes> \"<_>" [1m]))`},
		{"nginx", "inside", `sum by (method) (count_over_time({job="j"} | pattern "<_> \"<method> <path> <_>\" <status> <_>" [1m]))`},
		{"sshd", "regexp", `sum by (user) (count_over_time({job="j"} |= "Failed password" | regexp "for (invalid user )?(?P<user>[a-z0-9]+) from" [1m]))`},
		{"java", "regexp", `sum by (thread) (count_over_time({job="j"} | regexp "\\[(?P<thread>[a-z]+-[^\\]]*)\\]" [1m]))`},
		{"klog", "regexp", `sum by (file) (count_over_time({job="j"} | regexp "(?P<file>[a-z]+\\.go):(?P<line>\\d+)" [1m]))`},
		{"logfmt", "keys", `sum by (l) (count_over_time({job="j"} | logfmt l="level" [1m]))`},
		{"json", "paths", `sum by (s) (count_over_time({job="j"} | json s="status" [1m]))`},
		{"java", "bytes", `sum by (pod) (bytes_over_time({job="j"}[1m]))`},
	} {
		b.Run(bc.family+"_"+bc.name, func(b *testing.B) {
			var rows []Row
			for f := range families {
				if families[f].name == bc.family {
					rows = familyRows(f, 1, 16<<20)
				}
			}
			src := newBlockSource(b, rows, len(rows)/4+1, streams)
			e, err := syntax.Parse(bc.query)
			if err != nil {
				b.Fatal(err)
			}
			eng := engine.New(engine.Options{Concurrency: 1})
			p := engine.Params{Start: rows[0].Timestamp, End: rows[len(rows)-1].Timestamp, Step: 10 * time.Second, Limit: 100, Direction: engine.Backward}
			if bc.query[0] == 's' || bc.query[0] == 'q' {
				p.Step = time.Minute / 6
			}
			b.SetBytes(16 << 20)
			b.ReportAllocs()
			began := cpuTime(b)
			for b.Loop() {
				if _, err := eng.Exec(b.Context(), src, "t", e, p, engine.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuTime(b)-began)*1e6/float64(b.N), "cpu-us/op")
		})
	}
}
