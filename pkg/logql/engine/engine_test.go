package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

func parse(t *testing.T, query string) syntax.Expr {
	t.Helper()
	e, err := syntax.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return e
}

// seconds are streams app=s0, s1 and so on, each with an entry at each second.
func seconds(streams, entries int) []logqltest.Stream {
	out := make([]logqltest.Stream, streams)
	for i := range out {
		out[i].Labels = labels.FromStrings("app", fmt.Sprintf("s%d", i), "job", "j")
		for n := range entries {
			out[i].Entries = append(out[i].Entries, model.Entry{Timestamp: int64(n) * 1e9, Line: fmt.Sprintf("n=%d s=%d", n, i)})
		}
	}
	return out
}

// blocks lays entries out in blocks of so many rows, nothing twice.
func blocks(rows int) logqltest.Layout {
	return logqltest.Layout{Generations: 1, BlockRows: rows}
}

var (
	logs    = engine.Params{Start: 0, End: 1e12, Step: time.Second, Limit: 10}
	instant = engine.Params{Start: 100e9, End: 100e9}
)

func TestLimits(t *testing.T) {
	day := 24 * time.Hour
	for _, tc := range []struct {
		name, query string
		params      engine.Params
		limits      engine.Limits
		limit, text string
	}{
		{
			"entries", `{job="j"}`, logs,
			engine.Limits{MaxEntries: 9},
			"max_entries_limit_per_query",
			"max entries limit per query exceeded, limit > max_entries_limit_per_query (10 > 9)",
		},
		{"entries do not matter for metrics", `sum(rate({job="j"}[1m]))`, engine.Params{End: 1e9, Limit: 10}, engine.Limits{MaxEntries: 9}, "", ""},
		{
			"length", `{job="j"}`,
			engine.Params{End: int64(2 * day), Limit: 1, Step: 1},
			engine.Limits{MaxLength: day},
			"max_query_length",
			"the query time range exceeds the limit (query length: 48h0m0s, limit: 1d)",
		},
		{
			"range", `sum(rate({job="j"}[2h])) / 2`, instant,
			engine.Limits{MaxRange: time.Hour},
			"max_query_range",
			"the range of the query exceeds the limit (range: 2h, limit: 1h, max_query_range)",
		},
		{
			"series", `count_over_time({job="j"}[1m])`, instant,
			engine.Limits{MaxSeries: 2},
			"max_query_series",
			"maximum number of series (2) reached for a single query; consider reducing query cardinality by adding more specific stream selectors",
		},
		{"series on the way do not matter", `sum(count_over_time({job="j"}[1m]))`, instant, engine.Limits{MaxSeries: 2}, "", ""},
		{
			"points", `rate({job="j"}[1m])`,
			engine.Params{End: 12000e9, Step: time.Second},
			engine.Limits{},
			"step",
			"exceeded maximum resolution of 11,000 points per time series",
		},
		{
			"variants", `variants(rate({job="j"}[1m])) of ({job="j"}[1m])`, instant,
			engine.Limits{},
			"enable_multi_variant_queries",
			"multi variant queries are disabled",
		},
	} {
		e := engine.New(engine.Options{})
		_, err := e.Exec(t.Context(), logqltest.NewSource(seconds(3, 100), blocks(10)), "t", parse(t, tc.query), tc.params, tc.limits)
		var limit *engine.LimitError
		switch {
		case tc.limit == "" && err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.limit != "" && (!errors.As(err, &limit) || limit.Limit != tc.limit || !strings.HasPrefix(err.Error(), tc.text)):
			t.Errorf("%s: error %v, want %s: %s", tc.name, err, tc.limit, tc.text)
		}
	}
}

