package stage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/stage"
)

// stageSettings are settings for each stage, and lines that make it do something.
// geoip needs a file, and has a test of its own.
var stageSettings = []struct{ name, settings, lines string }{
	{"cri", "{}", "2024-06-10T07:06:40.1Z stdout P a\n2024-06-10T07:06:40.1Z stdout F b\nx"},
	{"cri", "{max_partial_lines: 1, max_partial_line_size: 3b, max_partial_line_size_truncate: true}", "2024-06-10T07:06:40Z stderr P abc\n2024-06-10T07:06:40Z stdout P abcd\n2024-06-10T07:06:40Z stdout F"},
	{"docker", "{}", `{"log":"a\n","stream":"stdout","time":"2024-06-10T07:06:40.1Z"}` + "\n{\"log\":1}"},
	{"decolorize", "{}", "\x1b[31mred\x1b[0m \x1b[ \x1b[1;"},
	{"json", `{expressions: {a: , b: 'x.y', c: 'l[0]', d: '"q.r".s'}}`, `{"a":1e3,"x":{"y":null},"l":["\u00e9"],"q.r":{"s":[1, 2]}}` + "\n{"},
	{"json", "{expressions: {a: job}, source: job, drop_malformed: true}", "x"},
	{"logfmt", "{mapping: {level: , m: msg}}", `level=info msg="a \" b" x` + "\na=\"b"},
	{"regex", `{expression: '(?P<a>\S+) (?P<b>.*)'}`, "a b c\n\n"},
	{"regex", `{expression: '(?P<a>j)', source: job}`, "x"},
	{"replace", `{expression: '(a)(?P<n>b)?', replace: '{{ .Value | ToUpper }}'}`, "ab a xab\né"},
	{"template", `{source: t, template: '{{ .Value }}{{ .job }}{{ .Entry | trunc 3 }}'}`, "abcdef\n"},
	{"template", `{source: t, template: '{{ repeat 3 .Entry }}{{ range $i, $e := .Entry | splitList "," }}{{ $i }}{{ $e }}{{ end }}'}`, "a,b,c\n,"},
	{"labels", "{job: , x: job}", "a"},
	{"labeldrop", "[job]", "a"},
	{"labelallow", "[job]", "a"},
	{"static_labels", "{a: b, c: null}", "a"},
	{"structured_metadata", "{job: , x: job}", "a"},
	{"non_indexed_labels", "{job: }", "a"},
	{"timestamp", "{source: job, format: RFC3339, fallback_formats: [Unix, 'Jan _2 15:04:05'], location: Europe/Berlin}", "a"},
	{"timestamp", "{source: job, format: UnixNs, action_on_failure: skip}", "a"},
	{"output", "{source: job}", "a"},
	{"tenant", "{value: t}", "a"},
	{"tenant", "{label: job}", "a"},
	{"match", `{selector: '{job="j"} |= "a" | json | x > 1', stages: [{static_labels: {k: v}}]}`, "a\n{\"x\":2,\"y\":\"a\"}"},
	{"match", `{selector: '{job=~".+"} !~ "b+"', action: drop, drop_counter_reason: r}`, "a\nbb"},
	{"drop", "{source: [job, x], separator: '-', expression: 'j.*'}", "a"},
	{"drop", "{longer_than: 3b, older_than: 1h}", "abcdef\na"},
	{"multiline", `{firstline: '^\S', max_lines: 2, max_wait_time: 1s}`, "a\n b\n c\nd\n\n e"},
	{"limit", "{rate: 10, burst: 2, drop: true}", "a\nb\nc"},
	{"limit", "{rate: 10, burst: 2, drop: true, by_label_name: job}", "a\nb\nc"},
	{"sampling", "{rate: 0.5}", "a\nb\nc"},
	{"pack", "{labels: [job, none], ingest_timestamp: false}", "a\"\\\x00\xff\né"},
	{"eventlogmessage", "{source: job, overwrite_existing: true, drop_invalid_labels: true}", "a: b"},
	{"metrics", "{a: {type: Counter, config: {match_all: true, action: add, count_entry_bytes: true}}, b: {type: Histogram, source: job, config: {buckets: [1, 2]}}, c: {type: Gauge, source: job, max_idle_duration: 1s, config: {action: sub}}}", "a\n1.5"},
}

func TestEachStageHasSettingsToFuzz(t *testing.T) {
	for _, s := range stageSettings {
		if _, err := stage.ParseConfig([]byte("- " + s.name + ": " + s.settings)); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		throughStage(t, s.name, s.settings, s.lines)
	}
}

// throughStage puts lines through a stage of these settings, if they are valid, and
// looks whether each line is passed on, dropped, or was held and then let go.
func throughStage(t *testing.T, name, settings, lines string) {
	t.Helper()
	cfg, err := stage.ParseConfig([]byte("- " + name + ": " + settings))
	if err != nil {
		return
	}
	p, err := stage.New(cfg, stage.Options{Metrics: stage.NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		return
	}
	defer p.Close()
	ledger := position.NewLedger("c")
	track := position.NewTrack(ledger)
	out := &acknowledger{}
	chain := p.Chain(out)
	n := int64(0)
	var batch []entry.Entry
	for line := range strings.SplitSeq(lines, "\n") {
		// What a stage looks at is in the label as well, for its source.
		ls := entry.NewLabels(labels.FromStrings("job", strings.ToValidUTF8(line, ""), "pod", "p"))
		batch = append(batch, entry.Entry{
			Labels: ls, Timestamp: n, Line: line,
			Mark: entry.Mark{Track: track, Range: position.Range{Start: n, End: n + 1}, Lines: 1},
		})
		n++
	}
	// A limit may wait for longer than anybody wants to.
	ctx, cancel := context.WithCancel(context.Background())
	if name == "limit" && !strings.Contains(settings, "drop: true") {
		cancel()
	}
	defer cancel()
	if err := chain.Put(ctx, batch); err != nil {
		if ctx.Err() == nil {
			t.Fatal(err)
		}
		return
	}
	if err := chain.Flush(ctx, time.Time{}); err != nil {
		if ctx.Err() == nil {
			t.Fatal(err)
		}
		return
	}
	dropped := int64(0)
	for _, d := range ledger.Dropped() {
		dropped += d
	}
	if out.lines+dropped != n || track.Low() != n {
		t.Errorf("%s: %s: %d lines: %d passed on, %d dropped, settled up to %d", name, settings, n, out.lines, dropped, track.Low())
	}
}

// FuzzStage puts any lines through each stage by itself, with any settings. No
// settings, however odd, lose a line or end the agent.
func FuzzStage(f *testing.F) {
	for i, s := range stageSettings {
		f.Add(uint8(i), s.settings, s.lines)
	}
	f.Fuzz(func(t *testing.T, which uint8, settings, lines string) {
		name := stageSettings[int(which)%len(stageSettings)].name
		// What reads files, itself or in a stage that it holds, is left out.
		if strings.Contains(settings, "geoip") || strings.Contains(settings, "db") || len(lines) > 1<<12 || len(settings) > 1<<12 {
			return
		}
		throughStage(t, name, settings, lines)
	})
}
