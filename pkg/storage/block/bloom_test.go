package block

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/skaldlogs/skald/pkg/scan"
)

func TestFilter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 31))
	for _, n := range []int{1, 50, 5000, 60000} {
		var ids, words keySet
		ids.reset()
		words.reset()
		key := func(i uint64) uint64 {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], i)
			return idKey(columnHex, b[:])
		}
		for i := range n {
			ids.add(key(uint64(i)))
			ids.add(key(uint64(i)))
			words.add(wordKey(fmt.Appendf(nil, "word%d", i)))
		}
		if len(ids.keys) != n {
			t.Fatalf("%d distinct keys, want %d", len(ids.keys), n)
		}
		f, err := readFilter(appendFilter(nil, &ids, &words, 1<<20))
		if err != nil || !f.has(filterIDs) || !f.has(filterWords) {
			t.Fatal(f.has(filterIDs), f.has(filterWords), err)
		}
		for i := range n {
			if f.lacks(key(uint64(i))) || f.lacks(wordKey(fmt.Appendf(nil, "word%d", i))) {
				t.Fatalf("key %d of %d is lost", i, n)
			}
		}
		wrong := 0
		for range 10000 {
			if !f.lacks(key(1<<40 + rnd.Uint64()>>8)) {
				wrong++
			}
		}
		if wrong > 300 {
			t.Errorf("%d keys: %d of 10000 absent keys may be there", n, wrong)
		}
	}
}

func TestFilterKeepsItsShare(t *testing.T) {
	var ids, words keySet
	ids.reset()
	words.reset()
	for i := range 1000 {
		ids.add(wordKey(fmt.Append(nil, i)))
		words.add(wordKey(fmt.Append(nil, -i)))
	}
	for most, kinds := range map[int]byte{100: 0, 1500: filterIDs, 3000: filterIDs | filterWords} {
		f := filter(appendFilter(nil, &ids, &words, most))
		if len(f) > most || f.has(filterIDs) != (kinds&filterIDs != 0) || f.has(filterWords) != (kinds&filterWords != 0) {
			t.Errorf("%d bytes of at most %d, kinds %v %v, want %d", len(f), most, f.has(filterIDs), f.has(filterWords), kinds)
		}
	}
}

// The filter spares the columns of ids from being read.
func TestAbsentIDs(t *testing.T) {
	enc, err := new(Encoder).Encode(familyRows(0, 1, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	if !b.keys.has(filterIDs) || 12*len(b.keys) > len(enc.Data)+len(enc.Prune) {
		t.Fatalf("a filter of %d bytes in a block of %d", len(b.keys), len(enc.Data))
	}
	rnd := rand.New(rand.NewPCG(1, 32))
	read, admitted := 0, 0
	for range 200 {
		q := all(enc.Runs)
		q.Filters = NewFilters([]scan.LineFilter{{Op: scan.Contains, Text: fmt.Sprintf("%016x%016x", rnd.Uint64(), rnd.Uint64())}})
		got, err := b.Decode(Bytes(enc.Data), enc.Runs, q)
		if err != nil {
			t.Fatal(err)
		}
		if got.How != scan.BySchema {
			read++
		}
		if !b.Refuses(q.Filters) {
			admitted++
		}
	}
	if admitted > 10 {
		t.Errorf("the block is not refused for %d of 200 absent ids", admitted)
	}
	if read > 10 {
		t.Errorf("columns were read for %d of 200 absent ids", read)
	}
}
