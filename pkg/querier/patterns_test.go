package querier

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// patternsOfLines are the patterns of lines in memory, as texts and counts.
func patternsOfLines(t *testing.T, lines []string) []string {
	t.Helper()
	f := newFixture(1)
	for n, line := range lines {
		f.ingesters[0].rows["t"] = append(f.ingesters[0].rows["t"], row{labels.FromStrings("app", "web"), int64(n), line})
	}
	got, err := f.querier().Patterns(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 1e9 - 1}}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range got {
		out = append(out, fmt.Sprint(p.Pattern, " ", p.Samples[0].Count))
	}
	return out
}

func TestPatterns(t *testing.T) {
	names := func(form string, n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(form, "name"+string(rune('a'+i))))
		}
		return out
	}
	for _, tc := range []struct {
		name  string
		lines []string // each 40 times, with its own number in it
		want  []string
	}{
		{"numbers", []string{"took %d ms"}, []string{"took <_> ms 40"}},
		{"statements", []string{"opened file %d", "connection to %d lost"}, []string{"connection to <_> lost 40", "opened file <_> 40"}},
		{"few words tell apart", []string{`level=info msg="it is so" n=%d`, `level=warn msg="it is so" n=%d`}, []string{`level=info msg="it is so" n=<_> 40`, `level=warn msg="it is so" n=<_> 40`}},
		{"many words do not", names(`level=info user=%s n=%%d`, 20), []string{`level=info user=<_> n=<_> 800`}},
		{"numbers in words", []string{`level=info msg="took %dms" n=%d`}, []string{`level=info msg="took <_>ms" n=<_> 40`}},
		{"json", []string{`{"level":"info","n":%d,"ok":true}`}, []string{`{"level":"info","n":<_>,"ok":true} 40`}},
		{"access log", []string{`10.0.0.%d - - [14/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 12`}, []string{`<_> - - [<_> +<_>] "GET / HTTP/<_>" <_> <_> 40`}},
		{"many statements of a kind", names("user %s logged in from host %%d", 20), []string{"user <_> logged in from host <_> 800"}},
		{"empty", []string{""}, []string{" 40"}},
	} {
		var lines []string
		for n := range 40 {
			for _, l := range tc.lines {
				lines = append(lines, strings.ReplaceAll(l, "%d", strconv.Itoa(n)))
			}
		}
		if got := patternsOfLines(t, lines); fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestRarePatternsGoTogether: what is too rare for a pattern of its own counts for
// one that says less.
func TestRarePatternsGoTogether(t *testing.T) {
	var lines []string
	for n := range 100 {
		method := []string{"GET", "PUT", "HEAD", "POST", "PATCH"}[n%5] // 20 each
		lines = append(lines, fmt.Sprintf("a=b method=%s path=/x n=%d", method, n))
	}
	for n := range 20 {
		lines = append(lines, fmt.Sprintf("user ann has gone away %d", n), fmt.Sprintf("user bob has gone away %d", n))
	}
	lines = append(lines, "seen once")
	want := []string{"a=b method=<_> path=/x n=<_> 100", "user <_> has gone away <_> 40"}
	if got := patternsOfLines(t, lines); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPatternsTellLevelsAndStepsApart(t *testing.T) {
	var rows []block.Row
	for n := range int64(40) {
		rows = append(rows,
			block.Row{Timestamp: n * 1e9, Line: "tick", Metadata: model.Metadata{{Name: "detected_level", Value: "info"}}},
			block.Row{Timestamp: n * 1e9, Line: "tick", Metadata: model.Metadata{{Name: "detected_level", Value: "error"}, {Name: "id", Value: "1"}}},
			block.Row{Timestamp: n * 1e9, Line: "tick", Metadata: model.Metadata{{Name: "detected_level", Value: "error"}, {Name: "id", Value: "2"}}},
		)
	}
	want := "[{tick error [{0 20} {10 20} {20 20} {30 20}]} {tick info [{0 10} {10 10} {20 10} {30 10}]}]"
	for _, head := range []bool{true, false} {
		s := &blockPart{}
		s.add(t, rows, head)
		if got := s.patterns(t, 10*time.Second); fmt.Sprint(got) != want {
			t.Errorf("head %v: got %v, want %s", head, got, want)
		}
	}
}

func TestPatternsOfMemoryAndStore(t *testing.T) {
	f := newFixture(1)
	web := labels.FromStrings("app", "web")
	for n := range int64(40) {
		// The copies count once.
		f.store.rows["t"] = append(f.store.rows["t"], row{web, n * 1e9, fmt.Sprintf("stored %d", n)})
		f.ingesters[0].rows["t"] = append(f.ingesters[0].rows["t"], row{web, n * 1e9, fmt.Sprintf("stored %d", n)}, row{web, n * 1e9, "too few"})
	}
	got, err := f.querier().Patterns(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 25e9 - 1}}, 10*time.Second)
	if want := "[]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	got, err = f.querier().Patterns(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 35e9 - 1}}, 10*time.Second)
	if want := "[{stored <_>  [{0 10} {10 10} {20 10} {30 5}]} {too few  [{0 10} {10 10} {20 10} {30 5}]}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	if f.store.closed != 2 || f.ingesters[0].closed != 2 {
		t.Errorf("closed %d and %d times", f.store.closed, f.ingesters[0].closed)
	}
}

