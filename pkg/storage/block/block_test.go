package block

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

const everything = scan.Lines | scan.Metadata | scan.Sizes

// all asks for every row and every column.
func all(runs []Run) *Question {
	q := &Question{Interval: model.Ever, Columns: everything}
	for i := range runs {
		q.Picks = append(q.Picks, Pick{Run: i, Stream: int(runs[i].Stream)})
	}
	return q
}

// sortedRows is what a block of rows should hold, made the plain way.
func sortedRows(rows []Row) []Row {
	out := slices.Clone(rows)
	slices.SortStableFunc(out, func(a, b Row) int {
		switch {
		case a.Stream != b.Stream:
			return int(int64(a.Stream) - int64(b.Stream))
		case a.Timestamp < b.Timestamp:
			return -1
		case a.Timestamp > b.Timestamp:
			return 1
		}
		return 0
	})
	kept := out[:0]
	for _, r := range out {
		same := func(k Row) bool {
			return k.Stream == r.Stream && k.Timestamp == r.Timestamp && k.Line == r.Line && model.SameMetadata(k.Metadata, r.Metadata)
		}
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, r)
		}
	}
	return kept
}

// rowsOf turns a batch back into rows.
func rowsOf(b *scan.Batch) []Row {
	var rows []Row
	for _, run := range b.Runs {
		for i := run.Start; i < run.End; i++ {
			r := Row{Stream: uint32(run.Stream), Timestamp: b.Timestamps[i]}
			if b.Lines != nil {
				r.Line = b.Lines[i]
			}
			if b.Metadata != nil {
				r.Metadata = b.Metadata[i]
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func diffRows(got, want []Row) error {
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.Stream != w.Stream || g.Timestamp != w.Timestamp || g.Line != w.Line || !g.Metadata.Equal(w.Metadata) {
			return fmt.Errorf("row %d is %+v, want %+v", i, g, w)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d rows, want %d", len(got), len(want))
	}
	return nil
}

// decodeAll decodes a block as it is, and twice more where columns are kept, which
// must come to the same.
func decodeAll(enc *Encoded) (*scan.Batch, error) {
	b, err := Open(enc.Prune)
	if err != nil {
		return nil, err
	}
	cold, err := b.Decode(Bytes(enc.Data), enc.Runs, all(enc.Runs))
	b.KeepIn(NewHot(16<<20), 0)
	for range 2 { // once to keep the columns, once to use them
		hot, hotErr := b.Decode(Bytes(enc.Data), enc.Runs, all(enc.Runs))
		if (err == nil) != (hotErr == nil) {
			return nil, fmt.Errorf("the error is %v, and %w where columns are kept", err, hotErr)
		}
		if err != nil && !errors.Is(hotErr, scan.ErrDamaged) {
			return nil, hotErr
		}
		if err == nil {
			if err := diffRows(rowsOf(hot), rowsOf(cold)); err != nil {
				return nil, fmt.Errorf("where columns are kept: %w", err)
			}
		}
	}
	return cold, err
}

// dirtyRows makes rows of every awkward kind.
func dirtyRows(rnd *rand.Rand) []Row {
	lines := []string{"", "\n", "\x00", "\xff\xfe", "GET / 200", "GET / 200", `{"a":1}`, strings.Repeat("x", 700), "ünï"}
	names := []string{"trace_id", "detected_level", "b", "a", "", "ü\x00"}
	values := []string{"", "info", "info", "error", "\x00", strings.Repeat("v", 300)}
	rows := make([]Row, 1+rnd.IntN(600))
	streams, spread := 1+rnd.IntN(20), []int64{1, 5, 1000, math.MaxInt64}[rnd.IntN(4)]
	withMetadata := rnd.IntN(3)
	for i := range rows {
		r := &rows[i]
		r.Stream = uint32(rnd.IntN(streams)) * 77
		r.Timestamp = rnd.Int64N(spread) - spread/2
		if rnd.IntN(200) == 0 {
			r.Timestamp = []int64{math.MinInt64, math.MaxInt64}[rnd.IntN(2)]
		}
		r.Line = lines[rnd.IntN(len(lines))]
		if rnd.IntN(2) == 0 {
			r.Line += fmt.Sprint(rnd.IntN(1000))
		}
		for range rnd.IntN(1 + 3*withMetadata) {
			l := labels.Label{Name: names[rnd.IntN(len(names))], Value: values[rnd.IntN(len(values))]}
			if rnd.IntN(3) == 0 {
				l.Value += fmt.Sprint(rnd.Uint64())
			}
			r.Metadata = append(r.Metadata, l)
		}
	}
	return rows
}

func TestRoundTrip(t *testing.T) {
	var e Encoder
	for seed := range seeds.Few(t, 200) {
		rows := dirtyRows(rand.New(rand.NewPCG(seed, 1)))
		want := sortedRows(rows)
		enc, err := e.Encode(rows)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		batch, err := decodeAll(&enc)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := diffRows(rowsOf(batch), want); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if enc.Rows != len(want) || enc.Duplicates != len(rows)-len(want) {
			t.Errorf("seed %d: %d rows and %d duplicates, want %d and %d", seed, enc.Rows, enc.Duplicates, len(want), len(rows)-len(want))
		}
		for i, line := range batch.Lines {
			if int(batch.Sizes[i]) != len(line) {
				t.Fatalf("seed %d: size of row %d is %d, want %d", seed, i, batch.Sizes[i], len(line))
			}
		}
		checkRuns(t, &enc, want)
	}
}

// checkRuns compares the runs and totals with the rows.
func checkRuns(t *testing.T, enc *Encoded, rows []Row) {
	t.Helper()
	total := Run{Interval: model.Nothing}
	for _, run := range enc.Runs {
		want := Run{Stream: run.Stream, Interval: model.Nothing}
		for _, r := range rows {
			if r.Stream == run.Stream {
				want.Rows++
				want.Interval = want.Interval.Extend(r.Timestamp)
				want.Bytes += int64(len(r.Line))
				want.MetadataBytes += int64(r.Metadata.Bytes())
			}
		}
		if run != want {
			t.Errorf("run %+v, want %+v", run, want)
		}
		total.Rows += run.Rows
		total.Bytes += run.Bytes
		total.MetadataBytes += run.MetadataBytes
		total.Interval = total.Interval.Union(run.Interval)
	}
	if got := (Run{Rows: enc.Rows, Interval: enc.Interval, Bytes: enc.Bytes, MetadataBytes: enc.MetadataBytes}); got != total {
		t.Errorf("totals %+v, want %+v", got, total)
	}
}

func TestRoundTripOfAnything(t *testing.T) {
	row := rapid.Custom(func(t *rapid.T) Row {
		text := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) })
		label := rapid.Custom(func(t *rapid.T) labels.Label {
			return labels.Label{Name: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), Value: text.Draw(t, "value")}
		})
		return Row{
			Stream:    rapid.Uint32Range(0, 3).Draw(t, "stream"),
			Timestamp: rapid.Int64().Draw(t, "ts"),
			Line:      text.Draw(t, "line"),
			Metadata:  rapid.SliceOfN(label, 0, 4).Draw(t, "metadata"),
		}
	})
	seeds.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(row, 1, 300).Draw(t, "rows")
		want := sortedRows(rows)
		enc, err := new(Encoder).Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := decodeAll(&enc)
		if err != nil {
			t.Fatal(err)
		}
		if err := diffRows(rowsOf(batch), want); err != nil {
			t.Fatal(err)
		}
	})
}

