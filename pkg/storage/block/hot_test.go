package block

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// What is kept, shared and dropped by chance changes no answer, whoever decodes at the
// same time; nothing of a batch lies in what was read; and what is kept has bounds.
func TestHotChangesNoAnswer(t *testing.T) {
	for seed := range seeds.Few(t, 1) {
		hotChangesNoAnswer(t, seed)
	}
}

func hotChangesNoAnswer(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	var encs []Encoded
	for n := range 6 {
		rows := dirtyRows(rnd)
		if n%2 == 0 {
			for i := range rows {
				rows[i].Line = fmt.Sprintf("user %d of %s did %x in %d.%02d s", rnd.IntN(9), []string{"north", "south"}[rnd.IntN(2)], rnd.Uint64(), rnd.IntN(100), rnd.IntN(100))
			}
		}
		enc, err := new(Encoder).Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		encs = append(encs, enc)
	}
	for _, limit := range []int64{1, 3000, 100_000, 1 << 30} {
		h := NewHot(limit)
		var wg sync.WaitGroup
		hot := make([]*Block, len(encs))
		for i := range encs {
			hot[i], _ = Open(encs[i].Prune)
			hot[i].KeepIn(h, h.Numbers(1))
		}
		for worker := range uint64(4) {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, 2+worker))
				for range 60 {
					n := rnd.IntN(len(encs))
					if err := decodeBoth(rnd, &encs[n], hot[n]); err != nil {
						t.Errorf("seed %d: limit %d: %v", seed, limit, err)
						return
					}
				}
			})
		}
		wg.Wait()
		s := h.Stats()
		if s.Bytes > limit {
			t.Errorf("%d bytes are kept, at most %d are allowed", s.Bytes, limit)
		}
		if limit == 1<<30 && (s.Hits == 0 || s.Bytes == 0) {
			t.Errorf("nothing was kept: %+v", s)
		}
	}
}

// decodeBoth puts a question to a block that keeps its columns and to one that does not.
func decodeBoth(rnd *rand.Rand, enc *Encoded, hot *Block) error {
	whole, err := decodeAll(enc)
	if err != nil {
		return err
	}
	q, _ := randomQuestion(rnd, enc, whole)
	plain, err := Open(enc.Prune)
	if err != nil {
		return err
	}
	want, err := plain.Decode(Bytes(enc.Data), enc.Runs, q)
	if err != nil {
		return err
	}
	read := bytes.Clone(enc.Data)
	seek := *q
	seek.Seek = rnd.IntN(2) == 0
	got, err := hot.Decode(Bytes(read), enc.Runs, &seek)
	if err != nil {
		return err
	}
	for i := range read {
		read[i] = 0xaa // the buffer is another block's now
	}
	if got.Times != nil && !seek.Seek {
		return fmt.Errorf("%+v: times that nobody wanted", q)
	}
	got.Timestamps, got.Times = got.AllTimes(), nil
	for _, b := range []*scan.Batch{want, got} {
		b.ReadBytes, b.DecodedBytes = 0, 0
	}
	if !reflect.DeepEqual(got, want) && (got.Rows() > 0 || want.Rows() > 0) {
		return fmt.Errorf("%+v: answered with %+v, want %+v", q, got, want)
	}
	return nil
}

// A block that was read once is not read again.
func TestHotReadsOnce(t *testing.T) {
	enc, err := new(Encoder).Encode(dirtyRows(rand.New(rand.NewPCG(7, 7))))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	b.KeepIn(NewHot(1<<20), 0)
	for n := range 3 {
		got, err := b.Decode(Bytes(enc.Data), enc.Runs, all(enc.Runs))
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && got.ReadBytes > 0 {
			t.Errorf("decoding it again read %d bytes", got.ReadBytes)
		}
	}
}
