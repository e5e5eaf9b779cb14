package position_test

import (
	"path/filepath"
	"testing"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// FuzzOpen opens positions, a journal and a queue of any bytes: no panic, and what was
// opened can be saved and opened again.
func FuzzOpen(f *testing.F) {
	fsys := vfs.NewMem()
	opts := position.Options{Clients: []string{"one", "two"}, QueueBytes: 1 << 20}
	const queued = file + ".queue-one/0000000000000001.batches"
	b, err := position.Open(fsys, file, position.NewLedger(opts.Clients...), opts)
	if err != nil {
		f.Fatal(err)
	}
	t := b.NewFile(position.Name{Path: "/a", File: position.File{Inode: 1}, PrefixBytes: 3, Prefix: 7}, 5)
	b.Begin(&position.Flight{Client: 1, Tenant: "t", Body: []byte("body"), Parts: []position.Part{{Track: t, Lines: 2, Ranges: []position.Range{{Start: 5, End: 9}}}}})
	if err := b.Queue(0).Append(&position.Flight{Tenant: "t", Body: []byte("body"), Parts: []position.Part{{Track: t, Lines: 2, Ranges: []position.Range{{Start: 9, End: 12}}}}}, 0); err != nil {
		f.Fatal(err)
	}
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
	f.Add(seed(file), seed(file+".journal-2"), seed(queued))
	f.Add([]byte("positions:\n  /a: \"12\"\n"), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, positions, journal, queue []byte) {
		fsys := vfs.NewMem()
		if err := fsys.MkdirAll(filepath.Dir(queued)); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string][]byte{file: positions, file + ".journal-2": journal, queued: queue} {
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
			for {
				fl, _, err := b.Queue(c).Take(position.EarlierLane)
				if err != nil {
					continue
				}
				if fl == nil {
					break
				}
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
