package fields

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// lokiNames is the default of log_level_fields.
var lokiNames = []string{
	"level", "LEVEL", "Level", "log.level", "severity", "SEVERITY", "Severity",
	"SeverityText", "lvl", "LVL", "Lvl", "severity_text", "Severity_Text", "SEVERITY_TEXT",
}

func detect(line string, md model.Metadata, lbls labels.Labels) string {
	d := NewLevelDetector(lokiNames, 2)
	level, ok := d.FromLabels(lbls)
	return d.Detect(level, ok, md, line)
}

func TestDetect(t *testing.T) {
	md := func(pairs ...string) model.Metadata {
		var m model.Metadata
		for i := 0; i < len(pairs); i += 2 {
			m = append(m, labels.Label{Name: pairs[i], Value: pairs[i+1]})
		}
		return m
	}
	none := labels.EmptyLabels()
	for _, tc := range []struct {
		line string
		md   model.Metadata
		lbls labels.Labels
		want string
	}{
		// Recorded answers of Loki.
		{`level=error msg=x`, nil, none, "error"},
		{`msg="level=warn" lvl=debug`, nil, none, "debug"},
		{`{"level":"WARN"}`, nil, none, "warn"},
		{`{"msg":"an error","severity":"info"}`, nil, none, "info"},
		{`{"a":{"level":"debug"}}`, nil, none, "debug"},
		{`{"a":{"b":{"level":"debug"}}}`, nil, none, "debug"}, // by keyword: it lies too deep
		{`{"level":3}`, nil, none, "unknown"},
		{`{"lvl":"dbg","level":"error"}`, nil, none, "debug"},
		{`lvl=dbg level=error`, nil, none, "error"},
		{`LEVEL=critical`, nil, none, "critical"},
		{`level=notice`, nil, none, "unknown"},
		{`level=notice error`, nil, none, "error"},
		{`[ERROR] boom`, nil, none, "error"},
		{`ERROR: boom`, nil, none, "error"},
		{`misc:error`, nil, none, "unknown"},
		{`errors everywhere`, nil, none, "unknown"},
		{`an error occurred, warning sent`, nil, none, "error"},
		{`<info> hi`, nil, none, "unknown"},
		{"info\tx", nil, none, "info"},
		{`fatal`, nil, none, "fatal"},
		{`err`, nil, none, "error"},
		{`a=b no level`, nil, none, "unknown"},
		{`plain`, nil, none, "unknown"},
		{``, nil, none, "unknown"},
		{`plain`, md("severity_number", "17"), none, "error"},
		{`plain`, md("severity_number", "0"), none, "unknown"},
		{`plain`, md("severity_number", "abc"), none, "info"},
		{`plain`, md("severity_text", "Warning"), none, "warn"},
		{`plain`, md("severity_text", "custom", "severity_number", "9"), none, "custom"},
		{`error`, md("level", "trc"), none, "trace"},
		{`error`, md("detected_level", "INFORMATION"), none, "info"},
		{`error`, nil, labels.FromStrings("level", "debug"), "debug"},
		{`error`, nil, labels.FromStrings("severity", "P1"), "P1"},
		{`error`, md("level", "info"), labels.FromStrings("level", "debug"), "debug"},
		{`severity=WARN level=info`, nil, none, "info"},
		{`{"severity":"warn","level":"info"}`, nil, none, "warn"},
		{`info=1 error`, nil, none, "info"},
		{`time=1 msg="failed" status=error`, nil, none, "error"},
		{`{"status":"error"}`, nil, none, "error"},
		{`warn-ing error-ish`, nil, none, "unknown"},
		{`"info"`, nil, none, "info"},
		{`x(debug)`, nil, none, "debug"},
		{`level="Info "`, nil, none, "info"},
		{`log.level=error`, nil, none, "error"},
		{`{"log.level":"error"}`, nil, none, "error"},
		{`{"log":{"level":"error"}}`, nil, none, "error"},

		// What the client says beats the labels of its stream.
		{`x`, md("detected_level", "wrn"), labels.FromStrings("level", "debug"), "warn"},
		// Labels and metadata follow the order of the list, not their own.
		{`x`, nil, labels.FromStrings("LEVEL", "info", "level", "error"), "error"},
		{`x`, md("lvl", "info", "severity", "error"), none, "error"},
		{`x`, md("level", "", "lvl", "info"), none, "info"},
		// The whole scale of numbers, its ends, and numbers beyond it.
		{`error`, md("severity_number", "1"), none, "trace"},
		{`error`, md("severity_number", "4"), none, "trace"},
		{`error`, md("severity_number", "5"), none, "debug"},
		{`error`, md("severity_number", "9"), none, "info"},
		{`error`, md("severity_number", "16"), none, "warn"},
		{`error`, md("severity_number", "21"), none, "fatal"},
		{`error`, md("severity_number", "24"), none, "fatal"},
		{`error`, md("severity_number", "25"), none, "unknown"},
		{`error`, md("severity_number", "-3"), none, "unknown"},
		{`error`, md("severity_number", "99999999999999999999"), none, "unknown"},
		// JSON: names are exact, values may be escaped, arrays are not entered.
		{`{"msg":"a warn","LeVeL":"info"}`, nil, none, "warn"},
		{`{"le\u0076el":"\u0069nfo","msg":"warn"}`, nil, none, "info"},
		{`{"a":[{"level":"info"}],"lvl":"debug"}`, nil, none, "debug"},
		{`{"a":{"b":{"level":"info"},"lvl":"trace"}}`, nil, none, "trace"},
		{`{"level":"notice","lvl":"info","m":"fatal"}`, nil, none, "info"},
		{`  {"level":"info", "x":"error"} `, nil, none, "info"},
		{`{"msg":"a \"level\" b","level":"debug"}`, nil, none, "debug"},
		{`{broken "level":"debug"}`, nil, none, "debug"},
		// logfmt: names in any case, the first of two, no value is no pair.
		{`LeVeL=info error`, nil, none, "info"},
		{`level=info level=error`, nil, none, "info"},
		{`level= lvl=info`, nil, none, "info"},
		{`GET "/x?level=debug y" severity=fatal`, nil, none, "debug"},
		// What is no logfmt ends the reading: the first keyword counts.
		{`"q"=error msg=x level="WARN"`, nil, none, "error"},
		{`k=v "q"=error level=warn`, nil, none, "error"},
		{`level="WARN" "q"=error`, nil, none, "warn"},
		{`=x error level=warn`, nil, none, "error"},
		{`error k=v= level=warn`, nil, none, "error"},
		{`error k=v"w level=warn`, nil, none, "error"},
		{`error a="b level=warn`, nil, none, "error"},
		{`error a="b\qc" level=warn`, nil, none, "error"},
		{`error "quoted text" level=warn`, nil, none, "error"},
		{`error a= k="v"; 'x=y' level=warn`, nil, none, "warn"},
		{`level="war\u006e" x=y`, nil, none, "warn"},
		{`key="unclosed level=info`, nil, none, "info"},
		// Keywords: the first that stands alone, whatever is around it.
		{`errors, then error`, nil, none, "error"},
		{`a trace{x`, nil, none, "trace"},
		{`a trace}x`, nil, none, "trace"},
		{`{error`, nil, none, "error"},
		{`CRITICAL!`, nil, none, "critical"},
		{`warning: disk`, nil, none, "warn"},
		{`the last word of a long line is a Fatal`, nil, none, "fatal"},
		{"\xff\xfe info", nil, none, "info"},
	} {
		if got := detect(tc.line, tc.md, tc.lbls); got != tc.want {
			t.Errorf("%q, metadata %v, labels %s: level %q, want %q", tc.line, tc.md, tc.lbls, got, tc.want)
		}
	}
}

