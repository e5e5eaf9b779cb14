package block

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// cutNeedle makes a text to look for: mostly a part of some line, or of two, and
// sometimes changed.
func cutNeedle(r *rand.Rand, lines []string) string {
	line := lines[r.IntN(len(lines))]
	if r.IntN(10) == 0 {
		line += lines[r.IntN(len(lines))]
	}
	if len(line) == 0 {
		return "x"
	}
	from := r.IntN(len(line))
	n := 1 + r.IntN(pick(r, 4, 12, 60))
	needle := []byte(line[from:min(len(line), from+n)])
	switch r.IntN(6) {
	case 0:
		needle[r.IntN(len(needle))] = pick[byte](r, '0', '9', 'a', 'F', ' ', '"', '.', '-', 0, 0xff, '\n')
	case 1:
		needle = append(needle, pick[byte](r, '0', '7', 'e', ' ', '"', '}'))
	case 2:
		at := r.IntN(len(needle))
		needle = append(needle[:at], needle[at+1:]...)
		if len(needle) == 0 {
			needle = []byte("\n")
		}
	}
	return string(needle)
}

// cutExpr makes an expression of parts of lines, with gaps, classes and
// alternatives between them.
func cutExpr(r *rand.Rand, lines []string) string {
	line := lines[r.IntN(len(lines))]
	var b strings.Builder
	if r.IntN(3) == 0 {
		b.WriteString("(?i)")
	}
	part := func(from, n int) string {
		text := line[min(from, len(line)):min(from+n, len(line))]
		if r.IntN(3) == 0 {
			text = pick(r, strings.ToUpper, strings.ToLower)(text)
		}
		// What is not UTF-8 cannot be written in an expression.
		return regexp.QuoteMeta(strings.ToValidUTF8(text, "\ufffd"))
	}
	if r.IntN(8) == 0 {
		b.WriteString(pick(r, "^", `\b`, "(?m)^", `\A`))
	}
	at := r.IntN(len(line) + 1)
	for range 1 + r.IntN(4) {
		n := r.IntN(pick(r, 3, 8))
		switch r.IntN(8) {
		case 0:
			b.WriteString("(" + part(at, n) + "|" + part(r.IntN(len(line)+1), n+1) + ")")
		case 1:
			b.WriteString("(?:" + part(at, n) + ")" + pick(r, "*", "+", "?", "{2}"))
		case 2, 3:
			b.WriteString(pick(r, ".*", ".+", ".", `\d+`, `\d{3}`, "[0-9a-f]*", `[^"]*`, `[^ ]+`, `\w+`, `\s`, `\S+`, `[^é]`, "(?s:.)", ".*?"))
			n += r.IntN(6)
		default:
			b.WriteString(part(at, n))
		}
		at += n
	}
	if r.IntN(8) == 0 {
		b.WriteString(pick(r, "$", `\b`, "(?m)$", `\z`, `\B`))
	}
	return b.String()
}

// checkNeedles compares what a block answers with a look at each line, which
// the block itself may only do where that is said.
func checkNeedles(r *rand.Rand, enc *Encoded, needles int, mayLook bool) error {
	whole, err := decodeAll(enc)
	if err != nil {
		return err
	}
	b, err := Open(enc.Prune)
	if err != nil {
		return err
	}
	for range needles {
		q := all(enc.Runs)
		q.Columns = scan.Columns(r.IntN(8))
		needle := cutNeedle(r, whole.Lines)
		op := scan.FilterOp(r.IntN(2))
		if r.IntN(3) == 0 {
			op, needle = op+scan.Matches, cutExpr(r, whole.Lines)
		}
		filters := []scan.LineFilter{{Op: op, Text: needle}}
		q.Filters = NewFilters(filters)
		got, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
		if err != nil {
			return fmt.Errorf("needle %q: %w", needle, err)
		}
		if refused := b.Refuses(q.Filters); refused && got.Rows() > 0 && (got.Selected == nil || got.Selected.Count() > 0) {
			return fmt.Errorf("needle %q, op %d: a block is refused that has rows", needle, op)
		}
		if got.How == scan.ByRows && got.Rows() > 0 && !mayLook {
			return fmt.Errorf("needle %q: lines were looked at", needle)
		}
		for i, line := range whole.Lines {
			if got.Rows() == 0 {
				if passes(line, filters) {
					return fmt.Errorf("needle %q, op %d: no rows, want %q", needle, op, line)
				}
				continue
			}
			want := passes(line, filters)
			if is := got.Selected == nil || got.Selected.Get(i); is != want {
				return fmt.Errorf("needle %q, op %d, row %d %q: selected is %v, want %v", needle, op, i, line, is, want)
			}
			if want && got.Lines != nil && got.Lines[i] != line {
				return fmt.Errorf("needle %q, row %d: line %q, want %q", needle, i, got.Lines[i], line)
			}
			if want && got.Sizes != nil && int(got.Sizes[i]) != len(line) {
				return fmt.Errorf("needle %q, row %d: size %d, want %d", needle, i, got.Sizes[i], len(line))
			}
		}
	}
	return nil
}

