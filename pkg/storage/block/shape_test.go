package block

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// wantShapes works out the shapes of lines one by one, as a reader of rows does.
func wantShapes(lines []string, closed map[string]uint32) (texts []string, words map[string][]map[string]bool, of [][]string) {
	var s Shaper
	words = map[string][]map[string]bool{}
	for _, line := range lines {
		text := string(s.Take(line))
		slots := min(s.Slots(), scan.MaxShapeSlots)
		if words[text] == nil {
			words[text] = make([]map[string]bool, slots)
		}
		row := make([]string, slots)
		for i := range row {
			if closed[text]&(1<<i) != 0 {
				continue
			}
			row[i] = string(s.AppendWord(nil, line, i))
			if words[text][i] == nil {
				words[text][i] = map[string]bool{}
			}
			words[text][i][row[i]] = true
		}
		texts, of = append(texts, text), append(of, row)
	}
	return texts, words, of
}

// compareShapes compares what a batch tells with the lines of its rows.
func compareShapes(b *scan.Batch, lines []string, closed map[string]uint32) error {
	texts, words, of := wantShapes(lines, closed)
	list := b.Shapes
	if list == nil {
		if !slices.Equal(b.Lines, lines) {
			return fmt.Errorf("neither shapes nor the lines")
		}
		return nil
	}
	seen := make([]bool, len(list.Shapes))
	for i := range lines {
		if list.Of[i] == 0 {
			if b.Lines[i] != lines[i] {
				return fmt.Errorf("row %d has line %q, want %q", i, b.Lines[i], lines[i])
			}
			continue
		}
		shape := &list.Shapes[list.Of[i]-1]
		seen[list.Of[i]-1] = true
		if shape.Text != texts[i] {
			return fmt.Errorf("row %d has shape %q, want %q of %q", i, shape.Text, texts[i], lines[i])
		}
		for n := range shape.Slots {
			slot := &shape.Slots[n]
			want := words[shape.Text][n]
			switch {
			case want == nil:
				if slot.Words != nil || slot.Many {
					return fmt.Errorf("slot %d of %q is not wanted: %+v", n, shape.Text, slot)
				}
				continue
			case slot.Many:
				if len(want) <= scan.MaxShapeWords {
					return fmt.Errorf("slot %d of %q has many words, want %d", n, shape.Text, len(want))
				}
				continue
			}
			code := uint8(0)
			if slot.Codes != nil {
				code = slot.Codes[list.Nth[i]]
			}
			if got := slot.Words[code]; got != of[i][n] {
				return fmt.Errorf("row %d, slot %d of %q: word %q, want %q of %q", i, n, shape.Text, got, of[i][n], lines[i])
			}
		}
	}
	if slices.Contains(seen, false) {
		return fmt.Errorf("there is a shape of no row")
	}
	return nil
}

// checkShapes encodes rows and compares the shapes of some of them with their lines.
func checkShapes(rows []Row, r *rand.Rand, always bool) error {
	e := &Encoder{force: always}
	enc, err := e.Encode(slices.Clone(rows))
	if err != nil {
		return err
	}
	b, err := Open(enc.Prune)
	if err != nil {
		return err
	}
	for range 4 {
		q := &Question{Interval: enc.Runs[0].Interval, Columns: scan.Lines}
		for n, run := range enc.Runs {
			if r.IntN(3) > 0 {
				q.Picks = append(q.Picks, Pick{n, int(run.Stream)})
			}
			q.Interval = q.Interval.Union(run.Interval)
		}
		if span := q.Interval.Maxt - q.Interval.Mint; span > 0 && r.IntN(2) == 0 {
			q.Interval.Mint += r.Int64N(span)
		}
		plain, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
		if err != nil {
			return err
		}
		q.Shapes = &scan.Shapes{}
		if r.IntN(2) == 0 {
			q.Shapes.Closed = map[string]uint32{}
			var s Shaper
			for _, line := range plain.Lines {
				if r.IntN(4) == 0 {
					q.Shapes.Closed[string(s.Take(line))] = r.Uint32() & r.Uint32()
				}
			}
		}
		if r.IntN(2) == 0 {
			q.Fields = &scan.Fields{Fields: []scan.Field{{Name: "level", Metadata: true}}, Vectors: []scan.VectorWant{{As: scan.Text}}}
		}
		got, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
		if err != nil {
			return err
		}
		if err := compareShapes(got, plain.Lines, q.Shapes.Closed); err != nil {
			return err
		}
	}
	return nil
}

