package block

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// randomTimes makes the sorted timestamps of a few runs, of distances that are alike,
// multiples of each other, far apart or none.
func randomTimes(rnd *rand.Rand) [][]int64 {
	runs := make([][]int64, 1+rnd.IntN(5))
	form := rnd.IntN(6)
	for i := range runs {
		n := 1 + rnd.IntN([]int{2, 40, 130, 1000}[rnd.IntN(4)])
		ts := rnd.Int64N(1000) - 500
		if rnd.IntN(3) == 0 {
			ts -= rnd.Int64N(1 << 62)
		}
		for range n {
			runs[i] = append(runs[i], ts)
			switch form {
			case 0:
				ts += 7
			case 1:
				ts += 1000 * rnd.Int64N(50)
			case 2:
				ts += rnd.Int64N(1 << rnd.IntN(50))
			case 3: // mostly within the units of marks
				ts += rnd.Int64N(int64(4 * time.Second))
			case 4: // and on them
				ts += int64(time.Second) / 2 * rnd.Int64N(3)
			default:
				ts += rnd.Int64N(3)
			}
		}
	}
	return runs
}

// packTimes stores timestamps as a block does, and opens them.
func packTimes(times [][]int64) (*packedTimes, []Run) {
	var runs []Run
	var deltas []uint64
	rows := 0
	for _, of := range times {
		runs = append(runs, Run{Rows: len(of), Interval: model.Interval{Mint: of[0], Maxt: of[len(of)-1]}})
		for i := 1; i < len(of); i++ {
			deltas = append(deltas, uint64(of[i]-of[i-1]))
		}
		rows += len(of)
	}
	return newPackedTimes(appendInts(nil, deltas), rows, runs), runs
}

// Packed times are found as they would be in a list of all.
func TestPackedTimesAreTheTimes(t *testing.T) {
	for seed := range seeds.Few(t, 60) {
		rnd := rand.New(rand.NewPCG(seed, 40))
		times := randomTimes(rnd)
		packed, _ := packTimes(times)
		if packed == nil {
			t.Fatalf("seed %d: not packed", seed)
		}
		all := slices.Concat(times...)
		if got := packed.appendRows(nil, 0, len(all)); !slices.Equal(got, all) {
			t.Fatalf("seed %d: got %v, want %v", seed, got, all)
		}
		// A batch of parts of some of the runs.
		batch := &batchTimes{packedTimes: packed}
		var want []int64
		var parts []span
		row := 0
		for k, of := range times {
			a, b := rnd.IntN(len(of)+1), rnd.IntN(len(of)+1)
			if a, b = min(a, b), max(a, b); a < b {
				batch.runs = append(batch.runs, batchRun{start: len(want), row: row + a, run: k})
				parts = append(parts, span{len(want), len(want) + b - a})
				want = append(want, of[a:b]...)
			}
			row += len(of)
		}
		batch.rows = len(want)
		for i, ts := range want {
			if got := batch.At(i); got != ts {
				t.Fatalf("seed %d: row %d is at %d, want %d", seed, i, got, ts)
			}
		}
		if len(want) > 0 {
			a, b := rnd.IntN(len(want)), rnd.IntN(len(want)+1)
			if a, b = min(a, b), max(a, b); !slices.Equal(batch.Append(nil, a, b), want[a:b]) {
				t.Fatalf("seed %d: rows %d to %d are at %v, want %v", seed, a, b, batch.Append(nil, a, b), want[a:b])
			}
		}
		for _, part := range parts {
			for range 200 {
				from := part.start + rnd.IntN(part.end-part.start)
				end := from + 1 + rnd.IntN(part.end-from)
				ts := want[part.start+rnd.IntN(part.end-part.start)] + rnd.Int64N(3) - 1
				if unit := markUnits[rnd.IntN(4)]; rnd.IntN(2) == 0 {
					ts = floorDiv(ts, unit) * unit
				}
				behind := from
				for behind < end && want[behind] <= ts {
					behind++
				}
				if got := batch.Behind(from, end, ts); got != behind {
					t.Fatalf("seed %d: of the rows %d to %d of %v, %d is the first behind %d, want %d", seed, from, end, want, got, ts, behind)
				}
			}
		}
	}
}

// Whatever the bytes are, times that are taken are sound: in order, and as many and as
// late as the directory says.
func FuzzPackedTimes(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 41))
	for range 20 {
		times := randomTimes(rnd)
		_, runs := packTimes(times)
		packed, _ := packTimes(times)
		f.Add(packed.data[:len(packed.data)-timesPadding], len(runs), runs[0].Rows, runs[0].Interval.Mint, runs[0].Interval.Maxt)
	}
	f.Fuzz(func(t *testing.T, data []byte, count, rows int, mint, maxt int64) {
		if count < 1 || count > 10 || rows < 1 || rows > 5000 {
			t.Skip()
		}
		runs := make([]Run, count)
		for i := range runs {
			runs[i] = Run{Rows: rows, Interval: model.Interval{Mint: mint, Maxt: maxt}}
		}
		p := newPackedTimes(slices.Clone(data), count*rows, runs)
		if p == nil {
			return
		}
		for k := range runs {
			times := p.append(nil, k, k*rows, (k+1)*rows)
			if len(times) != rows || !slices.IsSorted(times) || times[0] != mint || times[rows-1] != maxt {
				t.Fatalf("run %d is %v", k, times)
			}
			p.behind(k, k*rows, (k+1)*rows, maxt-1)
		}
	})
}
