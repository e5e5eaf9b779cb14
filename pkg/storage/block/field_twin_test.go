package block

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// blockSource is blocks as a source. A naive one answers nothing itself, so that
// the stages run over every line.
type blockSource struct {
	streams []labels.Labels
	blocks  []Encoded
	opened  []*Block
	naive   bool

	rows, unsure int            // of batches with an answer
	how          map[string]int // by how: batches
}

func newBlockSource(t testing.TB, rows []Row, perBlock int, streams []labels.Labels) *blockSource {
	t.Helper()
	s := &blockSource{streams: streams, how: map[string]int{}}
	hot := NewHot(1 << 18)
	for part := range slices.Chunk(rows, perBlock) {
		enc, err := new(Encoder).Encode(slices.Clone(part))
		if err != nil {
			t.Fatal(err)
		}
		b, err := Open(enc.Prune)
		if err != nil {
			t.Fatal(err)
		}
		b.KeepIn(hot, hot.Numbers(1))
		s.blocks, s.opened = append(s.blocks, enc), append(s.opened, b)
	}
	return s
}

func (s *blockSource) Open(_ context.Context, req *scan.Request) (scan.Snapshot, error) {
	snap := &blockSnapshot{s: s, req: req}
	for _, ls := range s.streams {
		snap.dir.Streams = append(snap.dir.Streams, scan.Stream{Labels: ls, Hash: labels.StableHash(ls)})
	}
	for i, enc := range s.blocks {
		b := scan.Block{Order: scan.Order{Place: uint32(i)}}
		for _, r := range enc.Runs {
			b.Runs = append(b.Runs, scan.Run{Stream: int(r.Stream), Interval: r.Interval, Rows: r.Rows, Bytes: r.Bytes, MetadataBytes: r.MetadataBytes})
		}
		snap.dir.Blocks = append(snap.dir.Blocks, b)
	}
	return snap, nil
}

type blockSnapshot struct {
	s   *blockSource
	req *scan.Request
	dir scan.Directory
}

func (s *blockSnapshot) Directory() *scan.Directory { return &s.dir }
func (s *blockSnapshot) Close() error               { return nil }

func (s *blockSnapshot) Read(_ context.Context, i int, want scan.Want) (*scan.Batch, error) {
	enc := &s.s.blocks[i]
	q := &Question{Interval: s.req.Interval.Intersect(want.Interval), Columns: want.Columns}
	if s.s.naive {
		q.Columns = everything
	} else {
		q.Filters, q.Fields, q.Limit, q.Oldest = NewFilters(s.req.Filters), want.Fields, want.Limit, want.Oldest
	}
	for n, r := range enc.Runs {
		q.Picks = append(q.Picks, Pick{n, int(r.Stream)})
	}
	b, err := s.s.opened[i].Decode(Bytes(enc.Data), enc.Runs, q)
	if err == nil && b.Answer != nil {
		s.s.rows += b.Rows()
		if b.Answer.Unsure != nil {
			s.s.unsure += b.Answer.Unsure.Count()
		}
	}
	if err == nil && q.Fields != nil {
		s.s.how[[]string{"rows", "columns", "header"}[b.How]]++
	}
	return b, err
}

// outcome is what a query answers, or its error, in a form to compare.
func outcome(src *blockSource, query string, p engine.Params) string {
	e, err := syntax.Parse(query)
	if err != nil {
		panic(query + ": " + err.Error())
	}
	res, err := engine.New(engine.Options{Concurrency: 1}).Exec(context.Background(), src, "t", e, p, engine.Limits{})
	if err != nil {
		// Which of several bad lines is told depends on the order of looking.
		text, _, _ := strings.Cut(err.Error(), "'")
		return "error " + text
	}
	var b strings.Builder
	switch data := res.Data.(type) {
	case promql.Matrix:
		for _, s := range data {
			fmt.Fprintln(&b, s.Metric)
			for _, f := range s.Floats {
				fmt.Fprintf(&b, "  %d %s\n", f.T, rounded(f.F))
			}
		}
	case promql.Vector:
		for _, s := range data {
			fmt.Fprintf(&b, "%s %s\n", s.Metric, rounded(s.F))
		}
	default:
		b.WriteString(data.String())
	}
	return b.String()
}