// TestShapesAreThoseOfLines: what a block tells of its lines is what the lines say.
func TestShapesAreThoseOfLines(t *testing.T) {
	for family := range families {
		r := rand.New(rand.NewPCG(3, uint64(family)))
		rows := familyRows(family, 3, 200<<10)
		tag(r, rows)
		if err := checkShapes(rows, r, false); err != nil {
			t.Errorf("%s: %v", families[family].name, err)
		}
	}
	for seed := range seeds.Few(t, 200) {
		r := rand.New(rand.NewPCG(seed, 5))
		if err := checkShapes(trickyRows(r), r, r.IntN(4) > 0); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestShapesOfTimes: times of every layout have the word that their layout says.
func TestShapesOfTimes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	var s Shaper
	for date := range dateLayouts {
		for _, fraction := range []uint8{0, 1, 3, 6, 9, fractionTrimmed, 3 | fractionComma} {
			for _, suffix := range []string{"", "Z", " +0000", "+02:00", " UTC", ".", "-07:00 x", " 17 Jan"} {
				c := column{kind: columnTime, layout: &timeLayout{date: uint8(date), fraction: fraction, suffix: suffix}}
				want, ok := c.fixedWord(&s)
				if !ok {
					t.Fatalf("layout %d with %q has no word", date, suffix)
				}
				w := newTimeWriter(*c.layout)
				for range 50 {
					seconds := r.Int64N(4e9)
					value := w.append(nil, seconds*powers[c.layout.digits()]+r.Int64N(powers[c.layout.digits()]))
					if got := string(s.appendWord(nil, value)); got != want {
						t.Errorf("%q has the word %q, want %q", value, got, want)
					}
				}
			}
		}
	}
}

// TestShapesOfFiles is the same over real lines.
func TestShapesOfFiles(t *testing.T) {
	for _, name := range dataFiles(t) {
		rows, err := fileRows(name, 2<<20)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkShapes(rows, rand.New(rand.NewPCG(1, 1)), false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzShapes looks for lines whose blocks tell another shape than they have.
func FuzzShapes(f *testing.F) {
	f.Add("a=1 b=x c=\"y 2\"\n{\"a\":\"deadbeef\",\"b\":[1,2]}\n", uint64(1))
	f.Add("Jan  1 00:00:00 host x[12]: abcdef-12 cafe 10.0.0.1\nJan  2 00:00:00 host x[1]: facade-99 cafe 10.0.0.2\n", uint64(2))
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		if err := checkShapes(linesOf(text), rand.New(rand.NewPCG(seed, 1)), true); err != nil {
			t.Error(err)
		}
	})
}

func linesOf(text string) []Row {
	var rows []Row
	for i, line := range strings.Split(text, "\n") {
		rows = append(rows, Row{Stream: uint32(i % 2), Timestamp: int64(i) * 1e8, Line: line})
	}
	return rows
}

// TestShapesOfForgedData: blocks whose parts do not fit each other are an error or tell
// something, but nothing panics, and what is told fits.
func TestShapesOfForgedData(t *testing.T) {
	for seed := range seeds.Few(t, 60) {
		r := rand.New(rand.NewPCG(seed, 302))
		enc := force(t, new(Encoder), familyRows(r.IntN(len(families)), r.Uint64(), 2000+r.IntN(20_000)))
		forged, err := forge(enc, func(schema, small []byte) {
			for range 1 + r.IntN(2) {
				part := schema
				if len(small) > 0 && r.IntN(2) == 0 {
					part = small
				}
				part[r.IntN(len(part))] = byte(r.Uint32())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Open(forged.Prune)
		if err != nil {
			continue
		}
		q := &Question{Interval: model.Ever, Columns: scan.Lines, Shapes: &scan.Shapes{}}
		for n, run := range forged.Runs {
			q.Picks = append(q.Picks, Pick{n, int(run.Stream)})
		}
		got, err := b.Decode(Bytes(forged.Data), forged.Runs, q)
		if err != nil || got.Shapes == nil {
			continue
		}
		for row, of := range got.Shapes.Of {
			if of == 0 && got.Lines == nil {
				t.Fatalf("row %d has neither shape nor line", row)
			}
		}
	}
}