func TestLevelWord(t *testing.T) {
	for level, words := range map[string]string{
		"trace": "trace trc", "debug": "debug dbg", "info": "info inf information",
		"warn": "warn wrn warning", "error": "error err", "critical": "critical", "fatal": "fatal",
	} {
		for _, w := range strings.Fields(words) {
			for _, w := range []string{w, strings.ToUpper(w), strings.ToUpper(w[:1]) + w[1:]} {
				if got, ok := LevelWord(w); !ok || got != level {
					t.Errorf("%q is %q, %v; want %q", w, got, ok, level)
				}
			}
		}
	}
	for _, w := range []string{"", "notice", "e", "errors", "warnin", "ERROR\x00", "inf0", "[rr"} {
		if got, ok := LevelWord(w); ok {
			t.Errorf("%q is %q, want no level", w, got)
		}
	}
}

func TestJSONDepth(t *testing.T) {
	line := `{"x":"error","a":{"b":{"c":{"level":"info"}}}}`
	for depth, want := range map[int]string{1: "error", 3: "error", 4: "info", 0: "info", -1: "info"} {
		if got := NewLevelDetector(lokiNames, depth).FromLine(line); got != want {
			t.Errorf("depth %d: level %q, want %q", depth, got, want)
		}
	}
	deep := strings.Repeat(`{"a":`, 200) + `{"level":"info"}` + strings.Repeat("}", 200)
	if got := NewLevelDetector(lokiNames, 0).FromLine(deep); got != "info" {
		t.Errorf("very deep: level %q, want info by keyword", got)
	}
}