func TestPartialSeries(t *testing.T) {
	p := instant
	p.PartialSeries = true
	res, err := engine.New(engine.Options{}).Exec(t.Context(), logqltest.NewSource(seconds(3, 100), blocks(10)), "t",
		parse(t, `count_over_time({job="j"}[1m])`), p, engine.Limits{MaxSeries: 2})
	if err != nil || len(res.Data.(promql.Vector)) != 2 || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "maximum number of series (2)") {
		t.Errorf("got %v, %v, want two series and a warning", res, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	for _, query := range []string{
		`{job="j"}`,
		`count_over_time({job="j"} | logfmt [10m])`,
		`quantile_over_time(0.5, {job="j"} | logfmt | unwrap n [10m])`,
		`rate_counter({job="j"} | logfmt | unwrap n [10m])`,
	} {
		p := engine.Params{Start: 0, End: 5000e9, Step: 10 * time.Second, Limit: 5000}
		e := engine.New(engine.Options{MaxMemoryBytes: 64 << 10})
		_, err := e.Exec(t.Context(), logqltest.NewSource(seconds(2, 5000), blocks(500)), "t", parse(t, query), p, engine.Limits{})
		var limit *engine.LimitError
		if !errors.As(err, &limit) || limit.Limit != "max_memory" {
			t.Errorf("%s: error %v, want one about memory", query, err)
		}
	}
	// Few entries may have much in their labels.
	p := engine.Params{Start: 0, End: 5000e9, Limit: 50}
	_, err := engine.New(engine.Options{MaxMemoryBytes: 64 << 10}).Exec(t.Context(), logqltest.NewSource(seconds(2, 5000), blocks(500)), "t",
		parse(t, "{job=\"j\"} | label_format a=`{{ repeat 1000 .job }}{{ __timestamp__ }}`"), p, engine.Limits{})
	if limit := new(engine.LimitError); !errors.As(err, &limit) || limit.Limit != "max_memory" {
		t.Errorf("entries with long labels: error %v, want one about memory", err)
	}
	// Each label_replace may double a label.
	doubled := strings.Repeat("label_replace(", 100) + `label_replace(vector(1), "a", "x", "", "")` + strings.Repeat(`, "a", "$1$1", "a", "(.*)")`, 100)
	_, err = engine.New(engine.Options{}).Exec(t.Context(), logqltest.NewSource(seconds(1, 1), blocks(1)), "t", parse(t, doubled), instant, engine.Limits{})
	if limit := new(engine.LimitError); !errors.As(err, &limit) || limit.Limit != "max_memory" {
		t.Errorf("a label doubled a hundred times: error %v, want one about memory", err)
	}
	// What is merged while it is counted needs little.
	e := engine.New(engine.Options{MaxMemoryBytes: 64 << 10})
	p = engine.Params{Start: 0, End: 5000e9, Step: 100 * time.Second}
	if _, err := e.Exec(t.Context(), logqltest.NewSource(seconds(2, 5000), blocks(500)), "t", parse(t, `sum(count_over_time({job="j"} | logfmt [10m]))`), p, engine.Limits{}); err != nil {
		t.Error(err)
	}
}

// TestDamage wants what can be read, and a word about what cannot.
func TestDamage(t *testing.T) {
	layout := blocks(10)
	layout.Damage = 1
	for _, query := range []string{`{job="j"}`, `sum(count_over_time({job="j"} |= "n" [100s]))`} {
		p := engine.Params{Start: 0, End: 99e9, Step: 99 * time.Second, Limit: 1000}
		if strings.HasPrefix(query, "sum") {
			p = engine.Params{Start: 99e9, End: 99e9}
		}
		res, err := engine.New(engine.Options{}).Exec(t.Context(), logqltest.NewSource(seconds(1, 99), layout), "t", parse(t, query), p, engine.Limits{})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		n := 0
		switch d := res.Data.(type) {
		case engine.Streams:
			n = len(d[0].Entries)
		case promql.Vector:
			n = int(d[0].F)
		}
		if n < 89 || n >= 99 || len(res.Warnings) != 1 || !strings.HasPrefix(res.Warnings[0], "incomplete: ") || res.Stats.BlocksDamaged != 1 {
			t.Errorf("%s: %d entries, warnings %q, want one block less and a warning", query, n, res.Warnings)
		}
	}
}

// TestEarlyStop wants a log query to read no more blocks than it needs.
func TestEarlyStop(t *testing.T) {
	source := logqltest.NewSource(seconds(1, 100), blocks(10))
	for _, tc := range []struct {
		name, query string
		params      engine.Params
		read        int64
		first       string
	}{
		{"newest", `{job="j"}`, engine.Params{End: 1e12, Step: 1, Limit: 10}, 1, "n=99 s=0"},
		{"oldest", `{job="j"}`, engine.Params{End: 1e12, Step: 1, Limit: 11, Direction: engine.Forward}, 2, "n=0 s=0"},
		{"some are filtered", `{job="j"} |~ "n=.[01]"`, engine.Params{End: 1e12, Step: 1, Limit: 3}, 2, "n=91 s=0"},
		{"within", `{job="j"}`, engine.Params{Start: 20e9, End: 30e9, Step: 1, Limit: 100}, 1, "n=29 s=0"},
		{"thinned", `{job="j"}`, engine.Params{End: 1e12, Step: 1, Limit: 3, Interval: 5 * time.Second}, 2, "n=99 s=0"},
	} {
		res, err := engine.New(engine.Options{}).Exec(t.Context(), source, "t", parse(t, tc.query), tc.params, engine.Limits{Parallelism: 1})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if res.Stats.BlocksRead != tc.read {
			t.Errorf("%s: read %d blocks, want %d", tc.name, res.Stats.BlocksRead, tc.read)
		}
		if got := res.Data.(engine.Streams)[0].Entries[0].Line; got != tc.first {
			t.Errorf("%s: first %q, want %q", tc.name, got, tc.first)
		}
	}
}

// TestDirectoryAnswers wants runs to be counted without being read, where that
// is the same.
func TestDirectoryAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		params      engine.Params
		layout      logqltest.Layout
		directory   int64
		read        int64
	}{
		{"all within the window", `count_over_time({job="j"}[1000s])`, instant, blocks(10), 10, 0},
		{"bytes", `sum(bytes_rate({job="j"}[1000s]))`, instant, blocks(10), 10, 0},
		{"a window's edge within a block", `count_over_time({job="j"}[46s])`, instant, blocks(10), 4, 1},
		{"a filter", `count_over_time({job="j"} |= "n" [1000s])`, instant, blocks(10), 0, 10},
		{"a parser that nobody needs", `sum(count_over_time({job="j"} | logfmt [1000s]))`, instant, blocks(10), 10, 0},
		{"steps as long as blocks", `count_over_time({job="j"}[10s])`, engine.Params{Start: 9e9, End: 99e9, Step: 10 * time.Second}, blocks(10), 10, 0},
		{"between windows", `count_over_time({job="j"}[10s])`, engine.Params{Start: 9e9, End: 99e9, Step: 30 * time.Second}, blocks(10), 4, 0},
		{"an unsorted tail", `count_over_time({job="j"}[1000s])`, instant, logqltest.Layout{Generations: 1, BlockRows: 10, Tail: true}, 0, 10},
		{"copies", `count_over_time({job="j"}[1000s])`, instant, logqltest.Layout{Generations: 1, BlockRows: 10, Copies: 1}, 0, 20},
	} {
		res, err := engine.New(engine.Options{}).Exec(t.Context(), logqltest.NewSource(seconds(1, 100), tc.layout), "t", parse(t, tc.query), tc.params, engine.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if s := res.Stats; s.BlocksDirectory != tc.directory || s.BlocksRead != tc.read {
			t.Errorf("%s: %d blocks from the directory and %d read, want %d and %d", tc.name, s.BlocksDirectory, s.BlocksRead, tc.directory, tc.read)
		}
	}
}

