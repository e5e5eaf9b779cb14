package buffer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/buffer"
	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/vfs"
)

const dir = "/run/buffer"

// A sink settles what it takes, as a server that acknowledges at once. After
// some entries it stops taking more.
type sink struct {
	room  int
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
		if s.room == 0 {
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
