package position

import (
	"testing"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// FuzzFrame applies payloads of any bytes to a book, behind the checksum that
// keeps others from getting here.
func FuzzFrame(f *testing.F) {
	names := []string{"one"}
	f.Add(appendClients(nil, names), []byte(`T{"id":1,"name":{"path":"/a"},"sets":[{"low":5}]}`))
	t := &Track{id: 1, settled: make([]Set, 1), inFlight: make([]Set, 1), acked: make([]int64, 1)}
	f.Add(appendTrack(nil, t), appendFlight(nil, &Flight{Tenant: "t", Body: []byte("b"), Parts: []Part{{Track: t, Lines: 1, Ranges: []Range{{1, 5}, {7, 9}}}}}))
	f.Add(appendTrack(nil, t), []byte("D\x00\x01"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		b, err := Open(vfs.NewMem(), "/p.yaml", NewLedger(names...), Options{Clients: names})
		if err != nil {
			t.Fatal(err)
		}
		r := replay{book: b, flights: map[uint64]*Flight{}}
		for _, p := range [][]byte{appendClients(nil, names), first, second} {
			if len(p) > 0 {
				r.frame(p)
			}
		}
		r.finish()
		for _, t := range b.tracks {
			t.setKnown()
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
