package position_test

import (
	"testing"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// FuzzOpen opens positions and a journal of any bytes: no panic, and what was
// opened can be saved and opened again.
func FuzzOpen(f *testing.F) {
	fsys := vfs.NewMem()
	opts := position.Options{Clients: []string{"one", "two"}}
	b, err := position.Open(fsys, file, position.NewLedger(opts.Clients...), opts)
	if err != nil {
		f.Fatal(err)
	}
	t := b.NewFile(position.Name{Path: "/a", Inode: 1, PrefixBytes: 3, Prefix: 7}, 5)
	b.Begin(&position.Flight{Client: 1, Tenant: "t", Body: []byte("body"), Parts: []position.Part{{Track: t, Lines: 2, Ranges: []position.Range{{Start: 5, End: 9}}}}})
	if err := b.Save(); err != nil {
		f.Fatal(err)
	}
	seed := func(name string) []byte {
		text, err := vfs.ReadFile(fsys, name, 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	f.Add(seed(file), seed(file+".journal-2"))
	f.Add([]byte("positions:\n  /a: \"12\"\n"), []byte(nil))
	f.Fuzz(func(t *testing.T, positions, journal []byte) {
		fsys := vfs.NewMem()
		for name, text := range map[string][]byte{file: positions, file + ".journal-2": journal} {
			if err := vfs.WriteFile(fsys, name, text); err != nil {
				t.Fatal(err)
			}
		}
		b, err := position.Open(fsys, file, position.NewLedger(opts.Clients...), opts)
		if err != nil {
			return
		}
		for c := range opts.Clients {
			for _, fl := range b.InFlight(c) {
				fl.Done()
			}
		}
		b.Changed()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b, err = position.Open(fsys, file, position.NewLedger(opts.Clients...), opts)
		if err != nil {
			t.Fatalf("what was saved cannot be opened: %v", err)
		}
		_ = b.Close()
	})
}