// plainKeyword is keywordLevel without haste.
func plainKeyword(line string) string {
	lower := []byte(line)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 32
		}
	}
	words := []struct{ word, level string }{
		{"trace", "trace"},
		{"debug", "debug"},
		{"fatal", "fatal"},
		{"critical", "critical"},
		{"error", "error"},
		{"err", "error"},
		{"warning", "warn"},
		{"warn", "warn"},
		{"info", "info"},
	}
	for i := range lower {
		if i > 0 && !strings.Contains(" \t\n[({\"=", string(rune(lower[i-1]))) {
			continue
		}
		for _, w := range words {
			rest, ok := strings.CutPrefix(string(lower[i:]), w.word)
			if ok && (rest == "" || strings.Contains(" \t\n[](){}:,!\"=", string(rune(rest[0])))) {
				return w.level
			}
		}
	}
	return "unknown"
}

// The scan in strides and the plain one agree on lines made of what matters to them.
func TestKeywordTwin(t *testing.T) {
	for seed := range seeds.Few(t, 3) {
		keywordTwin(t, seed)
	}
}

func keywordTwin(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	parts := []string{
		"trace", "DEBUG", "Fatal", "critical", "error", "err", "warning", "warn", "INFO", "inf", "o", "r", "wa", "ing",
		" ", " ", "\t", "\n", "[", "]", "(", ")", "{", "}", ":", ",", "!", "\"", "=", "x", "-", ".", "é", "\xff", "\x00", "9",
	}
	for range 20000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		line := b.String()
		if got, want := keywordLevel(line), plainKeyword(line); got != want {
			t.Fatalf("seed %d: %q: level %q, want %q", seed, line, got, want)
		}
	}
}

// plainFromLine is FromLine without the glance that says what a line cannot hold.
func plainFromLine(glancing *LevelDetector, line string) string {
	d := *glancing
	d.hints = &nameHints{all: true}
	if start, end, ok := jsonObject(line); ok {
		if v, ok := d.fromJSON(line[start:end]); ok {
			if level, known := LevelWord(v); known {
				return level
			}
			return plainKeyword(line)
		}
	}
	if level, known := LevelWord(d.fromLogfmt(line)); known {
		return level
	}
	return plainKeyword(line)
}

// A glance that finds no name changes no answer.
func TestFromLineTwin(t *testing.T) {
	for seed := range seeds.Few(t, 3) {
		fromLineTwin(t, seed)
	}
}

func fromLineTwin(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	parts := []string{
		"level", "LEVEL", "log.", "severity", "lvl", `"level"`, `"Severity":"warn"`, `"lvl":"dbg"`, `"l\u0076l":"info"`,
		"=", "=", ":", ",", "{", "}", `"`, " ", " ", "info", "ERROR", "warn", "x", `\u`, "lev", "12345",
	}
	for range 20000 {
		names := lokiNames
		if r.IntN(4) == 0 {
			names = []string{"x", "sev", "level"}[r.IntN(3):]
		}
		d := NewLevelDetector(names, 2)
		var b strings.Builder
		if r.IntN(2) == 0 {
			b.WriteByte('{')
		}
		if r.IntN(2) == 0 {
			b.WriteString(strings.Repeat(`"a":"bcd",`, r.IntN(20)) + strings.Repeat(" a=b", r.IntN(2)*r.IntN(40)) + " ")
		}
		for range r.IntN(14) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		if r.IntN(2) == 0 {
			b.WriteByte('}')
		}
		line := b.String()
		if got, want := d.FromLine(line), plainFromLine(d, line); got != want {
			t.Fatalf("seed %d: %q: level %q, want %q", seed, line, got, want)
		}
	}
}

