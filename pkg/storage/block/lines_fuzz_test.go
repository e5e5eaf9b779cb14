package block

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/skaldlogs/skald/pkg/scan"
)

// Whatever the lines are, they come back, and needles are found where they are.
func FuzzLines(f *testing.F) {
	for i := range families {
		var text []byte
		for _, r := range familyRows(i, 2, 2<<10) {
			text = append(append(text, r.Line...), 0)
		}
		f.Add(text, byte(0))
	}
	for seed := range uint64(8) {
		var text []byte
		rows := trickyRows(rand.New(rand.NewPCG(seed, 41)))
		for _, r := range rows[:min(len(rows), 40)] {
			text = append(append(text, r.Line...), '|')
		}
		f.Add(text, byte('|'))
	}
	f.Fuzz(func(t *testing.T, text []byte, end byte) {
		var rows []Row
		for i, line := range bytes.Split(text, []byte{end}) {
			rows = append(rows, Row{Stream: uint32(i % 2), Timestamp: int64(i) * 1e8, Line: string(line)})
		}
		enc := force(t, new(Encoder), rows)
		batch, err := decodeAll(&enc)
		if err != nil {
			t.Fatal(err)
		}
		if err := diffRows(rowsOf(batch), sortedRows(rows)); err != nil {
			t.Fatal(err)
		}
		if err := checkNeedles(rand.New(rand.NewPCG(uint64(len(text)), 42)), &enc, 5, true); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever the expression, a block finds the lines that it matches.
func FuzzExpressions(f *testing.F) {
	for i := range families {
		f.Add(byte(i), "(?i)err.*[0-9]+$")
		f.Add(byte(i), `\b(k|s){2}[^"]+:`)
	}
	f.Fuzz(func(t *testing.T, family byte, expr string) {
		re, err := regexp.Compile(expr)
		if err != nil || len(expr) > 60 {
			return
		}
		rows := trickyRows(rand.New(rand.NewPCG(uint64(family), 43)))
		if int(family) < len(families) {
			rows = familyRows(int(family), 3, 4<<10)
		}
		for _, e := range []*Encoder{{force: true}, {plain: true}} {
			enc, err := e.Encode(slices.Clone(rows))
			if err != nil {
				t.Fatal(err)
			}
			whole, err := decodeAll(&enc)
			if err != nil {
				t.Fatal(err)
			}
			b, err := Open(enc.Prune)
			if err != nil {
				t.Fatal(err)
			}
			q := all(enc.Runs)
			q.Filters = NewFilters([]scan.LineFilter{{Op: scan.Matches, Text: expr}})
			got, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range whole.Lines {
				is := got.Rows() > 0 && (got.Selected == nil || got.Selected.Get(i))
				if want := re.MatchString(line); is != want {
					t.Fatalf("%q on %q is %v, want %v", expr, line, is, want)
				}
			}
		}
	})
}
