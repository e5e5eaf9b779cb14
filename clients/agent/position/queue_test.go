package position_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// batchOf is a batch of one line of a track.
func batchOf(t *position.Track, at int64, body string) *position.Flight {
	return &position.Flight{Body: []byte(body), Entries: 1, Tenant: "t", Parts: []position.Part{
		{Track: t, Lines: 1, Ranges: []position.Range{{Start: at, End: at + 1}}},
	}}
}

func files(t *testing.T, fsys vfs.FS, dir string) (names []string) {
	t.Helper()
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

// TestQueue fills a queue, takes from it in order, lane by lane, and finds the
// rest after a restart.
func TestQueue(t *testing.T) {
	fsys := vfs.NewMem()
	opts := position.Options{Clients: []string{"a/b", "two"}, QueueBytes: 8 << 20}
	b := open(t, fsys, opts)
	f := b.NewFile(position.Name{Path: "/a", File: position.File{Inode: 1}}, 0)
	q := b.Queue(0)
	big := strings.Repeat("x", 1<<20)
	for i := range int64(9) {
		if q.Full() != (i == 8) {
			t.Fatalf("with %d batches, %d bytes, full is %v", i, q.Bytes(), q.Full())
		}
		if err := q.Append(batchOf(f, i, fmt.Sprint(i, big)), int(i%2)); err != nil {
			t.Fatal(err)
		}
	}
	const dir = file + ".queue-a%2Fb"
	take := func(q *position.Queue, lane int, want string) {
		t.Helper()
		fl, lines, err := q.Take(lane)
		if err != nil || lines != 1 || string(fl.Body) != want+big || fl.Tenant != "t" || fl.Entries != 1 {
			t.Fatalf("got %d lines, %v, want the batch %s", lines, err, want)
		}
		fl.Done()
	}
	take(q, 1, "1")
	take(q, 0, "0")
	take(q, 0, "2")
	if before := len(files(t, fsys, dir)); before != 10 {
		t.Errorf("there are %d files, want 10: none goes before the positions are saved", before)
	}
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	if after := len(files(t, fsys, dir)); after != 7 {
		t.Errorf("there are %d files, want 7", after)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = open(t, fsys, opts)
	f = b.Files("/a")[0]
	if !f.Has(0, position.Range{Start: 3, End: 9}) || f.Has(1, position.Range{Start: 3, End: 9}) || f.Low() != 0 {
		t.Error("what waits is in flight for its client, and for no other")
	}
	q = b.Queue(0)
	for i := 3; i < 9; i++ {
		take(q, position.EarlierLane, fmt.Sprint(i))
	}
	if !q.Empty() {
		t.Error("something is left")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if left := files(t, fsys, dir); len(left) != 0 {
		t.Errorf("%q are left", left)
	}
}

// TestQueueOfOneClient is emptied, not filled; and what nobody owns is named.
func TestQueueOfOneClient(t *testing.T) {
	fsys := vfs.NewMem()
	b := open(t, fsys, position.Options{Clients: []string{"one", "two"}, QueueBytes: 1 << 20})
	f := b.NewFile(position.Name{Path: "/a", File: position.File{Inode: 1}}, 0)
	for c := range 2 {
		if err := b.Queue(c).Append(batchOf(f, 0, "body"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, fsys, position.Options{Clients: []string{"one"}, QueueBytes: 1 << 20})
	if got := fmt.Sprint(b.StrayQueues()); got != "["+file+".queue-two]" {
		t.Errorf("stray queues are %s", got)
	}
	q := b.Queue(0)
	if !q.Full() || q.Left(position.EarlierLane) != 1 {
		t.Errorf("full is %v, with %d batches", q.Full(), q.Left(position.EarlierLane))
	}
	fl, _, err := q.Take(position.EarlierLane)
	if err != nil {
		t.Fatal(err)
	}
	fl.Done()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, fsys, position.Options{Clients: []string{"one"}, QueueBytes: 1 << 20})
	if b.Queue(0) != nil {
		t.Error("one client has a queue")
	}
	_ = b.Close()
}

// TestQueueDamaged leaves a batch out whose bytes are not those written, and goes
// on behind it.
func TestQueueDamaged(t *testing.T) {
	fsys := vfs.NewMem()
	b := open(t, fsys, position.Options{Clients: []string{"one", "two"}, QueueBytes: 64 << 20})
	f := b.NewFile(position.Name{Path: "/a", File: position.File{Inode: 1}}, 0)
	q := b.Queue(0)
	big := strings.Repeat("x", 2<<20)
	for i := range int64(2) {
		if err := q.Append(batchOf(f, i, fmt.Sprint(i, big)), 0); err != nil {
			t.Fatal(err)
		}
	}
	name := file + ".queue-one/" + files(t, fsys, file+".queue-one")[0]
	text, err := vfs.ReadFile(fsys, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	text[1<<20] ^= 1
	if err := vfs.WriteFile(fsys, name, text); err != nil {
		t.Fatal(err)
	}
	if fl, lines, err := q.Take(0); fl != nil || lines != 1 || err == nil || !strings.Contains(err.Error(), "bad checksum") {
		t.Errorf("a damaged batch is %v, %d lines, %v", fl, lines, err)
	}
	if fl, _, err := q.Take(0); err != nil || fl.Body[0] != '1' {
		t.Errorf("the next is %v", err)
	}
	_ = b.Close()
	b = open(t, fsys, position.Options{Clients: []string{"one", "two"}, QueueBytes: 64 << 20})
	if f := b.Files("/a")[0]; f.Has(0, position.Range{Start: 0, End: 1}) || !f.Has(0, position.Range{Start: 1, End: 2}) {
		t.Error("what was damaged is not read again")
	}
	_ = b.Close()
}

// TestQueueOnFullDisk takes nothing while the disk is full, and goes on after.
func TestQueueOnFullDisk(t *testing.T) {
	full := false
	fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if full && op == vfs.OpWrite && strings.HasSuffix(name, ".batches") {
			return syscall.ENOSPC
		}
		return nil
	})
	b := open(t, fsys, position.Options{Clients: []string{"one", "two"}, QueueBytes: 64 << 20})
	f := b.NewFile(position.Name{Path: "/a", File: position.File{Inode: 1}}, 0)
	q := b.Queue(0)
	for i := range int64(4) {
		full = i == 1 || i == 2
		if err := q.Append(batchOf(f, i, fmt.Sprint(i)), 0); full != errors.Is(err, syscall.ENOSPC) {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	for _, want := range "03" {
		if fl, _, err := q.Take(0); err != nil || string(fl.Body) != string(want) {
			t.Errorf("got %v, want %c", err, want)
		}
	}
	_ = b.Close()
}