func TestNeedlesInFamilies(t *testing.T) {
	var e Encoder
	for i, f := range families {
		for seed := range seeds.Few(t, 3) {
			enc := force(t, &e, familyRows(i, seed, 60<<10))
			if err := checkNeedles(rand.New(rand.NewPCG(seed, 21)), &enc, 150, false); err != nil {
				t.Errorf("%s, seed %d: %v", f.name, seed, err)
			}
		}
	}
}

func TestNeedlesInRealLines(t *testing.T) {
	var e Encoder
	for _, name := range dataFiles(t) {
		rows, err := fileRows(name, 300<<10)
		if err != nil {
			t.Fatal(err)
		}
		enc := force(t, &e, rows)
		if err := checkNeedles(rand.New(rand.NewPCG(1, 22)), &enc, 150, false); err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
}

func TestNeedlesInTrickyLines(t *testing.T) {
	var e Encoder
	for seed := range seeds.Few(t, 400) {
		r := rand.New(rand.NewPCG(seed, 23))
		enc := force(t, &e, trickyRows(r))
		if layoutOf(t, &enc) != layoutTemplates {
			continue
		}
		if err := checkNeedles(r, &enc, 20, true); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// A text that no line holds is mostly known to be absent without reading a column.
func TestAbsentNeedles(t *testing.T) {
	var e Encoder
	for i, f := range families {
		enc := force(t, &e, familyRows(i, 1, 200<<10))
		b, err := Open(enc.Prune)
		if err != nil {
			t.Fatal(err)
		}
		for needle, atLeast := range map[string]scan.How{"xylophone": scan.ByColumns, "~~~": scan.BySchema, strings.Repeat("z", 9000): scan.BySchema} {
			q := all(enc.Runs)
			q.Filters = NewFilters([]scan.LineFilter{{Op: scan.Contains, Text: needle}})
			got, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
			if err != nil {
				t.Fatal(err)
			}
			if got.How < atLeast || got.Rows() != 0 {
				t.Errorf("%s: %.10q: How %d, want at least %d; %d rows", f.name, needle, got.How, atLeast, got.Rows())
			}
		}
	}
}

// Digits are found in numbers of every length, up to the widest.
func TestDigits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 25))
	rows := make([]Row, 3000)
	for i := range rows {
		rows[i] = Row{Timestamp: int64(i), Line: fmt.Sprintf("n %d wide %d pad %09d signed %d.", r.Int64()>>r.IntN(63), r.Int64(), r.IntN(1e9), r.Int64()-1<<62)}
	}
	enc := force(t, new(Encoder), rows)
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	for range 400 {
		line := rows[r.IntN(len(rows))].Line
		words := strings.Fields(line)
		needle := words[1+2*r.IntN(4)]
		switch r.IntN(5) {
		case 0:
			from := r.IntN(len(needle))
			needle = needle[from:]
		case 1:
			needle = needle[:1+r.IntN(len(needle))]
		case 2:
			from := r.IntN(len(needle))
			needle = needle[from : from+1+r.IntN(min(4, len(needle)-from))]
		case 3:
			needle = pick(r, "n ", "e ", "d ", "") + needle + pick(r, " ", "")
		}
		q := all(enc.Runs)
		q.Filters = NewFilters([]scan.LineFilter{{Op: scan.Contains, Text: needle}})
		got, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			is := got.Rows() > 0 && (got.Selected == nil || got.Selected.Get(i))
			if want := strings.Contains(row.Line, needle); is != want {
				t.Fatalf("%q in %q: %v, want %v", needle, row.Line, is, want)
			}
		}
	}
}

// Several filters, some runs and an interval together.
func TestSomeRowsOfTemplates(t *testing.T) {
	var e Encoder
	for seed := range seeds.Few(t, 40) {
		r := rand.New(rand.NewPCG(seed, 24))
		enc := force(t, &e, familyRows(int(seed)%len(families), seed, 30<<10))
		whole, err := decodeAll(&enc)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := Open(enc.Prune)
		for range 20 {
			q, filters := randomQuestion(r, &enc, whole)
			var want []Row
			for _, row := range rowsOf(whole) {
				for _, p := range q.Picks {
					if enc.Runs[p.Run].Stream == row.Stream && q.Interval.Contains(row.Timestamp) {
						want = append(want, row)
					}
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