// A blockPart is a store of blocks: encoded ones, and rows that are not.
type blockPart struct {
	store
	labels []labels.Labels // of the streams; nil for usual ones
	blocks []partBlock
	shapes int // batches that told shapes

	mu                    sync.Mutex // guards shapes and the fields below
	lists, listed, unread int        // batches that listed fields, their rows, and those that were left to be read
}

type partBlock struct {
	encoded block.Encoded
	opened  *block.Block
	rows    []block.Row // of one that is not encoded
}

func (p *blockPart) add(t testing.TB, rows []block.Row, head bool) {
	t.Helper()
	enc, err := new(block.Encoder).Encode(slices.Clone(rows))
	if err != nil {
		t.Fatal(err)
	}
	b := partBlock{encoded: enc}
	if head {
		b.rows, _ = block.Sort(slices.Clone(rows))
	} else if b.opened, err = block.Open(enc.Prune); err != nil {
		t.Fatal(err)
	}
	p.blocks = append(p.blocks, b)
}

func (p *blockPart) Open(_ context.Context, req *scan.Request, _ []scan.Generation) (scan.Snapshot, error) {
	s := &blockPartSnapshot{part: p, req: req}
	for n := range 4 {
		ls := labels.FromStrings("app", "web", "pod", strconv.Itoa(n))
		if p.labels != nil {
			ls = p.labels[n]
		}
		s.dir.Streams = append(s.dir.Streams, scan.Stream{Labels: ls, Hash: labels.StableHash(ls)})
	}
	for i, b := range p.blocks {
		listed := scan.Block{Order: scan.Order{Place: uint32(i)}}
		for _, r := range b.encoded.Runs {
			listed.Runs = append(listed.Runs, scan.Run{Stream: int(r.Stream), Interval: r.Interval, Rows: r.Rows, Bytes: r.Bytes, MetadataBytes: r.MetadataBytes})
		}
		s.dir.Blocks = append(s.dir.Blocks, listed)
	}
	return s, nil
}

type blockPartSnapshot struct {
	part *blockPart
	req  *scan.Request
	dir  scan.Directory
}

func (s *blockPartSnapshot) Directory() *scan.Directory { return &s.dir }
func (s *blockPartSnapshot) Close() error               { return nil }

func (s *blockPartSnapshot) Read(_ context.Context, i int, want scan.Want) (*scan.Batch, error) {
	b := &s.part.blocks[i]
	in := s.req.Interval.Intersect(want.Interval)
	if b.opened == nil {
		out := &scan.Batch{}
		for _, r := range b.rows {
			if !in.Contains(r.Timestamp) {
				continue
			}
			if n := len(out.Runs); n == 0 || out.Runs[n-1].Stream != int(r.Stream) {
				out.Runs = append(out.Runs, scan.BatchRun{Stream: int(r.Stream), Start: len(out.Timestamps)})
			}
			out.Timestamps, out.Lines, out.Metadata = append(out.Timestamps, r.Timestamp), append(out.Lines, r.Line), append(out.Metadata, r.Metadata)
			out.Runs[len(out.Runs)-1].End = len(out.Timestamps)
		}
		return out, nil
	}
	q := &block.Question{Interval: in, Columns: want.Columns, Fields: want.Fields, Shapes: want.Shapes, List: want.List}
	for n, r := range b.encoded.Runs {
		q.Picks = append(q.Picks, block.Pick{Run: n, Stream: int(r.Stream)})
	}
	out, err := b.opened.Decode(block.Bytes(b.encoded.Data), b.encoded.Runs, q)
	s.part.mu.Lock()
	defer s.part.mu.Unlock()
	if err == nil && out.Shapes != nil {
		s.part.shapes++
	}
	if err == nil && out.Found != nil {
		s.part.lists++
		s.part.listed += out.Rows()
		if out.Found.Unread != nil {
			s.part.unread += out.Found.Unread.Count()
		}
	}
	return out, err
}

func (p *blockPart) querier() *Querier {
	f := newFixture(0)
	q := f.querier()
	q.store = p
	return q
}

func (p *blockPart) patterns(t testing.TB, step time.Duration) []loghttp.Pattern {
	t.Helper()
	got, err := p.querier().Patterns(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 1e15}}, step)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// checkPatterns compares the patterns of rows in memory with those of the same rows