// rounded leaves out what sums in another order may differ in.
func rounded(v float64) string { return strconv.FormatFloat(v, 'g', 11, 64) }

// fieldStreams are the streams of rows with the numbers 0 to 2. Some have labels
// that lines have, too.
func fieldStreams(r *rand.Rand) []labels.Labels {
	out := make([]labels.Labels, 3)
	clash := []string{"zone", "zone", "zone", "level", "status", "a", "c"}[r.IntN(7)]
	all := r.IntN(2) == 0
	for i := range out {
		b := labels.NewBuilder(labels.FromStrings("job", "j", "pod", fmt.Sprint("p", i)))
		if all || i == 0 {
			b.Set(clash, []string{"x", "500", "error"}[r.IntN(3)])
		}
		out[i] = b.Labels()
	}
	return out
}

// tag gives rows structured metadata, of names that lines have, too.
func tag(r *rand.Rand, rows []Row) {
	kind := r.IntN(4)
	for i := range rows {
		if kind == 0 {
			continue
		}
		rows[i].Metadata = model.Metadata{{Name: "detected_level", Value: []string{"info", "error", "warn"}[r.IntN(3)]}}
		if kind > 1 && r.IntN(3) > 0 {
			rows[i].Metadata = append(rows[i].Metadata, labels.Label{Name: "size", Value: []string{"5", "10KB", "abc", "", "1.5"}[r.IntN(5)]})
		}
		if kind > 2 && r.IntN(3) > 0 {
			name := []string{"status", "a", "level", "size"}[r.IntN(4)]
			rows[i].Metadata = append(rows[i].Metadata, labels.Label{Name: name, Value: []string{"500", "x", ""}[r.IntN(3)]})
		}
	}
}

var twinNames = []string{
	"level", "status", "duration_ms", "bytes", "method", "msg", "trace_id", "user_id", "caller", "ts", "nowhere",
	"a", "b", "c", "a_b", "org_id", "latency", "duration", "num_chunks", "immediate", "query", "labels", "err",
	"detected_level", "size", "pod", "zone", "job", "__error__", "x", "k", "uid", "user", "response", "remote_ip", "ip", "request", "bytes_sent",
}

// A maker makes queries about some rows.
type maker struct {
	*rand.Rand
	parser string
	names  []string
	values map[string][]string
}