func TestDetectDoesNotAllocate(t *testing.T) {
	d := NewLevelDetector(lokiNames, 2)
	md := model.Metadata{{Name: "trace_id", Value: "0102"}, {Name: "pod", Value: "a-1"}}
	for name, line := range benchLines {
		if n := testing.AllocsPerRun(100, func() { d.Detect("", false, md, line[0]) }); n != 0 {
			t.Errorf("%s: %v allocations a line", name, n)
		}
	}
}

func FuzzFromLine(f *testing.F) {
	for _, lines := range benchLines {
		f.Add(lines[0])
	}
	f.Add(`{"a":{"level":"\ud83d\ude00`)
	f.Add(`a="b\"=c d="e" =" level="`)
	f.Add(`{"a":[[{"]`)
	d := NewLevelDetector(lokiNames, 0)
	g := NewDiscoverer(map[string][]string{"a": {"a", "a.b", "x.y.z"}, "b": {"level"}})
	f.Fuzz(func(t *testing.T, line string) {
		level := d.FromLine(line)
		if want := plainFromLine(d, line); level != want {
			t.Errorf("level of %q is %q, want %q", line, level, want)
		}
		if got, ok := LevelWord(level); level != LevelUnknown && (!ok || got != level) {
			t.Errorf("level %q of %q is no level", level, line)
		}
		if got, want := keywordLevel(line), plainKeyword(line); got != want {
			t.Errorf("keyword of %q is %q, want %q", line, got, want)
		}
		g.Append(nil, labels.EmptyLabels(), line)
	})
}

// benchLines are in the manner of widely used programs.
var benchLines = map[string][]string{
	"access": {
		`203.0.113.9 - - [17/May/2015:10:05:03 +0000] "GET /presentations/2013/images/dashboard.png HTTP/1.1" 200 203023 "http://example.org/talks/2013/" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0 Safari/537.36"`,
	},
	"syslog": {`Mar 27 13:06:56 ip-10-0-20-248 sshd[1291]: Accepted publickey for ubuntu from 198.51.100.7 port 54259 ssh2: RSA SHA256:Kl8kPGZrTiz7g4FO1hyqHd`},
	"java":   {`2015-07-29 19:04:12,394 - INFO  [/10.10.34.11:3888:QuorumCnxManager$Listener@493] - Received connection request /10.10.34.11:45307`},
	"logfmt": {`ts=2024-06-10T07:06:40.123456789Z caller=handler.go:123 level=info component=api msg="request served" method=GET path=/api/v1/items status=200 duration=12.3ms`},
	"json":   {`{"ts":"2024-06-10T07:06:40.123456789Z","caller":"handler.go:123","level":"info","msg":"request served","method":"GET","path":"/api/v1/items","status":200,"took":0.0123}`},
	"json without a level": {
		`{"version":6,"address":"192.0.2.64","generation":11,"load_timestamp":1445680800424,"timestamp":1446249499322,"pid":64857,"processes":{"respawned":0},"connections":{"accepted":8995031,"dropped":0,"active":2,"idle":29},"ssl":{"handshakes":23384,"failed":4647}}`,
	},
}

// How fast is a level found, or found missing, on one core? SKALD_BENCH_DATA
// may name files of real lines to measure as well, separated by colons.
func BenchmarkFromLine(b *testing.B) {
	cases := map[string][]string{}
	for name, lines := range benchLines {
		cases[name] = lines
	}
	for _, file := range strings.Split(os.Getenv("SKALD_BENCH_DATA"), ":") {
		if file == "" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		cases[file] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	d := NewLevelDetector(lokiNames, 2)
	for name, lines := range cases {
		b.Run(name, func(b *testing.B) {
			size := 0
			for _, l := range lines {
				size += len(l)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, l := range lines {
					d.FromLine(l)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(lines)), "ns/line")
		})
	}
}

func ExampleLevelDetector() {
	d := NewLevelDetector([]string{"level", "severity"}, 2)
	fmt.Println(d.FromLine(`ts=1 level=WARNING msg="slow"`))
	fmt.Println(d.FromLine(`{"msg":"no error","severity":"info"}`))
	fmt.Println(d.FromLine(`[ERROR] boom`))
	// Output:
	// warn
	// info
	// error
}
