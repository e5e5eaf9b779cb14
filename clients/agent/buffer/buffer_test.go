package buffer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/buffer"
	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

const dir = "/run/buffer"

// A sink settles what it takes, as a server that acknowledges at once. After
// some entries it stops taking more.
type sink struct {
	room  int
	last  string // the line after which it stops, too
	lines []string
	full  context.CancelFunc
}

func (s *sink) Put(ctx context.Context, entries []entry.Entry) error {
	for i := range entries {
		if s.room == 0 {
			s.full()
			<-ctx.Done()
			return ctx.Err()
		}
		s.room--
		e := &entries[i]
		s.lines = append(s.lines, fmt.Sprintf("%s %d %s %v", e.Labels.Text(), e.Timestamp, e.Line, e.Metadata))
		e.Mark.Each(func(t *position.Track, r position.Range, lines int64) { t.Settle(0, lines, r) })
		if s.room == 0 || s.last != "" && e.Line == s.last {
			s.full()
		}
	}
	return nil
}

func (s *sink) Due() time.Time                         { return time.Time{} }
func (s *sink) Flush(context.Context, time.Time) error { return nil }

func open(t *testing.T, fsys vfs.FS, bytes int64) (*buffer.Buffer, *position.Book, *position.Track) {
	t.Helper()
	book, err := position.Open(fsys, "/run/positions.yaml", position.NewLedger("one"), position.Options{Clients: []string{"one"}})
	if err != nil {
		t.Fatal(err)
	}
	track := book.Keyed("buffer-test")
	b, err := buffer.Open(fsys, dir, track, buffer.Options{Bytes: bytes, FileBytes: 256, Logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	return b, book, track
}

func put(t *testing.T, b *buffer.Buffer, from, n int) {
	t.Helper()
	source := position.NewTrack(position.NewLedger("one"))
	for i := from; i < from+n; i++ {
		e := entry.Entry{
			Labels: entry.NewLabels(labels.FromStrings("app", "a", "__tenant_id__", "t")), Timestamp: int64(i), Line: fmt.Sprint("line ", i),
			Metadata: []labels.Label{{Name: "id", Value: fmt.Sprint(i)}},
			Mark:     entry.Mark{Track: source, Range: position.Range{Start: 0, End: 1}, Lines: 1},
		}
		if err := b.Put(context.Background(), []entry.Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	if source.Low() != 1 {
		t.Error("the source's entries are not settled, though they are on disk")
	}
}

// take runs the buffer until n entries came out.
func take(t *testing.T, b *buffer.Buffer, n int) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &sink{room: n, full: cancel}
	if err := b.Run(ctx, s); err != nil {
		t.Fatal(err)
	}
	return s.lines
}

func check(t *testing.T, got []string, from, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d entries, want %d: %v", len(got), n, got)
	}
	for i, line := range got {
		if want := fmt.Sprintf(`{app="a"} %d line %d`, from+i, from+i); !strings.HasPrefix(line, want) {
			t.Errorf("entry %d is %q, want %q", i, line, want)
		}
	}
}

func TestWhatIsAcknowledgedIsNotReadAgain(t *testing.T) {
	fsys := vfs.NewMem()
	b, book, _ := open(t, fsys, 1<<20)
	put(t, b, 0, 50)
	check(t, take(t, b, 20), 0, 20)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	book.Changed()
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}

	b, book, track := open(t, fsys, 1<<20)
	put(t, b, 50, 10)
	check(t, take(t, b, 40), 20, 40)
	if got := track.Ledger().Recovered.Load(); got != 30 {
		t.Errorf("%d lines recovered, want 30", got)
	}
	infos, err := fsys.ReadDir(dir)
	if err != nil || len(infos) > 2 {
		t.Errorf("%d files are left, %v", len(infos), err)
	}
	_ = b.Close()
	_ = book.Close()
}

func TestFullBufferWaits(t *testing.T) {
	b, book, _ := open(t, vfs.NewMem(), 1024)
	defer book.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := entry.Entry{Labels: entry.NewLabels(labels.FromStrings("app", "a")), Line: strings.Repeat("x", 100)}
	n := 0
	for b.Put(ctx, []entry.Entry{e}) == nil {
		if n++; n > 100 {
			t.Fatal("the buffer has no bound")
		}
	}
	if n == 0 {
		t.Error("an empty buffer takes nothing")
	}
}

func TestTornEndIsPassedOver(t *testing.T) {
	fsys := vfs.NewMem()
	b, book, _ := open(t, fsys, 1<<20)
	put(t, b, 0, 3)
	_ = b.Close()
	_ = book.Close()
	infos, _ := fsys.ReadDir(dir)
	name := dir + "/" + infos[0].Name
	data, err := vfs.ReadFile(fsys, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFile(fsys, name, data[:len(data)-5]); err != nil {
		t.Fatal(err)
	}
	b, book, _ = open(t, fsys, 1<<20)
	defer book.Close()
	put(t, b, 10, 2)
	got := take(t, b, 4)
	check(t, got[:2], 0, 2)
	check(t, got[2:], 10, 2)
}

// TestCommit crashes the machine: what was committed is there, and what is put
// afterwards is not taken for what was acknowledged before.
func TestCommit(t *testing.T) {
	for seed := range seeds.Few(t, 50) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		fsys := vfs.NewMem()
		b, book, _ := open(t, fsys, 1<<20)
		var committed, written int
		for range 1 + rnd.IntN(10) {
			n := 1 + rnd.IntN(5)
			put(t, b, written, n)
			written += n
			if rnd.IntN(2) == 0 {
				if err := b.Commit(0); err != nil {
					t.Fatal(err)
				}
				committed = written
			}
		}
		acked := take(t, b, rnd.IntN(written)+1)
		if err := book.Save(); err != nil {
			t.Fatal(err)
		}
		fsys = fsys.Crash(rnd)
		b, _, _ = open(t, fsys, 1<<20)
		put(t, b, 1000, 3)
		rest := takeUntil(t, b, "line 1002")
		got := append(acked, rest[:len(rest)-3]...)
		if len(got) < committed {
			t.Errorf("seed %d: %d entries came, %d were committed", seed, len(got), committed)
		}
		check(t, got, 0, len(got))
		check(t, rest[len(rest)-3:], 1000, 3)
	}
}

// takeUntil runs the buffer until a line came out.
func takeUntil(t *testing.T, b *buffer.Buffer, line string) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &sink{room: -1, last: line, full: cancel}
	if err := b.Run(ctx, s); err != nil {
		t.Fatal(err)
	}
	return s.lines
}

