package position

import (
	"testing"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// FuzzQueue opens a client's queue of any frames, behind the checksum that keeps
// others from getting here, and takes what is in it.
func FuzzQueue(f *testing.F) {
	track := []byte(`T{"id":1,"name":{"path":"/a"},"sets":[{"low":5}]}`)
	t := &Track{id: 1, settled: make([]Set, 2), inFlight: make([]Set, 2), acked: make([]int64, 2)}
	batch := appendFlight(nil, &Flight{number: 1, Tenant: "t", Body: []byte("b"), Parts: []Part{{Track: t, Lines: 1, Ranges: []Range{{5, 9}}}}})
	f.Add(track, batch, []byte("D\x00\x01"))
	f.Add(track, batch, batch[:len(batch)-3])
	f.Fuzz(func(t *testing.T, journal, first, second []byte) {
		names := []string{"one", "two"}
		fsys := vfs.NewMem()
		write := func(name string, payloads ...[]byte) {
			var text []byte
			for _, p := range payloads {
				frame := append(make([]byte, frameHead), p...)
				fillHead(frame)
				text = append(text, frame...)
			}
			if err := vfs.WriteFile(fsys, name, text); err != nil {
				t.Fatal(err)
			}
		}
		write("/p.yaml.journal-1", appendClients(nil, names), journal)
		write("/p.yaml.queue-one/0000000000000001.batches", first, second)
		b, err := Open(fsys, "/p.yaml", NewLedger(names...), Options{Clients: names, QueueBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for q := b.Queue(0); q.Left(EarlierLane) > 0; {
			fl, _, err := q.Take(EarlierLane)
			if err != nil {
				t.Fatal(err) // what was opened can be taken
			}
			if fl == nil {
				t.Fatalf("%d batches are left, and none can be taken", q.Left(EarlierLane))
			}
			fl.Done()
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
