package stage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/stage"
)

// discard is a sink that takes everything.
type discard struct{ entries int }

func (d *discard) Put(_ context.Context, entries []entry.Entry) error {
	d.entries += len(entries)
	return nil
}

// acknowledger is a sink that settles what it takes.
type acknowledger struct{ lines int64 }

func (a *acknowledger) Put(_ context.Context, entries []entry.Entry) error {
	for _, e := range entries {
		a.lines += e.Mark.Count()
		e.Mark.Each(func(t *position.Track, r position.Range, lines int64) { t.Settle(0, lines, r) })
	}
	return nil
}

func newPipeline(t testing.TB, text string) *stage.Pipeline {
	t.Helper()
	cfg, err := stage.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := stage.New(cfg, stage.Options{Metrics: stage.NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

const jsonLine = `2024-06-10T07:06:40.123456789Z stdout F {"ts":"2024-06-10T07:06:40.123Z","level":"info","msg":"request served","method":"GET","path":"/api/v1/items/42","status":200,"duration":0.0123,"user":{"id":"u-17","plan":"pro"},"n":1}`

// common are pipelines that nearly everybody has, and which allocate nothing.
var common = []struct{ name, stages, line string }{
	{"cri", "[{cri: {}}]", jsonLine},
	{"docker", "[{docker: {}}]", `{"log":"a plain line\n","stream":"stderr","time":"2024-06-10T07:06:40.1Z"}`},
	{"cri json labels timestamp output", `
- cri: {}
- json: {expressions: {level: , ts: , msg: , user: user.id}}
- labels: {level: }
- timestamp: {source: ts, format: RFC3339Nano}
- output: {source: msg}`, jsonLine},
	{"drop and match", `
- cri: {}
- drop: {expression: healthz}
- drop: {longer_than: 8kb}
- match:
    selector: '{job="j"} |= "request"'
    stages: [{static_labels: {kind: request}}, {labeldrop: [pod]}]`, jsonLine},
	{"template", `
- cri: {}
- json: {expressions: {level: }}
- template: {source: level, template: 'level-{{ .Value }}'}
- labels: {level: }`, jsonLine},
	{"pack and metadata", `
- cri: {}
- json: {expressions: {id: user.id}}
- structured_metadata: {id: }
- pack: {labels: [pod], ingest_timestamp: false}`, jsonLine},
}

func TestCommonStagesAllocateNothing(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	ls := entry.NewLabels(labels.FromStrings("job", "j", "pod", "p", "namespace", "n"))
	for _, tc := range common {
		chain := newPipeline(t, tc.stages).Chain(&discard{})
		batch := make([]entry.Entry, 100)
		put := func() {
			for i := range batch {
				batch[i] = entry.Entry{Labels: ls, Line: tc.line}
			}
			if err := chain.Put(context.Background(), batch); err != nil {
				t.Fatal(err)
			}
		}
		put()
		// A garbage collection may empty the pool once: that is less than one of
		// the hundred lines.
		if n := testing.AllocsPerRun(50, put); n >= 20 {
			t.Errorf("%s: %v allocations for 100 lines", tc.name, n)
		}
	}
}

// BenchmarkChain asks how many lines a core takes through pipelines that nearly
// everybody has.
func BenchmarkChain(b *testing.B) {
	ls := entry.NewLabels(labels.FromStrings("job", "j", "pod", "p", "namespace", "n"))
	for _, tc := range append(common, struct{ name, stages, line string }{
		"cri regex labels", `[{cri: {}}, {regex: {expression: '"level":"(?P<level>\w+)"'}}, {labels: {level: }}]`, jsonLine,
	}) {
		b.Run(strings.ReplaceAll(tc.name, " ", "_"), func(b *testing.B) {
			chain := newPipeline(b, tc.stages).Chain(&discard{})
			batch := make([]entry.Entry, 100)
			b.SetBytes(int64(len(tc.line)))
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%len(batch) == 0 {
					for i := range batch {
						batch[i] = entry.Entry{Labels: ls, Line: tc.line}
					}
					if err := chain.Put(context.Background(), batch); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func TestConfigErrorsPoint(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no list", "cri: {}", "line 1, col 1: want a list of stages"},
		{"unknown stage", "- cri: {}\n- jsn: {}", `line 2, col 3: unknown stage "jsn", perhaps "json"`},
		{"two in one", "- {cri: {}, docker: {}}", "line 1, col 3: a stage is a mapping of one name to its settings"},
		{"unknown setting", "- json:\n    expression: {a: b}", `line 2, col 5: stage json: unknown setting "expression", perhaps "expressions"`},
		{"no settings where some must be", "- regex:", "line 1, col 9: stage regex: expression is required"},
		{"a bad expression", "- regex: {expression: '('}", "stage regex: expression: error parsing regexp: missing closing )"},
		{"no named group", "- regex: {expression: '(a)'}", "want at least one named group"},
		{"a bad path", "- json: {expressions: {a: 'b.['}}", `stage json: expression of "a"`},
		{"a bad template", "- template: {source: a, template: '{{ .b'}", "stage template: template: template: template:1: unclosed action"},
		{"an unknown function", "- template: {source: a, template: '{{ nope .b }}'}", `function "nope" not defined`},
		{"a bad selector", "- match: {selector: '{a=', action: drop}", "stage match: selector: parse error"},
		{"stages for what is dropped", "- match: {selector: '{a=\"b\"}', action: drop, stages: [{cri: {}}]}", "what is dropped goes through none"},
		{"a bad stage in a match", "- match:\n    selector: '{a=\"b\"}'\n    stages:\n    - output: {}", "line 4, col 15: stage output: source is required"},
		{"a bad label", "- labels: {a-b: }", `invalid label name "a-b"`},
		{"a bad format of time", "- timestamp: {source: a, format: yesterday}", `"yesterday" is no format`},
		{"a bad zone", "- timestamp: {source: a, format: RFC822, location: Mars}", "location: unknown time zone Mars"},
		{"a bad action", "- timestamp: {source: a, format: Unix, action_on_failure: skp}", `unknown action "skp", perhaps "skip"`},
		{"drop of nothing", "- drop: {}", "want at least one of source, expression, older_than and longer_than"},
		{"drop by both", "- drop: {source: a, value: b, expression: c}", "want one of expression and value, not both"},
		{"a bad size", "- drop: {longer_than: 3 apples}", `invalid size "3 apples"`},
		{"a bad duration", "- multiline: {firstline: a, max_wait_time: soon}", `invalid duration "soon"`},
		{"a limit of nothing", "- limit: {rate: 0, burst: 1}", "rate and burst are required"},
		{"a label limit that waits", "- limit: {rate: 1, burst: 1, by_label_name: a}", "by_label_name needs drop: true"},
		{"a rate beyond all", "- sampling: {rate: 2}", "rate is required, from 0 to 1"},
		{"two tenants", "- tenant: {value: a, label: b}", "want exactly one of label, source and value"},
		{"a metric of no type", "- metrics: {a: {config: {action: inc}}}", `metric "a": unknown type ""`},
		{"a counter that sets", "- metrics: {a: {type: Counter, config: {action: set}}}", "a counter has inc and add"},
		{"bytes of some", "- metrics: {a: {type: Counter, config: {action: add, count_entry_bytes: true}}}", "count_entry_bytes needs match_all: true"},
		{"buckets that fall", "- metrics: {a: {type: Histogram, config: {buckets: [2, 1]}}}", "in rising order"},
		{"no database", "- geoip: {db: /nowhere.mmdb, db_type: city, source: ip}", "stage geoip: db /nowhere.mmdb: "},
		{"no kind of database", "- geoip: {db: x, db_type: isp, source: ip}", "db_type: want city or asn"},
	} {
		cfg, err := stage.ParseConfig([]byte(tc.text))
		if err == nil {
			_, err = stage.New(cfg, stage.Options{})
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
}

// TestTemplatesEnd gives up templates that would run without end; the value stays.
func TestTemplatesEnd(t *testing.T) {
	for _, text := range []string{
		"{{ range 99999999999 }}{{ end }}",
		`{{ define "x" }}{{ template "x" . }}{{ template "x" . }}{{ end }}{{ template "x" . }}`,
		"{{ range 999999 }}{{ repeat 1000 \"x\" }}{{ end }}",
	} {
		out := &last{}
		chain := newPipeline(t, "[{template: {source: job, template: '"+text+"'}}, {output: {source: job}}]").Chain(out)
		for range 2 { // the second with what the first was run by
			err := chain.Put(context.Background(), []entry.Entry{{Labels: entry.NewLabels(labels.FromStrings("job", "j")), Line: "l"}})
			if err != nil || out.line != "j" {
				t.Errorf("%s: %.40q, %v", text, out.line, err)
			}
		}
	}
}

// last is a sink that keeps the last line.
type last struct{ line string }

func (l *last) Put(_ context.Context, entries []entry.Entry) error {
	for _, e := range entries {
		l.line = strings.Clone(e.Line)
	}
	return nil
}

func TestObserverSeesEachStage(t *testing.T) {
	cfg, err := stage.ParseConfig([]byte(`
- json: {expressions: {lvl: level}}
- labels: {lvl: }
- match: {selector: '{lvl="debug"}', action: drop}`))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	p, err := stage.New(cfg, stage.Options{Observe: func(o stage.Observation) {
		seen = append(seen, fmt.Sprintf("%s: %s %v → %s %v, gone %v", o.Stage, o.Before.Labels, o.Before.Extracted, o.After.Labels, o.After.Extracted, o.Gone))
	}})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Chain(&discard{}).Put(context.Background(), []entry.Entry{{
		Labels: entry.NewLabels(labels.FromStrings("job", "j")), Line: `{"level":"debug"}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`json: {job="j"} map[job:j] → {job="j"} map[job:j lvl:debug], gone false`,
		`labels: {job="j"} map[job:j lvl:debug] → {job="j", lvl="debug"} map[job:j lvl:debug], gone false`,
		`match: {job="j", lvl="debug"} map[job:j lvl:debug] → {job="j", lvl="debug"} map[job:j lvl:debug], gone true`,
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("seen\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

// everything is a pipeline with each stage that needs no file.
const everything = `
- docker: {}
- cri: {max_partial_line_size: 1kb, max_partial_line_size_truncate: true}
- decolorize: {}
- json: {expressions: {a: , b: a.b, c: 'd[0].e', d: 'length(x)'}}
- logfmt: {mapping: {level: , msg: message}}
- regex: {expression: '(?P<first>\S+)\s*(?P<second>\S*)'}
- replace: {expression: '(pass)word', replace: '{{ .Value }}-{{ .a | default "x" | upper }}'}
- template: {source: t, template: '{{ if .a }}{{ .a | trunc 3 }}{{ else }}{{ .Entry | Hash "salt" }}{{ end }}'}
- eventlogmessage: {source: second}
- labels: {level: , t: }
- labelallow: [job, level, t, stream]
- labeldrop: [t]
- static_labels: {x: y}
- structured_metadata: {first: }
- timestamp: {source: second, format: Unix, fallback_formats: [RFC3339, 'Jan _2 15:04:05']}
- match: {selector: '{level=~"d.*"} |~ "x+" | json', stages: [{drop: {source: [a, b], expression: 'q'}}]}
- metrics: {n: {type: Counter, config: {match_all: true, action: inc}}, v: {type: Gauge, source: second, config: {action: add}}, h: {type: Histogram, source: second, config: {}}}
- tenant: {source: level}
- multiline: {firstline: '^\S', max_lines: 3}
- drop: {longer_than: 1mb}
- limit: {rate: 1000000, burst: 1000000, drop: true}
- pack: {labels: [level]}
- sampling: {rate: 1}
`

// FuzzPipeline puts any lines through every stage, and looks whether each is
// passed on, dropped, or still held.
func FuzzPipeline(f *testing.F) {
	f.Add(jsonLine + "\n" + `level=info msg="x y" password=1` + "\n a\r\n" + `{"log":"a: b\r\nc:d","a":{"b":1e3},"d":[{"e":null}]}`)
	f.Add("2024-06-10T07:06:40Z stdout P part\n2024-06-10T07:06:40Z stdout F \x1b[31mred\x1b[0m 1718000000.5")
	p := newPipeline(f, everything)
	f.Fuzz(func(t *testing.T, text string) {
		ledger := position.NewLedger("c")
		track := position.NewTrack(ledger)
		out := &acknowledger{}
		chain := p.Chain(out)
		ls := entry.NewLabels(labels.FromStrings("job", "j"))
		var batch []entry.Entry
		for i, line := range strings.Split(text, "\n") {
			batch = append(batch, entry.Entry{
				Labels: ls, Timestamp: int64(i), Line: line,
				Mark: entry.Mark{Track: track, Range: position.Range{Start: int64(i), End: int64(i + 1)}, Lines: 1},
			})
		}
		n := int64(len(batch))
		if err := chain.Put(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		if err := chain.Flush(context.Background(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		dropped := int64(0)
		for _, d := range ledger.Dropped() {
			dropped += d
		}
		if out.lines+dropped != n || track.Low() != n {
			t.Errorf("%d lines: %d passed on, %d dropped, settled up to %d", n, out.lines, dropped, track.Low())
		}
	})
}