// newMaker looks for labels that lines have, so that queries are about something.
func newMaker(t testing.TB, r *rand.Rand, rows []Row) *maker {
	q := &maker{Rand: r, names: twinNames, values: map[string][]string{}}
	best := 0
	pattern := twinPatterns[r.IntN(len(twinPatterns))]
	parsers := []string{
		" | json", jsonPaths(r), " | logfmt", " | logfmt" + pick(r, " --strict", " --keep-empty", " --strict --keep-empty"), logfmtKeys(r),
		fmt.Sprintf(" | pattern %q", pattern), fmt.Sprintf(" | regexp %q", twinRegexps[r.IntN(len(twinRegexps))]),
	}
	r.Shuffle(len(parsers), func(i, j int) { parsers[i], parsers[j] = parsers[j], parsers[i] })
	for _, parser := range parsers {
		e, err := syntax.Parse(`{job="j"}` + parser)
		if err != nil {
			t.Fatal(err)
		}
		p, err := pipeline.Compile(e.(*syntax.LogSelector).Stages, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sp := p.ForStream(labels.EmptyLabels())
		found := map[string][]string{}
		n := 0
		for range 40 {
			_, set, _ := sp.Process(0, rows[r.IntN(len(rows))].Line, nil)
			set.Parsed.Range(func(l labels.Label) {
				if set.Error == "" && len(l.Value) < 80 && isName(l.Name) {
					found[l.Name] = append(found[l.Name], l.Value)
					n++
				}
			})
		}
		if n > best || n > 0 && r.IntN(2) == 0 || r.IntN(6) == 0 {
			best, q.parser, q.values, q.names = n, parser, found, slices.Sorted(maps.Keys(found))
		}
	}
	return q
}

// isName reports whether a query can have a name that a line has.
func isName(s string) bool {
	_, err := syntax.Parse(fmt.Sprintf(`sum by (%s) (count_over_time({a="b"} | %s="x" [1s]))`, s, s))
	return err == nil
}

// name is that of a label.
func (q *maker) name() string {
	if len(q.names) == 0 || q.IntN(5) == 0 {
		return twinNames[q.IntN(len(twinNames))]
	}
	return q.names[q.IntN(len(q.names))]
}

// value is one that a label has, or another.
func (q *maker) value(name string, others ...string) string {
	if v := q.values[name]; len(v) > 0 && q.IntN(3) > 0 {
		return v[q.IntN(len(v))]
	}
	return others[q.IntN(len(others))]
}

// quantity is a value that is one in a query.
func (q *maker) quantity(name string, convert func(string) (float64, error), others ...string) string {
	v := q.value(name, others...)
	if _, err := convert(v); err != nil || strings.Trim(v, "0123456789.smhnuµkKMGiB") != "" || strings.HasPrefix(v, ".") || strings.HasSuffix(v, ".") {
		return others[q.IntN(len(others))]
	}
	if convertible := fmt.Sprintf(`{a="b"} | x > %s`, v); v != "" {
		if _, err := syntax.Parse(convertible); err != nil {
			return others[q.IntN(len(others))]
		}
	}
	return v
}

// filter makes a label filter.
func (q *maker) filter(depth int) string {
	r := q.Rand
	if depth > 0 && r.IntN(4) == 0 {
		return fmt.Sprintf("(%s %s %s)", q.filter(depth-1), pick(r, "and", "or"), q.filter(depth-1))
	}
	name := q.name()
	switch r.IntN(7) {
	case 6:
		if name == "__error__" {
			name = "ip"
		}
		return fmt.Sprintf("%s %s ip(%q)", name, pick(r, "=", "!="), pick(r, "10.0.0.0/8", "1.2.3.4", "::1", "10.1.0.0-10.9.255.255", "192.168.4.5/16", "2001:db8::/32"))
	case 0:
		if name == "__error__" {
			name = "status"
		}
		return fmt.Sprintf("%s %s %s", name, pick(r, ">", ">=", "<", "<=", "==", "!="), q.quantity(name, extract.Number, "500", "404", "0", "1.5", "30000", "-1", "1e3", "200"))
	case 1:
		if name == "__error__" {
			name = "duration"
		}
		return fmt.Sprintf("%s %s %s", name, pick(r, ">", ">=", "<", "<=", "==", "!="), q.quantity(name, extract.Duration, "1s", "20ms", "1ns", "1h", "0s"))
	case 2:
		if name == "__error__" {
			name = "bytes"
		}
		return fmt.Sprintf("%s %s %s", name, pick(r, ">", ">=", "<", "<=", "==", "!="), q.quantity(name, extract.Bytes, "1KB", "1B", "5MB", "64KiB"))
	case 3:
		return fmt.Sprintf("%s%s%q", name, pick(r, "=~", "!~"), pick(r, "e.*", "5..|x", ".*", "info|error", "[0-9]+", "GET", "(?i)INFO", ""))
	default:
		return fmt.Sprintf("%s%s%q", name, pick(r, "=", "!="), q.value(name, "", "error", "500", "GET", "x", "info", "true", "1.0", "007", "p1", `payment "declined"`, "JSONParserErr", "a\"b"))
	}
}

var twinPatterns = []string{
	`<a> <b> <c>`, `<_>"<a>"<_>`, `<ip> - - [<ts>] "<request>" <status> <bytes> "<_>"`, `{"ts":"<ts>","level":"<level>"<_>`, `<ts> <level> [<_>] <_> - <msg>`,
	`<_>: <msg>`, `<_> from <a>`, `a=<a> b=<b>`, `[<a>] <b>`, `<_>(<a>)<_>=<x>`, `<a> [<b>] "<c>"`,
}

// jsonPaths is a json stage with some paths.
func jsonPaths(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(" | json ")
	for i := range 1 + r.IntN(4) {
		if i > 0 {
			b.WriteString(", ")
		}
		path := pick(r, twinNames...)
		switch r.IntN(6) {
		case 0:
			path += "." + pick(r, twinNames...)
		case 1:
			path = fmt.Sprintf("%s[%d]", path, r.IntN(3))
		case 2:
			path = fmt.Sprintf("[%q]", pick(r, "a", "level", "", "x y", "a.b"))
		}
		fmt.Fprintf(&b, "%s=%q", pick(r, append(twinNames[:12:12], "x", "y")...), path)
	}
	return b.String()
}

// logfmtKeys is a logfmt stage with some keys.
func logfmtKeys(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(" | logfmt" + pick(r, "", "", " --strict", " --keep-empty") + " ")
	for i := range 1 + r.IntN(4) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s=%q", pick(r, append(twinNames[:12:12], "x", "y")...), pick(r, append(twinNames, "_1", "e", "http_status", "d")...))
	}
	return b.String()
}

