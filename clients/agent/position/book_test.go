package position_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

const file = "/run/positions.yaml"

func open(t *testing.T, fsys vfs.FS, opts position.Options) *position.Book {
	t.Helper()
	b, err := position.Open(fsys, file, position.NewLedger(opts.Clients...), opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(t *testing.T, fsys vfs.FS) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, file, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPromtailsFileIsTakenOverAndReadableByIt(t *testing.T) {
	fsys := vfs.NewMem()
	old := "positions:\n  /var/log/a.log: \"120\"\n  /var/log/b.log: 7\n  cursor-journal: s=1;i=2\n  cursor-other: \"x: y\"\n"
	if err := vfs.WriteFile(fsys, file, []byte(old)); err != nil {
		t.Fatal(err)
	}
	one := position.Options{Clients: []string{"one"}}
	b := open(t, fsys, one)
	if off, ok := b.Foreign("/var/log/a.log"); !ok || off != 120 {
		t.Errorf("offset of a.log is %d, %v", off, ok)
	}
	a := b.NewFile(position.Name{Path: "/var/log/a.log", File: position.File{Device: 1, Inode: 2}}, 120)
	b.Taken("/var/log/a.log")
	j := b.Keyed("cursor-journal")
	if off, cursor := j.Resume(); off != 0 || cursor != "s=1;i=2" {
		t.Errorf("journal resumes at %d, %q", off, cursor)
	}
	a.Settle(0, 1, position.Range{Start: 120, End: 130}, position.Range{Start: 140, End: 150})
	j.Note(1, "s=1;i=3")
	j.Note(2, "s=1;i=4")
	j.Settle(0, 1, position.Range{Start: 0, End: 1})
	b.Changed()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	got := text(t, fsys)
	if i := strings.Index(got, "positions:"); got[i:] != "positions:\n  \"/var/log/a.log\": \"130\"\n  \"/var/log/b.log\": \"7\"\n  \"cursor-journal\": \"s=1;i=3\"\n  \"cursor-other\": \"x: y\"\n" {
		t.Errorf("the file says\n%s", got)
	}

	b = open(t, fsys, one)
	files := b.Files("/var/log/a.log")
	if len(files) != 1 || files[0].Low() != 130 || files[0].Name().Inode != 2 || !files[0].HasAll(position.Range{Start: 141, End: 149}) {
		t.Fatalf("a.log is %+v", files)
	}
	if off, cursor := b.Keyed("cursor-journal").Resume(); off != 1 || cursor != "s=1;i=3" {
		t.Errorf("journal resumes at %d, %q", off, cursor)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	// Promtail goes on with the file: it knows no comments.
	if err := vfs.WriteFile(fsys, file, []byte("positions:\n  /var/log/a.log: \"500\"\n")); err != nil {
		t.Fatal(err)
	}
	b = open(t, fsys, one)
	if off, ok := b.Foreign("/var/log/a.log"); !ok || off != 500 || len(b.Files("/var/log/a.log")) != 0 {
		t.Errorf("offset of a.log is %d, %v", off, ok)
	}
	_ = b.Close()
}

func TestOnlyOneAgentUsesAFile(t *testing.T) {
	fsys := vfs.NewMem()
	b := open(t, fsys, position.Options{Clients: []string{"one"}})
	if _, err := position.Open(fsys, file, position.NewLedger("one"), position.Options{Clients: []string{"one"}}); err == nil {
		t.Error("a second agent may open the file")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, fsys, position.Options{Clients: []string{"one"}})
}

func TestInvalidFile(t *testing.T) {
	fsys := vfs.NewMem()
	if err := vfs.WriteFile(fsys, file, []byte("positions: [")); err != nil {
		t.Fatal(err)
	}
	if _, err := position.Open(fsys, file, position.NewLedger("one"), position.Options{Clients: []string{"one"}}); err == nil || !strings.Contains(err.Error(), "ignore_invalid_yaml") {
		t.Errorf("error is %v", err)
	}
	_ = open(t, fsys, position.Options{Clients: []string{"one"}, IgnoreInvalid: true}).Close()
}

// TestCrashes pretends to be an agent with two clients, crashes it at random, also
// while its disk is full, and checks after each start that what was acknowledged is settled, and what
// was sent is either settled or in flight with the same bytes.
func TestCrashes(t *testing.T) {
	for seed := range seeds.Few(t, 100) {
		history(t, seed)
	}
}

type sent struct {
	body  string
	parts map[string][]position.Range // by path
	acked bool
}

func history(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 2))
	clients := []string{"one", "two"}
	mem := vfs.NewMem()
	var batches [2][]*sent
	next := [2]map[string]int64{{}, {}}
	for range 6 {
		faulty := vfs.NewFaulty(mem, nil)
		b, err := position.Open(faulty, file, position.NewLedger(clients...), position.Options{Clients: clients, JournalBytes: 1 << 10, QueueBytes: 1 << 20})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		tracks := map[string]*position.Track{}
		for i := range 5 {
			path := fmt.Sprint("/f", i)
			if of := b.Files(path); len(of) > 0 {
				tracks[path] = of[0]
			} else {
				tracks[path] = b.NewFile(position.Name{Path: path, File: position.File{Inode: uint64(i)}}, 0)
			}
		}
		left := map[string]bool{}
		for c := range clients {
			flights := b.InFlight(c)
			for {
				f, _, err := b.Queue(c).Take(position.EarlierLane)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if f == nil {
					break
				}
				flights = append(flights, f)
			}
			for _, f := range flights {
				left[fmt.Sprint(c, string(f.Body))] = true
				for _, s := range batches[c] {
					if s.body == string(f.Body) {
						s.acked = true
					}
				}
				f.Done()
			}
			for _, s := range batches[c] {
				if !s.acked && !left[fmt.Sprint(c, s.body)] {
					t.Fatalf("seed %d: client %d: batch %s was sent and is forgotten", seed, c, s.body)
				}
				for path, rs := range s.parts {
					for _, r := range rs {
						if !tracks[path].Has(c, r) {
							t.Fatalf("seed %d: client %d: %s %v is to be read again", seed, c, path, r)
						}
					}
				}
			}
		}
		for i := range 5 {
			// What is in no batch may be read again, never be settled.
			path := fmt.Sprint("/f", i)
			for c := range clients {
				if end := next[c][path]; tracks[path].Has(c, position.Range{Start: end, End: end + 1}) {
					t.Fatalf("seed %d: client %d: %s is settled at %d, where nothing was", seed, c, path, end)
				}
			}
		}
		var open [2][]*position.Flight
		full := false
		for range rnd.IntN(60) {
			c := rnd.IntN(2)
			switch rnd.IntN(6) {
			case 0, 1:
				s := &sent{body: fmt.Sprintf("%d-%d-%d", seed, c, len(batches[c])), parts: map[string][]position.Range{}}
				f := &position.Flight{Client: c, Body: []byte(s.body), Entries: 1}
				for range 1 + rnd.IntN(3) {
					path := fmt.Sprint("/f", rnd.IntN(5))
					if s.parts[path] != nil {
						continue
					}
					start := next[c][path]
					end := start + 1 + rnd.Int64N(10)
					rs := []position.Range{{Start: start, End: end}}
					s.parts[path] = rs
					f.Parts = append(f.Parts, position.Part{Track: tracks[path], Lines: 1, Ranges: rs})
				}
				if rnd.IntN(2) == 0 {
					if err := b.Queue(c).Append(f, 0); err != nil && !full && b.JournalError() == nil {
						t.Fatalf("seed %d: %v", seed, err)
					} else if err != nil {
						continue
					}
				} else if b.Begin(f) {
					open[c] = append(open[c], f)
				} else if full || b.JournalError() != nil {
					continue
				} else {
					t.Fatalf("seed %d: a batch cannot begin", seed)
				}
				batches[c] = append(batches[c], s)
				for path, rs := range s.parts {
					next[c][path] = rs[0].End
				}
			case 2:
				f, lines, err := b.Queue(c).Take(0)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if f != nil {
					if f.Lines() != lines || lines != int64(len(f.Parts)) {
						t.Fatalf("seed %d: a batch of %d lines has %d parts", seed, lines, len(f.Parts))
					}
					open[c] = append(open[c], f)
				}
			case 3:
				if n := len(open[c]); n > 0 {
					i := rnd.IntN(n)
					f := open[c][i]
					for _, s := range batches[c] {
						if s.body == string(f.Body) {
							s.acked = true
						}
					}
					f.Done()
					open[c] = slices.Delete(open[c], i, i+1)
				}
			case 4:
				if err := b.Save(); err != nil && !full {
					t.Fatalf("seed %d: save: %v", seed, err)
				}
			case 5:
				if full = !full; full {
					faulty.SetBudget(rnd.Int64N(2000))
				} else {
					faulty.SetBudget(-1)
				}
			}
		}
		// Acknowledgements are not synced: after a power cut a batch may go out
		// once more, as it was.
		mem = mem.Crash(rnd)
	}
}

// An inode is used again: what was read of the file that had it before says
// nothing of the next one, before a restart and after it.
func TestAFileIsKnownByItsBirth(t *testing.T) {
	fsys := vfs.NewMem()
	opts := position.Options{Clients: []string{"one"}}
	at := func(inode uint64, born int64) position.File {
		return position.File{Device: 1, Inode: inode, Born: born}
	}
	b := open(t, fsys, opts)
	b.NewFile(position.Name{Path: "/first", File: at(1, 10), PrefixBytes: 5, Prefix: 7}, 5)
	b.NewFile(position.Name{Path: "/second", File: at(1, 20)}, 0)
	b.NewFile(position.Name{Path: "/unborn", File: at(2, 0), PrefixBytes: 5, Prefix: 7}, 5)
	for _, when := range []string{"before", "after"} {
		for _, tc := range []struct {
			file position.File
			path string // empty: of none
		}{
			{at(1, 10), "/first"},
			{at(1, 20), "/second"},
			{at(1, 30), ""},
			{at(2, 0), "/unborn"},
			{at(2, 10), "/unborn"}, // saved before births were known
			{at(3, 10), ""},
		} {
			got := ""
			if k := b.OfFile("", tc.file); k != nil {
				got = k.Name().Path
			}
			if got != tc.path {
				t.Errorf("%s a restart: %+v is %q, want %q", when, tc.file, got, tc.path)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = open(t, fsys, opts)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAFailedBeginIsEndedByTheNext has a batch whose first try is whole in the
// journal though its sync failed. It is tried again in the next file and done: after a
// crash, from which the positions do not name that file yet, it is not sent again.
func TestAFailedBeginIsEndedByTheNext(t *testing.T) {
	mem := vfs.NewMem()
	broken, stuck := false, false
	fsys := vfs.NewFaulty(mem, func(op vfs.Op, name string) error {
		journal := strings.Contains(name, ".journal-")
		if broken && op == vfs.OpSync && journal || stuck && op == vfs.OpSync && !journal {
			broken = false
			return syscall.EIO
		}
		return nil
	})
	opts := position.Options{Clients: []string{"one"}}
	b := open(t, fsys, opts)
	f := &position.Flight{
		Body: []byte("body"), Entries: 1,
		Parts: []position.Part{{Track: b.Keyed("k"), Lines: 1, Ranges: []position.Range{{Start: 0, End: 1}}}},
	}
	broken = true
	if b.Begin(f) {
		t.Fatal("a batch has begun that is not on disk")
	}
	stuck = true
	if err := b.Save(); err == nil {
		t.Fatal("the positions were saved")
	}
	if !b.Begin(f) {
		t.Fatalf("the batch does not begin in the next file: %v", b.JournalError())
	}
	f.Done()
	// What the crash leaves of the disk is all that was written.
	after := vfs.NewMem()
	if err := after.MkdirAll("/run"); err != nil {
		t.Fatal(err)
	}
	infos, err := mem.ReadDir("/run")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, info := range infos {
		text, err := vfs.ReadFile(mem, "/run/"+info.Name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "body") {
			files++
		}
		if err := vfs.WriteFile(after, "/run/"+info.Name, text); err != nil {
			t.Fatal(err)
		}
	}
	if files != 2 {
		t.Fatalf("%d files hold the batch, want both", files)
	}
	if left := open(t, after, opts).InFlight(0); len(left) != 0 {
		t.Errorf("%d batches are left in flight, want none", len(left))
	}
}
