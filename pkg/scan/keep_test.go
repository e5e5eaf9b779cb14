package scan

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// Whatever stays of a batch is what a source would have answered without the
// other rows.
func TestKeep(t *testing.T) {
	for seed := range seeds.Few(t, 200) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		rows := rnd.IntN(20)
		all := &Batch{Answer: newAnswer(), Selected: NewBitset(rows, false), Answered: []bool{true}, How: ByColumns, ReadBytes: 3, DecodedBytes: 4}
		keep := NewBitset(rows, false)
		want := &Batch{Answer: newAnswer(), Answered: []bool{true}, How: ByColumns, ReadBytes: 3, DecodedBytes: 4}
		var selected []bool
		run := func(b *Batch, stream int) {
			n := len(b.Timestamps)
			if last := len(b.Runs) - 1; last >= 0 && b.Runs[last].Stream == stream {
				b.Runs[last].End = n
				return
			}
			b.Runs = append(b.Runs, BatchRun{Stream: stream, Start: n - 1, End: n})
		}
		add := func(b *Batch, stream, n int) {
			b.Timestamps = append(b.Timestamps, int64(n))
			b.Lines = append(b.Lines, string(rune('a'+n)))
			b.Metadata = append(b.Metadata, model.Metadata{labels.Label{Name: "n", Value: string(rune('a' + n))}})
			b.Sizes = append(b.Sizes, uint32(n))
			b.Answer.Vectors[0].Codes = append(b.Answer.Vectors[0].Codes, uint32(n%2))
			b.Answer.Vectors[1].Numbers = append(b.Answer.Vectors[1].Numbers, float64(n))
			run(b, stream)
		}
		stream := 0
		for n := range rows {
			stream += rnd.IntN(2)
			add(all, stream, n)
			chosen := rnd.IntN(2) == 0
			if chosen {
				all.Selected.Set(n)
			}
			if rnd.IntN(3) > 0 {
				keep.Set(n)
				add(want, stream, n)
				selected = append(selected, chosen)
			}
		}
		want.Selected = NewBitset(len(selected), false)
		all.Answer.Unsure, all.Answer.Vectors[1].Absent = all.Selected, all.Selected
		want.Answer.Unsure, want.Answer.Vectors[1].Absent = want.Selected, want.Selected
		for n, s := range selected {
			if s {
				want.Selected.Set(n)
			}
		}
		got := all.Keep(keep)
		if len(selected) == 0 && rows > 0 {
			if got.Rows() != 0 || len(got.Runs) != 0 {
				t.Fatalf("seed %d: %+v is left of nothing", seed, got)
			}
			continue
		}
		if rows > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: got %+v, want %+v", seed, got, want)
		}
	}
}

func newAnswer() *Answer {
	return &Answer{Vectors: []Vector{{Values: []string{"", "x"}}, {}}}
}

// A column that Keep does not know would be one row off for all that follow.
func TestKeepKnowsAllColumns(t *testing.T) {
	known := map[string]bool{
		"Runs": true, "Timestamps": true, "Times": true, "Lines": true, "Metadata": true, "Sizes": true, "Selected": true,
		"Answered": true, "How": true, "ReadBytes": true, "DecodedBytes": true,
		"Shapes": true, "Found": true, // there are none
		"Answer": true, "Unsure": true, "Vectors": true, "Codes": true, "Values": true, "Numbers": true, "Absent": true,
	}
	for _, of := range []any{Batch{}, Answer{}, Vector{}} {
		b := reflect.TypeOf(of)
		for i := range b.NumField() {
			if name := b.Field(i).Name; !known[name] {
				t.Errorf("%s.%s is not known to Batch.Keep: if it has a value for each row, only some stay", b.Name(), name)
			}
		}
	}
}
