package block

import (
	"bytes"
	"math/rand/v2"
	"testing"
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
