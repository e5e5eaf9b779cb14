package block

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// force encodes rows in layout 1 whatever its size.
func force(t testing.TB, e *Encoder, rows []Row) Encoded {
	t.Helper()
	e.force = true
	enc, err := e.Encode(rows)
	if err != nil {
		t.Fatal(err)
	}
	return enc
}

func layoutOf(t testing.TB, enc *Encoded) uint8 {
	t.Helper()
	b, err := Open(enc.Prune)
	if err != nil {
		t.Fatal(err)
	}
	return b.layout
}

func TestFamiliesComeBack(t *testing.T) {
	var e Encoder
	for i, f := range families {
		for _, size := range []int{3 << 10, 40 << 10, 1 << 20} {
			rows := familyRows(i, 1, size)
			enc, err := e.Encode(rows)
			if err != nil {
				t.Fatal(err)
			}
			batch, err := decodeAll(&enc)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", f.name, size, err)
			}
			if err := diffRows(rowsOf(batch), sortedRows(rows)); err != nil {
				t.Fatalf("%s, %d bytes: %v", f.name, size, err)
			}
			if layoutOf(t, &enc) != layoutTemplates && size > 10<<10 {
				t.Errorf("%s, %d bytes: not in templates", f.name, size)
			}
		}
	}
}

func TestRealLinesComeBack(t *testing.T) {
	var e Encoder
	for _, name := range dataFiles(t) {
		rows, err := fileRows(name, TargetBytes)
		if err != nil {
			t.Fatal(err)
		}
		enc, err := e.Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := decodeAll(&enc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := diffRows(rowsOf(batch), rows); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plain, err := (&Encoder{plain: true}).Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		size := func(e *Encoded) float64 { return float64(e.Bytes) / float64(len(e.Data)+len(e.Prune)) }
		t.Logf("%-28s layout %d ratio %.2f, rows %.2f, prune %d", filepath.Base(name), layoutOf(t, &enc), size(&enc), size(&plain), len(enc.Prune))
	}
}

func TestTrickyLinesComeBack(t *testing.T) {
	var e Encoder
	for seed := range seeds.Few(t, 500) {
		rows := trickyRows(rand.New(rand.NewPCG(seed, 11)))
		enc := force(t, &e, rows)
		batch, err := decodeAll(&enc)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := diffRows(rowsOf(batch), sortedRows(rows)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, line := range batch.Lines {
			if int(batch.Sizes[i]) != len(line) {
				t.Fatalf("seed %d: size of row %d is %d, want %d", seed, i, batch.Sizes[i], len(line))
			}
		}
	}
}