// TestFailedSync is told to those who wait for it, and what is put afterwards is
// safe again.
func TestFailedSync(t *testing.T) {
	broken := false
	fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if broken && op == vfs.OpSync && strings.HasSuffix(name, ".entries") {
			return syscall.EIO
		}
		return nil
	})
	b, book, _ := open(t, fsys, 1<<20)
	defer book.Close()
	put(t, b, 0, 1)
	begun := b.Begin()
	put(t, b, 1, 1)
	broken = true
	if err := b.Commit(0); !errors.Is(err, syscall.EIO) {
		t.Errorf("a sync that fails gives %v", err)
	}
	broken = false
	if err := b.Commit(begun); !errors.Is(err, syscall.EIO) {
		t.Errorf("after a sync that failed for another the commit gives %v", err)
	}
	later := b.Begin()
	put(t, b, 2, 2)
	if err := b.Commit(later); err != nil {
		t.Error(err)
	}
	if err := b.Commit(begun); !errors.Is(err, syscall.EIO) {
		t.Errorf("a later file's sync makes a commit of what was lost give %v", err)
	}
	check(t, take(t, b, 4), 0, 4)
}

// TestFailedSyncOfAnEarlierFile has the disk fill up when a file is left for the
// next: that is no want of room, which passes, but what was put may be lost, and
// whoever commits it is told.
func TestFailedSyncOfAnEarlierFile(t *testing.T) {
	for _, tc := range []struct {
		name  string
		op    vfs.Op
		write bool // the file is left because a write fails, not because it is long
	}{
		{"sync, the next file", vfs.OpSync, false},
		{"close, the next file", vfs.OpClose, false},
		{"sync, a failed write", vfs.OpSync, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			broken, noRoom, hits := false, false, 0
			fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
				if noRoom && op == vfs.OpWrite && strings.HasSuffix(name, ".entries") {
					return &vfs.PartialWrite{N: 3, Err: syscall.ENOSPC}
				}
				if broken && op == tc.op && strings.HasSuffix(name, ".entries") {
					broken = false
					hits++
					return syscall.ENOSPC
				}
				return nil
			})
			b, book, _ := open(t, fsys, 1<<20)
			defer book.Close()
			begun := b.Begin()
			put(t, b, 0, 1)
			broken = true
			if noRoom = tc.write; noRoom {
				tryPut(t, b)
				noRoom, broken = false, false
			}
			put(t, b, 1, 20)
			if hits != 1 {
				t.Fatalf("%d faults, want one", hits)
			}
			if err := b.Commit(begun); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the commit of what may be lost gives %v", err)
			}
			later := b.Begin()
			put(t, b, 21, 2)
			if err := b.Commit(later); err != nil {
				t.Errorf("the commit of what was put later: %v", err)
			}
			check(t, take(t, b, 23), 0, 23)
		})
	}
}

