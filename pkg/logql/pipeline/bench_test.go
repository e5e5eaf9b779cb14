package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// benchLines are lines of a web server as JSON or logfmt, with few values in most
// fields and many in two.
func benchLines(jsonLines bool) (lines []string, size int64) {
	rng := rand.New(rand.NewPCG(1, 2))
	format := `level=%s ts=2026-01-15T10:00:00.%06dZ caller=handler.go:%d method=%s path=/api/v1/%s status=%d duration=%dms msg="request \"done\""`
	if jsonLines {
		format = `{"level":"%s","ts":"2026-01-15T10:00:00.%06dZ","caller":"handler.go:%d","request":{"method":"%s","path":"/api/v1/%s"},"status":%d,"duration":"%dms","msg":"request \"done\""}`
	}
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	for range 1000 {
		l := fmt.Sprintf(format, pick("info", "warn", "error"), rng.IntN(1e6), rng.IntN(300), pick("GET", "POST"),
			pick("push", "query", "labels"), 200+100*rng.IntN(4), rng.IntN(5000))
		lines = append(lines, l)
		size += int64(len(l))
	}
	return lines, size
}

// What does a stage cost for each byte of log, and does it allocate for lines
// whose labels were seen before?
func BenchmarkProcess(b *testing.B) {
	for _, bc := range []struct {
		name, stages string
		json         bool
		by           []string
	}{
		{"contains", `|= "status=500"`, false, nil},
		{"regexp with a literal", `|~ "status=5\\d\\d"`, false, nil},
		{"regexp without", `|~ "(?i)ERROR"`, false, nil},
		{"json by level", `| json`, true, []string{"level"}},
		{"json field filter by level", `| json | status >= 500`, true, []string{"level"}},
		{"json path by level", `| json level`, true, []string{"level"}},
		{"logfmt by level", `| logfmt`, false, []string{"level"}},
		{"logfmt duration filter by level", `| logfmt | duration > 1s`, false, []string{"level"}},
		{"pattern by method", `| pattern "<_>method=<method> <_>"`, false, []string{"method"}},
		{"json all labels", `| json | drop ts, duration, caller`, true, nil},
		{"logfmt all labels", `| logfmt | drop ts, duration, caller`, false, nil},
		{"line_format", `| logfmt | line_format "{{.level}} {{.path}}" | drop ts, duration, caller`, false, nil},
		{"line_format with a function", `| logfmt | line_format "{{.level | upper}} {{.path}}" | drop ts, duration, caller`, false, nil},
	} {
		b.Run(bc.name, func(b *testing.B) {
			lines, size := benchLines(bc.json)
			opts := pipeline.Options{}
			if bc.by != nil {
				opts.Grouping = &syntax.Grouping{Labels: bc.by}
			}
			p := compile(b, bc.stages, opts).ForStream(stream)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				for _, l := range lines {
					p.Process(0, l, nil)
				}
			}
		})
	}
}