// A question about some runs, an interval, some columns and some filters gets
// what the whole block has there.
func TestDecodeSome(t *testing.T) {
	var e Encoder
	for seed := range seeds.Few(t, 200) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		enc, err := e.Encode(dirtyRows(rnd))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		whole, err := decodeAll(&enc)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		b, _ := Open(enc.Prune)
		for range 5 {
			q, filters := randomQuestion(rnd, &enc, whole)
			var want []Row
			for _, r := range rowsOf(whole) {
				picked := slices.ContainsFunc(q.Picks, func(p Pick) bool { return enc.Runs[p.Run].Stream == r.Stream })
				if picked && q.Interval.Contains(r.Timestamp) {
					want = append(want, r)
				}
			}
			got, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
			if err != nil {
				t.Fatalf("seed %d: %+v: %v", seed, q, err)
			}
			if err := compare(got, want, q, filters); err != nil {
				t.Fatalf("seed %d: %+v: %v", seed, q, err)
			}
		}
	}
}

func randomQuestion(rnd *rand.Rand, enc *Encoded, whole *scan.Batch) (*Question, []scan.LineFilter) {
	q := &Question{Interval: model.Ever, Columns: scan.Columns(rnd.IntN(8))}
	for i := range enc.Runs {
		if rnd.IntN(3) > 0 {
			q.Picks = append(q.Picks, Pick{Run: i, Stream: int(enc.Runs[i].Stream)})
		}
	}
	if rnd.IntN(2) == 0 {
		a, b := whole.Timestamps[rnd.IntN(whole.Rows())], whole.Timestamps[rnd.IntN(whole.Rows())]
		q.Interval = model.Interval{Mint: a, Maxt: b} // empty half of the time
	}
	var filters []scan.LineFilter
	for range rnd.IntN(3) {
		text := whole.Lines[rnd.IntN(whole.Rows())]
		text += whole.Lines[rnd.IntN(whole.Rows())] // may lie across two rows
		from := rnd.IntN(len(text) + 1)
		to := from + rnd.IntN(min(len(text)-from, 6)+1)
		f := scan.LineFilter{Op: scan.FilterOp(rnd.IntN(4)), Text: text[from:to]}
		if f.Op >= scan.Matches {
			f.Text = cutExpr(rnd, whole.Lines)
		}
		filters = append(filters, f)
	}
	q.Filters = NewFilters(filters)
	return q, filters
}