var twinRegexps = []string{
	`for (invalid user )?(?P<user>[a-z0-9]+) from`, `(?P<ip>\d+\.\d+\.\d+\.\d+)`, `"(?P<method>[A-Z]+) (?P<path>\S+)`, `(?P<level>\w+)=(?P<x>[^ ]*)`,
	`^(?P<ts>\S+) (?P<a>.*?) (?P<b>[a-z]+)`, `(?i)(?P<level>error|info|warn(ing)?)`, `(?P<a>\d+)(?P<b>ms|s)?$`, `(?P<key>"[^"]*"): ?"?(?P<value>[^",]*)`,
	`(?P<a>[^:]+): (?P<msg>.*)`, `block (?P<b>blk_-?\d+)`, `(?P<c>)`, `(?P<status>[45]\d\d)|(?P<bytes>\d{3,})`, `\[(?P<pid>\d+)\]: (?P<msg>[A-Z].*)`, `(?P<x>é.|\x00)`,
	`(?P<level>[IWE])\d{4} \S+ +(?P<a>\d+) (?P<caller>[^:]+:\d+)\] "(?P<msg>[^"]*)"`,
}

// stages makes a pipeline of stages that may be pushed, and now and then of
// others.
func (q *maker) stages() string {
	r := q.Rand
	var b strings.Builder
	if r.IntN(5) == 0 {
		fmt.Fprintf(&b, " %s %q", pick(r, "|=", "!=", "|~", "!~"), pick(r, "error", "GET", "1", `"`, "e", "(?i)info|error"))
	}
	if r.IntN(6) == 0 {
		fmt.Fprintf(&b, " | %s", q.filter(1))
	}
	if r.IntN(8) > 0 {
		b.WriteString(q.parser)
	}
	for range r.IntN(5) / 2 {
		fmt.Fprintf(&b, " | %s", q.filter(2))
	}
	if r.IntN(3) == 0 {
		b.WriteString(` | __error__=""`)
	}
	if r.IntN(8) == 0 {
		b.WriteString(pick(r, " | drop __error__", " | drop __error__, __error_details__", " | drop status", ` | label_format a=b`, ` | line_format "{{.a}}"`, " | keep a", " | logfmt"))
	}
	if r.IntN(6) == 0 {
		fmt.Fprintf(&b, " | %s", q.filter(1))
	}
	return b.String()
}

func (q *maker) by() string {
	names := []string{}
	for range q.IntN(3) {
		if n := q.name(); n != "__error__" {
			names = append(names, n)
		}
	}
	return strings.Join(names, ", ")
}