// A watched source notes what it is asked, and can hold up or spoil reads.
type watched struct {
	scan.Source
	mu     sync.Mutex
	reads  []scan.Want
	onRead func(ctx context.Context, b *scan.Batch) (*scan.Batch, error)
	open   int
}

func (w *watched) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.Source.Open(ctx, req)
	if err == nil {
		w.open++
	}
	return &watchedSnapshot{s, w}, err
}

type watchedSnapshot struct {
	scan.Snapshot
	w *watched
}

func (s *watchedSnapshot) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	s.w.mu.Lock()
	s.w.reads = append(s.w.reads, want)
	s.w.mu.Unlock()
	b, err := s.Snapshot.Read(ctx, i, want)
	if err == nil && s.w.onRead != nil {
		return s.w.onRead(ctx, b)
	}
	return b, err
}

func (s *watchedSnapshot) Close() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.open--
	return s.Snapshot.Close()
}

// TestColumns wants no column to be asked for that the answer does not need.
func TestColumns(t *testing.T) {
	plain, tagged := seconds(2, 20), seconds(2, 20)
	for i := range tagged[0].Entries {
		tagged[0].Entries[i].Metadata = model.Metadata{{Name: "pod", Value: "p"}}
	}
	copies := logqltest.Layout{Generations: 1, BlockRows: 5, Copies: 1}
	for _, tc := range []struct {
		query   string
		streams []logqltest.Stream
		layout  logqltest.Layout
		want    scan.Columns
	}{
		{`count_over_time({job="j"}[5s])`, plain, blocks(5), 0},
		{`count_over_time({job="j"}[5s])`, tagged, blocks(5), 0}, // it asks for metadata as a field
		{`sum(count_over_time({job="j"}[5s]))`, tagged, blocks(5), 0},
		{`sum by (app) (count_over_time({job="j"}[5s]))`, tagged, blocks(5), 0},
		{`sum by (pod) (count_over_time({job="j"}[5s]))`, tagged, blocks(5), 0}, // it asks for fields
		{`count_over_time({job="j"} | pod="p" [5s])`, tagged, blocks(5), 0},
		{`sum(bytes_over_time({job="j"}[5s]))`, tagged, blocks(5), scan.Sizes},
		{`sum(count_over_time({job="j"} |= "n" [5s]))`, tagged, blocks(5), scan.LinesToFilter},
		{`sum(count_over_time({job="j"} | logfmt [5s]))`, tagged, blocks(5), 0},
		{`sum(count_over_time({job="j"} | pod="p" [5s]))`, tagged, blocks(5), 0},
		{`sum(bytes_over_time({job="j"} | pod="p" [5s]))`, tagged, blocks(5), scan.Sizes},
		{`sum(sum_over_time({job="j"} | logfmt | unwrap n [5s]))`, plain, blocks(5), 0},
		{`sum without (n) (count_over_time({job="j"} | logfmt [5s]))`, plain, blocks(5), scan.Lines},
		{`sum(count_over_time({job="j"}[5s]))`, plain, copies, scan.Lines | scan.Metadata},
		{`{job="j"}`, plain, blocks(5), scan.Lines | scan.Metadata},
	} {
		w := &watched{Source: logqltest.NewSource(tc.streams, tc.layout)}
		p := engine.Params{Start: 0, End: 19e9, Step: 3 * time.Second, Limit: 100}
		if _, err := engine.New(engine.Options{}).Exec(t.Context(), w, "t", parse(t, tc.query), p, engine.Limits{}); err != nil {
			t.Fatalf("%s: %v", tc.query, err)
		}
		var columns scan.Columns
		for _, want := range w.reads {
			columns |= want.Columns
		}
		if columns != tc.want {
			t.Errorf("%s asks for columns %b, want %b", tc.query, columns, tc.want)
		}
		if w.open != 0 {
			t.Errorf("%s leaves %d snapshots open", tc.query, w.open)
		}
	}
}