// as blocks, however they are divided, with copies, and as one.
func checkPatterns(t *testing.T, name string, rows []block.Row, rnd *rand.Rand) {
	t.Helper()
	step := time.Duration(1+rnd.IntN(100)) * time.Second
	head := &blockPart{}
	head.add(t, rows, true)
	want := head.patterns(t, step)
	var total int64
	for _, p := range want {
		for _, s := range p.Samples {
			total += s.Count
		}
	}
	sealed, compacted := &blockPart{}, &blockPart{}
	for part := range slices.Chunk(rows, 1+len(rows)/(2+rnd.IntN(6))) {
		sealed.add(t, part, rnd.IntN(4) == 0)
	}
	for range rnd.IntN(3) { // replicas
		at := rnd.IntN(len(rows))
		sealed.add(t, rows[at:min(len(rows), at+1+rnd.IntN(len(rows)))], rnd.IntN(4) == 0)
	}
	compacted.add(t, rows, false)
	for _, s := range []*blockPart{sealed, compacted} {
		if got := s.patterns(t, step); fmt.Sprint(got) != fmt.Sprint(want) {
			for i := range min(len(got), len(want)) {
				if g, w := fmt.Sprint(got[i]), fmt.Sprint(want[i]); g != w {
					t.Errorf("%s: pattern %d of blocks is\n%.600s\nand of rows\n%.600s", name, i, g, w)
					break
				}
			}
			t.Errorf("%s: %d patterns of blocks, %d of rows", name, len(got), len(want))
		}
	}
	t.Logf("%s: %d patterns of %d lines have %d; blocks told shapes %d times", name, len(want), len(rows), total, sealed.shapes+compacted.shapes)
}

// patternLine makes lines of a few applications, some of them with free text.
func patternLine(rnd *rand.Rand, n int) string {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	word := func(n int) string {
		return pick("al", "be", "ga", "de")[:1+rnd.IntN(2)] + strings.Repeat(pick("x", "y"), rnd.IntN(n))
	}
	switch rnd.IntN(8) {
	case 0, 1:
		return fmt.Sprintf(`{"ts":"2026-01-02T10:00:%02d.%dZ","level":"%s","msg":"%s","method":"%s","path":"/api/%s/%d","status":%d,"id":"%016x"}`, n%60, rnd.IntN(1e9),
			pick("info", "info", "info", "warn"), pick("request done", "cache miss for "+word(3), `payment \"declined\"`, fmt.Sprintf("took %dms", rnd.IntN(100))),
			pick("GET", "PUT"), word(2), rnd.IntN(100), 100+rnd.IntN(400), rnd.Uint64())
	case 2, 3:
		return fmt.Sprintf(`level=%s caller=main.go:%d msg="%s" user=%s latency=%s ok=%v`, pick("info", "debug"), rnd.IntN(90), pick("flushed stream", "query done", word(30)), word(40), time.Duration(rnd.IntN(1e9)), rnd.IntN(2) == 0)
	case 4:
		return fmt.Sprintf(`10.0.0.%d - - [02/Jan/2026:10:00:%02d +0000] "%s /%s HTTP/1.1" %d %d "-" "%s"`, rnd.IntN(255), n%60, pick("GET", "HEAD"), word(20), rnd.IntN(500), rnd.IntN(5000), pick("curl/7.1", "probe", "Mozilla/5.0 (X11) Chrome/12"))
	case 5:
		return fmt.Sprintf("Jan %2d 10:00:%02d host%d sshd[%d]: Failed password for %s from 10.0.%d.1 port %d ssh2", 1+rnd.IntN(28), n%60, rnd.IntN(3), rnd.IntN(9999), word(60), rnd.IntN(255), rnd.IntN(65535))
	case 6:
		return pick("deadbeef", "cafe", "feed-12", "", "\x00", "a\x00b", "x=1 y=2", "{}", "\xff\xfe", "done\n\tat x(y:1)\n\tat z", "abcdefab-1234-abcd-1234-abcdefabcdef")
	}
	var b strings.Builder
	for range rnd.IntN(12) {
		b.WriteString(word(3) + " ")
	}
	return b.String()
}

// TestPatternsAreThoseOfRows: the answer is the same whatever the lines are stored as.
func TestPatternsAreThoseOfRows(t *testing.T) {
	for seed := range seeds.Few(t, 6) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		var rows []block.Row
		for n := range 200 + rnd.IntN(8000) {
			r := block.Row{Stream: uint32(rnd.IntN(4)), Timestamp: int64(n) * 1e8, Line: patternLine(rnd, n)}
			if rnd.IntN(10) > 0 {
				r.Metadata = model.Metadata{{Name: "detected_level", Value: []string{"info", "error", "ERR", "odd"}[rnd.IntN(4)]}}
			}
			rows = append(rows, r)
		}
		checkPatterns(t, fmt.Sprintf("seed %d", seed), rows, rnd)
	}
}

// TestPatternsOfFilesAreThoseOfRows is the same over real lines.
func TestPatternsOfFilesAreThoseOfRows(t *testing.T) {
	dir := os.Getenv("SKALD_TEST_DATA")
	if dir == "" {
		t.Skip("SKALD_TEST_DATA does not name a folder of logs")
	}
	for _, pattern := range []string{"*.log", "*/*.log"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rnd := rand.New(rand.NewPCG(1, 12))
			var rows []block.Row
			for line := range bytes.Lines(data[:min(len(data), 3<<20)]) {
				rows = append(rows, block.Row{Stream: uint32(len(rows) % 2), Timestamp: int64(len(rows)) * 1e7, Line: strings.TrimSuffix(string(line), "\n")})
			}
			checkPatterns(t, filepath.Base(name), rows, rnd)
		}
	}
}