// query makes a query.
func (q *maker) query() string {
	r := q.Rand
	stages := q.stages()
	rng := pick(r, "10s", "1m", "1h")
	switch r.IntN(8) {
	case 0, 1:
		return `{job="j"}` + stages
	case 2, 3, 4:
		return fmt.Sprintf(`sum by (%s) (%s({job="j"}%s [%s]))`, q.by(), pick(r, "count_over_time", "rate", "bytes_over_time"), stages, rng)
	case 5:
		if r.IntN(2) == 0 {
			return fmt.Sprintf(`sum without (%s) (%s({job="j"}%s [%s]))`, q.by(), pick(r, "count_over_time", "rate", "bytes_over_time"), stages, rng)
		}
		return fmt.Sprintf(`count_over_time({job="j"}%s [%s])`, stages, rng)
	}
	label := q.name()
	if label == "__error__" {
		label = "status"
	}
	unwrap := fmt.Sprintf(" | unwrap %s", pick(r, label, label, fmt.Sprintf("duration(%s)", label), fmt.Sprintf("bytes(%s)", label)))
	if r.IntN(3) > 0 {
		unwrap += ` | __error__=""`
	}
	return fmt.Sprintf(`%s({job="j"}%s%s [%s]) by (%s)`,
		pick(r, "max_over_time", "min_over_time", "avg_over_time", "quantile_over_time(0.9, ", "first_over_time", "last_over_time", "stddev_over_time"), stages, unwrap, rng, q.by())
}

func fixQuantile(query string) string { return strings.Replace(query, "0.9, ({", "0.9, {", 1) }

// compareTwins asks random queries of blocks and of lines.
func compareTwins(t *testing.T, r *rand.Rand, rows []Row, queries int) {
	t.Helper()
	tag(r, rows)
	pushed := newBlockSource(t, rows, 1+r.IntN(max(1, len(rows))), fieldStreams(r))
	naive := *pushed
	naive.naive = true
	mint, maxt := int64(math.MaxInt64), int64(math.MinInt64)
	for _, row := range rows {
		mint, maxt = min(mint, row.Timestamp), max(maxt, row.Timestamp)
	}
	q := newMaker(t, r, rows)
	for range queries {
		query := fixQuantile(q.query())
		p := engine.Params{Start: mint - 1 + r.Int64N(max(1, (maxt-mint)/2)), End: maxt + 1, Limit: 1 + r.IntN(50), Direction: engine.Backward}
		if r.IntN(2) == 0 {
			p.Direction = engine.Forward
		}
		if strings.HasPrefix(query, "{") || r.IntN(2) == 0 {
			p.Step = time.Duration(max(1, (p.End-p.Start)/7))
		} else {
			p.Start = p.End
		}
		got, want := outcome(pushed, query, p), outcome(&naive, query, p)
		if got != want {
			t.Errorf("%s %+v\nby columns:\n%.1500s\nby lines:\n%.1500s", query, p, got, want)
			return
		}
	}
}

// Whatever a query asks of fields is answered from columns as from lines: for lines
// of applications, for those that are made to be hard, and for real ones.
func TestFieldsAreThoseOfTheStages(t *testing.T) {
	for f := range families {
		t.Run(families[f].name, func(t *testing.T) {
			for seed := range seeds.Few(t, 3) {
				r := rand.New(rand.NewPCG(seed, uint64(f)))
				compareTwins(t, r, familyRows(f, r.Uint64(), 2000+r.IntN(60_000)), 25)
			}
		})
	}
	t.Run("tricky", func(t *testing.T) {
		for seed := range seeds.Few(t, 60) {
			r := rand.New(rand.NewPCG(seed, 100))
			compareTwins(t, r, trickyRows(r), 20)
		}
	})
	t.Run("files", func(t *testing.T) {
		for _, name := range dataFiles(t) {
			rows, err := fileRows(name, 100_000)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(filepath.Base(name), func(t *testing.T) {
				for seed := range seeds.Few(t, 1) {
					compareTwins(t, rand.New(rand.NewPCG(seed, 200)), rows, 20)
				}
			})
		}
	})
}