// compare checks a batch against the rows that the question should find; the
// filters are judged line by line.
func compare(got *scan.Batch, want []Row, q *Question, filters []scan.LineFilter) error {
	if got.Rows() == 0 && got.Answered != nil {
		for _, r := range want {
			if passes(r.Line, filters) {
				return fmt.Errorf("no rows, want %q", r.Line)
			}
		}
		return nil
	}
	if len(filters) != len(got.Answered) || slices.Contains(got.Answered, false) {
		return fmt.Errorf("answered %v of %d filters", got.Answered, len(filters))
	}
	if got.Rows() != len(want) {
		return fmt.Errorf("%d rows, want %d", got.Rows(), len(want))
	}
	has := rowsOf(got)
	for i, r := range want {
		selected := passes(r.Line, filters)
		if is := got.Selected == nil || got.Selected.Get(i); is != selected {
			return fmt.Errorf("row %d %q: selected is %v, want %v", i, r.Line, is, selected)
		}
		if has[i].Stream != r.Stream || has[i].Timestamp != r.Timestamp {
			return fmt.Errorf("row %d is %+v, want %+v", i, has[i], r)
		}
		if (got.Lines != nil) != q.Columns.Has(scan.Lines) || (got.Sizes != nil) != q.Columns.Has(scan.Sizes) {
			return fmt.Errorf("lines %v and sizes %v, asked for columns %b", got.Lines != nil, got.Sizes != nil, q.Columns)
		}
		if !selected {
			continue
		}
		if got.Lines != nil && got.Lines[i] != r.Line {
			return fmt.Errorf("row %d has line %q, want %q", i, got.Lines[i], r.Line)
		}
		if got.Sizes != nil && int(got.Sizes[i]) != len(r.Line) {
			return fmt.Errorf("row %d has size %d, want %d", i, got.Sizes[i], len(r.Line))
		}
		if q.Columns.Has(scan.Metadata) && !has[i].Metadata.Equal(r.Metadata) {
			return fmt.Errorf("row %d has metadata %v, want %v", i, has[i].Metadata, r.Metadata)
		}
	}
	return nil
}

// passes reports whether a line passes the filters, as anyone would say it.
func passes(line string, filters []scan.LineFilter) bool {
	for _, f := range filters {
		is := false
		switch f.Op {
		case scan.Contains, scan.Excludes:
			is = strings.Contains(line, f.Text)
		default:
			is = compiled(f.Text).MatchString(line)
		}
		if is == (f.Op == scan.Excludes || f.Op == scan.Rejects) {
			return false
		}
	}
	return true
}

var expressions = map[string]*regexp.Regexp{}

func compiled(expr string) *regexp.Regexp {
	re := expressions[expr]
	if re == nil {
		re = regexp.MustCompile(expr)
		expressions[expr] = re
	}
	return re
}

func TestManyShapes(t *testing.T) {
	// More names and more shapes than fit: the rest are pairs.
	rnd := rand.New(rand.NewPCG(3, 3))
	rows := make([]Row, 9000)
	for i := range rows {
		rows[i] = Row{Timestamp: int64(i), Line: "x"}
		for range 1 + rnd.IntN(12) {
			rows[i].Metadata = append(rows[i].Metadata, labels.Label{Name: fmt.Sprint("n", rnd.IntN(6000)), Value: fmt.Sprint(i)})
		}
	}
	enc, err := new(Encoder).Encode(rows)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := decodeAll(&enc)
	if err != nil {
		t.Fatal(err)
	}
	if err := diffRows(rowsOf(batch), rows); err != nil {
		t.Fatal(err)
	}
}

func TestLevelsCostBits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	rows := make([]Row, 20000)
	for i := range rows {
		rows[i] = Row{Timestamp: int64(i), Line: "x"}
	}
	plain, err := new(Encoder).Encode(rows)
	if err != nil {
		t.Fatal(err)
	}
	levels := []string{"info", "info", "info", "info", "info", "debug", "warn", "error"}
	for i := range rows {
		rows[i].Metadata = model.Metadata{{Name: "detected_level", Value: levels[rnd.IntN(len(levels))]}}
	}
	enc, err := new(Encoder).Encode(rows)
	if err != nil {
		t.Fatal(err)
	}
	bits := 8 * float64(len(enc.Data)+len(enc.Prune)-len(plain.Data)-len(plain.Prune)) / float64(len(rows))
	if bits > 2.5 {
		t.Errorf("a level costs %.2f bits a row, want at most 2.5", bits)
	}
}

func TestEncodeRefuses(t *testing.T) {
	big := strings.Repeat("x", MaxBytes/2+1)
	for _, tc := range []struct {
		name string
		rows []Row
		want error
	}{
		{"two rows beyond the limit", []Row{{Line: big}, {Line: big + "y"}}, ErrTooLarge},
		{"a row beyond the limit of rows", []Row{{Line: strings.Repeat("x", MaxRowBytes+1)}}, ErrTooLarge},
		{"one large row", []Row{{Line: big + big}}, nil},
	} {
		enc, err := new(Encoder).Encode(tc.rows)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", tc.name, err, tc.want)
		}
		if tc.want == nil {
			batch, err := decodeAll(&enc)
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			} else if err := diffRows(rowsOf(batch), tc.rows); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
	}
	if _, err := new(Encoder).Encode(nil); err == nil {
		t.Error("no rows make a block")
	}
}