// Runs that overlap have no copies where no two of their rows have the same time:
// then no line is read.
func TestOverlapWithoutMeeting(t *testing.T) {
	shifted := seconds(1, 100)
	for i := range shifted[0].Entries {
		shifted[0].Entries[i].Timestamp += 5e8
	}
	w := &watched{Source: joinedSources{logqltest.NewSource(seconds(1, 100), blocks(10)), logqltest.NewSource(shifted, blocks(7))}}
	p := engine.Params{Start: 200e9, End: 200e9}
	res, err := engine.New(engine.Options{}).Exec(t.Context(), w, "t", parse(t, `sum(count_over_time({job="j"}[1000s]))`), p, engine.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Data.(promql.Vector)[0].F; got != 200 {
		t.Errorf("counted %v, want 200", got)
	}
	for _, want := range w.reads {
		if want.Columns != 0 {
			t.Errorf("columns %b are read", want.Columns)
		}
	}
}

// joinedSources are several sources as one.
type joinedSources []scan.Source

func (s joinedSources) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	var snaps []scan.Snapshot
	for _, source := range s {
		snap, err := source.Open(ctx, req)
		if err != nil {
			return nil, err
		}
		snaps = append(snaps, snap)
	}
	return scan.Join(snaps...), nil
}

// TestTailThatOverlaps counts over ten stored blocks of ten seconds and a tail in
// memory that has some of their last rows again, and wants lines to be read
// only where they can tell what is a copy.
func TestTailThatOverlaps(t *testing.T) {
	stored := seconds(1, 100)
	late, steps := engine.Params{Start: 200e9, End: 200e9}, engine.Params{Start: 9e9, End: 119e9, Step: 10 * time.Second}
	for _, tc := range []struct {
		name, query     string
		params          engine.Params
		tail            int // the second at which the tail begins; it goes on to 109
		want            string
		directory, read int64
		compared        string // seconds of the reads that have lines
	}{
		{"nothing is shared", `sum(count_over_time({job="j"}[1000s]))`, late, 100, "110", 10, 1, ""},
		{"a row", `sum(count_over_time({job="j"}[1000s]))`, late, 99, "110", 9, 2, "99-99 99-99"},
		{"some rows of a block", `count_over_time({job="j"}[1000s])`, late, 97, "110", 9, 2, "97-99 97-99"},
		{"most rows of a block", `count_over_time({job="j"}[1000s])`, late, 91, "110", 9, 2, "91-99 91-99"},
		{"a block and a row", `count_over_time({job="j"}[1000s])`, late, 89, "110", 8, 3, "89-89 89-89 90-99 90-99"},
		{"bytes", `sum(bytes_over_time({job="j"}[1000s]))`, late, 99, "880", 9, 2, "99-99 99-99"},
		{"many windows", `sum(count_over_time({job="j"}[10s]))`, steps, 99, strings.Repeat("10 ", 11), 9, 2, "99-99 99-99"},
		{"lines are read anyway", `sum(count_over_time({job="j"} |= "n=10" | label_format n="x" | n != "" [1000s]))`, late, 99, "11", 0, 11, "all"},
	} {
		all := seconds(1, 110)
		all[0].Entries = all[0].Entries[tc.tail:]
		w := &watched{Source: joinedSources{
			logqltest.NewSource(stored, blocks(10)),
			logqltest.NewSource(all, logqltest.Layout{Generations: 1, Tail: true}),
		}}
		res, err := engine.New(engine.Options{}).Exec(t.Context(), w, "t", parse(t, tc.query), tc.params, engine.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var got string
		switch d := res.Data.(type) {
		case promql.Vector:
			got = fmt.Sprint(d[0].F)
		case promql.Matrix:
			for _, p := range d[0].Floats {
				got += fmt.Sprint(p.F, " ")
			}
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if s := res.Stats; s.BlocksDirectory != tc.directory || s.BlocksRead != tc.read {
			t.Errorf("%s: %d blocks from the directory and %d read, want %d and %d", tc.name, s.BlocksDirectory, s.BlocksRead, tc.directory, tc.read)
		}
		var compared []string
		for _, want := range w.reads {
			if want.Columns.Has(scan.Lines) {
				compared = append(compared, fmt.Sprintf("%d-%d", want.Interval.Mint/1e9, want.Interval.Maxt/1e9))
			}
		}
		slices.Sort(compared)
		if got := strings.Join(compared, " "); got != tc.compared && tc.compared != "all" {
			t.Errorf("%s: lines are read of seconds %s, want %s", tc.name, got, tc.compared)
		}
		if tc.compared == "all" && len(w.reads) != int(tc.read) {
			t.Errorf("%s: %d reads of %d blocks", tc.name, len(w.reads), tc.read)
		}
	}
}

// TestRowsBehindTheLimit wants a log query that has its entries to read of the
// next block only what may still be among them.
func TestRowsBehindTheLimit(t *testing.T) {
	for _, tc := range []struct {
		direction engine.Direction
		want      model.Interval
	}{
		{engine.Backward, model.Interval{Mint: 90e9, Maxt: 99e9}},
		{engine.Forward, model.Interval{Mint: 0, Maxt: 9e9}},
	} {
		w := &watched{Source: logqltest.NewSource(seconds(2, 100), blocks(100))} // a block for each stream
		p := engine.Params{Start: 0, End: 1e12, Step: time.Second, Limit: 10, Direction: tc.direction}
		res, err := engine.New(engine.Options{Concurrency: 1}).Exec(t.Context(), w, "t", parse(t, `{job="j"}`), p, engine.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if len(w.reads) != 2 || w.reads[1].Interval != tc.want || res.Stats.Lines != 110 || res.Stats.Entries != 10 {
			t.Errorf("%v: reads %v, %d lines, want the second to be %v, and 110", tc.direction, w.reads, res.Stats.Lines, tc.want)
		}
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	broken := errors.New("broken pipe")
	for name, onRead := range map[string]func(context.Context, *scan.Batch) (*scan.Batch, error){
		"a failing read":    func(context.Context, *scan.Batch) (*scan.Batch, error) { return nil, broken },
		"no lines":          func(_ context.Context, b *scan.Batch) (*scan.Batch, error) { b.Lines = nil; return b, broken },
		"too few lines":     func(_ context.Context, b *scan.Batch) (*scan.Batch, error) { b.Lines = b.Lines[1:]; return b, nil },
		"a stream too many": func(_ context.Context, b *scan.Batch) (*scan.Batch, error) { b.Runs[0].Stream = 9; return b, nil },
		"a run too long":    func(_ context.Context, b *scan.Batch) (*scan.Batch, error) { b.Runs[0].End++; return b, nil },
		"a run backwards":   func(_ context.Context, b *scan.Batch) (*scan.Batch, error) { b.Runs[0].End = -1; return b, nil },
		"a panic":           func(context.Context, *scan.Batch) (*scan.Batch, error) { panic("a mistake") },
		"a short selection": func(_ context.Context, b *scan.Batch) (*scan.Batch, error) {
			b.Selected = scan.NewBitset(1, true)
			return b, nil
		},
	} {
		for _, query := range []string{`{job="j"}`, `count_over_time({job="j"} |= "n" [1h])`} {
			w := &watched{Source: logqltest.NewSource(seconds(2, 20), blocks(5)), onRead: onRead}
			p := engine.Params{Start: 0, End: 19e9, Step: 3 * time.Second, Limit: 100}
			if _, err := engine.New(engine.Options{}).Exec(t.Context(), w, "t", parse(t, query), p, engine.Limits{}); err == nil {
				t.Errorf("%s: %s: no error", name, query)
			}
			if w.open != 0 {
				t.Errorf("%s: %s: a snapshot is left open", name, query)
			}
		}
	}
}

func TestTimeoutAndCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := func(ctx context.Context, _ *scan.Batch) (*scan.Batch, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		for _, query := range []string{`{job="j"}`, `count_over_time({job="j"} |= "n" [1h])`} {
			w := &watched{Source: logqltest.NewSource(seconds(2, 20), blocks(5)), onRead: block}
			e := engine.New(engine.Options{Concurrency: 2})
			began := time.Now()
			_, err := e.Exec(t.Context(), w, "t", parse(t, query), logs, engine.Limits{Timeout: time.Minute})
			var timeout *engine.TimeoutError
			if !errors.As(err, &timeout) || !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "request timed out") {
				t.Errorf("%s: error %v, want a timeout", query, err)
			}
			if d := time.Since(began); d != time.Minute {
				t.Errorf("%s: timed out after %s, want 1m", query, d)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := e.Exec(ctx, w, "t", parse(t, query), logs, engine.Limits{Timeout: time.Minute}); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error %v, want that of the context", query, err)
			}
			// The places that the queries held are free again.
			w.onRead = nil
			if _, err := e.Exec(t.Context(), w, "t", parse(t, query), logs, engine.Limits{}); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
	})
}

// TestConcurrency wants blocks to be read side by side, and no more of them than
// the engine and the query allow.
func TestConcurrency(t *testing.T) {
	for _, tc := range []struct {
		name             string
		concurrency      int
		queries, perTask int
		want             int
	}{
		{"one query", 3, 1, 0, 3},
		{"one query with a limit", 3, 1, 2, 2},
		{"several queries", 3, 4, 0, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			now, most := 0, 0
			onRead := func(_ context.Context, b *scan.Batch) (*scan.Batch, error) {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second) // of the bubble: all that can read do
				mu.Lock()
				now--
				mu.Unlock()
				return b, nil
			}
			e := engine.New(engine.Options{Concurrency: tc.concurrency})
			var wg sync.WaitGroup
			for range tc.queries {
				wg.Go(func() {
					w := &watched{Source: logqltest.NewSource(seconds(1, 100), blocks(10)), onRead: onRead}
					if _, err := e.Exec(t.Context(), w, "t", parse(t, `count_over_time({job="j"} |= "n" [1h])`), instant, engine.Limits{Parallelism: tc.perTask}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if most != tc.want {
				t.Errorf("%s: %d blocks at once, want %d", tc.name, most, tc.want)
			}
		})
	}
}

// TestNothingToRead wants a query that has no block to read, or has read its
// last, not to wait for others.
func TestNothingToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engine.New(engine.Options{Concurrency: 1})
		release := make(chan struct{})
		slow := &watched{Source: logqltest.NewSource(seconds(1, 10), blocks(10)), onRead: func(_ context.Context, b *scan.Batch) (*scan.Batch, error) {
			<-release
			return b, nil
		}}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := e.Exec(t.Context(), slow, "t", parse(t, `{job="j"}`), logs, engine.Limits{}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		source := logqltest.NewSource(seconds(1, 10), blocks(10))
		for _, query := range []string{`{job="nobody"}`, `sum(count_over_time({job="nobody"} |= "x" [1m]))`, `count_over_time({job="j"}[1h])`, `1 + 1`} {
			p := instant
			if query[0] == '{' {
				p = logs
			}
			if _, err := e.Exec(t.Context(), source, "t", parse(t, query), p, engine.Limits{}); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
		close(release)
		wg.Wait()
	})
}

// TestSharedRanges wants a range that a query names twice to be read once.
func TestSharedRanges(t *testing.T) {
	res, err := engine.New(engine.Options{}).Exec(t.Context(), logqltest.NewSource(seconds(2, 100), blocks(10)), "t",
		parse(t, `sum by (app) (rate({job="j"}[1m])) / ignoring (app) group_left () sum(rate({job="j"}[1m])) + 0 * sum by (app) (rate({job="j"}[1m]))`), instant, engine.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Stats.Scans != 2 {
		t.Errorf("%d scans, want 2", res.Stats.Scans)
	}
}

func TestVariants(t *testing.T) {
	res, err := engine.New(engine.Options{}).Exec(t.Context(), logqltest.NewSource(seconds(2, 100), blocks(10)), "t",
		parse(t, `variants(count_over_time({app="no"}[1m]), sum(sum_over_time({app="no"} | unwrap n [1m]))) of ({app="s0"} | logfmt n | n < 10 [200s])`), instant, engine.Limits{Variants: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{__variant__="1"} 45`}
	for i := range 10 {
		want = append(want, fmt.Sprintf(`{__variant__="0", app="s0", job="j", n="%d"} 1`, i))
	}
	got := logqltest.Format(res)
	slices.Sort(got)
	slices.Sort(want)
	if !logqltest.Same(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestBadStagesThatAreNotNeeded wants an error even where a plan would leave the
// stage out.
func TestBadStagesThatAreNotNeeded(t *testing.T) {
	for _, query := range []string{
		`sum(count_over_time({job="j"} | line_format "{{" [1m]))`,
		`sum(count_over_time({job="j"} | json a="b[" [1m]))`,
		`{job="j"} |~ "(" `,
		`{job="j"} |~ "a" or "("`,
	} {
		_, err := engine.New(engine.Options{}).Exec(t.Context(), logqltest.NewSource(nil, blocks(10)), "t", parse(t, query), logs, engine.Limits{})
		var stage *pipeline.StageError
		if !errors.As(err, &stage) {
			t.Errorf("%s: error %v, want one about the stage", query, err)
		}
	}
}

// TestStats wants figures that were counted.
func TestStats(t *testing.T) {
	source := logqltest.NewSource(seconds(2, 100), logqltest.Layout{Generations: 1, BlockRows: 50, Copies: 1})
	res, err := engine.New(engine.Options{}).Exec(t.Context(), source, "t", parse(t, `{app="s0"} |= "n=1"`), engine.Params{End: 1e12, Step: 1, Limit: 1000}, engine.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s := res.Stats
	if s.Entries != 11 || s.PostFilter != 11 || s.Lines != 200 || s.Duplicates != 100 || s.BlocksRead != 4 || s.LineBytes != 2*790 || s.DecodedBytes < s.LineBytes || s.Scans != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestCountsHow wants a block to be counted by what it took to answer it.
func TestCountsHow(t *testing.T) {
	reg := prometheus.NewRegistry()
	e := engine.New(engine.Options{Registerer: reg})
	src := logqltest.NewSource(seconds(1, 20), blocks(5))
	for _, query := range []string{
		`sum(count_over_time({job="j"}[100s]))`,
		`sum(count_over_time({job="j"}[7s]))`,
		`sum(count_over_time({job="j"} | logfmt | n > 3 [100s]))`,
		`{job="j"}`,
	} {
		p := engine.Params{Start: 25e9, End: 25e9, Limit: 3, Direction: engine.Backward}
		if query[0] == '{' {
			p.Start, p.Step = 0, time.Second
		}
		if _, err := e.Exec(t.Context(), src, "t", parse(t, query), p, engine.Limits{Parallelism: 1}); err != nil {
			t.Fatal(err)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{"header": 4, "columns": 1, "rows": 5, "skipped": 3}
	if !maps.Equal(got, want) {
		t.Errorf("blocks are counted as %v, want %v", got, want)
	}
}