// tryPut has a put fail, for want of room on the disk.
func tryPut(t *testing.T, b *buffer.Buffer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ctx, []entry.Entry{{Labels: entry.NewLabels(labels.FromStrings("app", "a")), Line: "no room"}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want that of who waits", err)
	}
}

// TestCommitAfterAFailedWrite crashes the machine after a write had no room and the
// commit of what was put before it went well.
func TestCommitAfterAFailedWrite(t *testing.T) {
	for seed := range seeds.Few(t, 20) {
		mem := vfs.NewMem()
		noRoom := false
		fsys := vfs.NewFaulty(mem, func(op vfs.Op, name string) error {
			if noRoom && op == vfs.OpWrite && strings.HasSuffix(name, ".entries") {
				return &vfs.PartialWrite{N: 3, Err: syscall.ENOSPC}
			}
			return nil
		})
		b, _, _ := open(t, fsys, 1<<20)
		begun := b.Begin()
		put(t, b, 0, 2)
		noRoom = true
		tryPut(t, b)
		if err := b.Commit(begun); err != nil {
			t.Fatal(err)
		}
		b, _, _ = open(t, mem.Crash(rand.New(rand.NewPCG(seed, 9))), 1<<20)
		put(t, b, 1000, 1)
		got := takeUntil(t, b, "line 1000")
		if len(got) != 3 {
			t.Fatalf("seed %d: %d entries, want the two that were committed and a later one", seed, len(got))
		}
		check(t, got[:2], 0, 2)
	}
}

// TestCommitsAreShared has many put while one syncs: the next sync is for them all.
func TestCommitsAreShared(t *testing.T) {
	var syncs atomic.Int64
	begun, release := make(chan struct{}), make(chan struct{})
	fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if op == vfs.OpSync && strings.HasSuffix(name, ".entries") && syncs.Add(1) == 1 {
			close(begun)
			<-release
		}
		return nil
	})
	b, err := buffer.Open(fsys, dir, position.NewTrack(position.NewLedger("one")), buffer.Options{Bytes: 1 << 20, Logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	var commits sync.WaitGroup
	commit := func() {
		if err := b.Commit(0); err != nil {
			t.Error(err)
		}
	}
	put(t, b, 0, 1)
	commits.Go(commit)
	<-begun
	for i := range 50 {
		put(t, b, 1+i, 1)
		commits.Go(commit)
	}
	close(release)
	commits.Wait()
	if n := syncs.Load(); n != 2 {
		t.Errorf("%d syncs, want one for the first and one for all others", n)
	}
}

// BenchmarkCommit asks how many pushes of 100 lines a second are taken by 16
// senders, with and without a sync for each.
func BenchmarkCommit(b *testing.B) {
	for _, commit := range []bool{false, true} {
		b.Run(fmt.Sprint("commit=", commit), func(b *testing.B) {
			dir := b.TempDir()
			track := position.NewTrack(position.NewLedger("one"))
			buf, err := buffer.Open(vfs.OS, dir, track, buffer.Options{Bytes: 1 << 40, FileBytes: 32 << 20, Logger: log.NewNopLogger()})
			if err != nil {
				b.Fatal(err)
			}
			defer buf.Close()
			ls := entry.NewLabels(labels.FromStrings("app", "a"))
			b.SetBytes(100 * 216)
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				es := make([]entry.Entry, 100)
				for i := range es {
					es[i] = entry.Entry{Labels: ls, Timestamp: int64(i), Line: strings.Repeat("x", 216)}
				}
				for pb.Next() {
					begun := buf.Begin()
					if err := buf.Put(context.Background(), es); err != nil {
						b.Error(err)
					}
					if commit {
						if err := buf.Commit(begun); err != nil {
							b.Error(err)
						}
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pushes/s")
		})
	}
}

// A full disk is waited out like a full buffer: nothing that was put is lost, nor
// what is put when there is room, and failed tries leave no files.
func TestFullDiskWaits(t *testing.T) {
	mem := vfs.NewMem()
	fsys := vfs.NewFaulty(mem, nil)
	b, book, _ := open(t, fsys, 1<<20)
	defer book.Close()
	put(t, b, 0, 5)
	fsys.SetBudget(30) // a part of a frame
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		if err := b.Put(ctx, []entry.Entry{{Labels: entry.NewLabels(labels.FromStrings("app", "a")), Line: "no room"}}); !errors.Is(err, context.Canceled) {
			t.Fatalf("error is %v, want that of who waits", err)
		}
	}
	if infos, err := mem.ReadDir(dir); err != nil || len(infos) > 2 {
		t.Errorf("%d files after failed tries, %v", len(infos), err)
	}
	fsys.SetBudget(-1)
	put(t, b, 5, 5)
	check(t, take(t, b, 10), 0, 10)
	_ = b.Close()
}
