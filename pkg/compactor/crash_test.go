package compactor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/dskit/services"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/digest"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// The process is killed after each step of a delete, of retention, of a merge and
// of the sweep in turn, then the power is cut. Queries at the step, and at once
// after starting again, find every row once and none that was deleted; and what
// was begun can be finished.
func TestKilledAtEachStep(t *testing.T) {
	for kill := 0; ; kill++ {
		if finished := killAt(t, kill); finished {
			if kill < 16 {
				t.Errorf("only %d steps", kill)
			}
			return
		}
	}
}

// newWork is a machine that has something of everything to do: retention, a delete
// and merges. Of the rows that it has, some are to be kept and some deleted.
func newWork(t *testing.T, rnd *rand.Rand, fs vfs.FS) (m *machine, kept, deleted []row) {
	m = newMachine(t)
	m.cfg.RetentionEnabled = true
	m.cfg.MaxCompactionParallelism = 1
	m.limits.RetentionPeriod = limits.Duration(24 * time.Hour)
	m.bucket = openFolder(t, fs, "bucket")
	m.on()

	for n := range 4 {
		// The first is past retention as a whole, the second in part.
		start := epoch.Add(time.Duration(n) * 10 * time.Hour)
		rows := someRows(rnd, 40, start, time.Hour)
		m.flush("t", "i", rows, 15)
		for _, r := range rows {
			if r.labels.Get("app") == "app-1" && strings.Contains(r.line, "level=error") {
				deleted = append(deleted, r)
				continue
			}
			if n > 0 && (n > 1 || r.ts >= epoch.Add(10*time.Hour+30*time.Minute).UnixNano()) {
				kept = append(kept, r)
			}
		}
	}
	m.release()
	m.clock = epoch.Add(34*time.Hour + 30*time.Minute)
	m.deleteRows("t", `{app="app-1"} |= "level=error"`, model.Ever)
	if len(deleted) == 0 {
		t.Fatal("nothing is deleted")
	}
	return m, kept, deleted
}

func killAt(t *testing.T, kill int) (finished bool) {
	rnd := rand.New(rand.NewPCG(uint64(kill), 9))
	fs := vfs.NewMem()
	m, kept, deleted := newWork(t, rnd, fs)
	steps, dead := 0, false
	m.fault = func(at storage.Step) error {
		if !dead {
			m.wantAtLeast(fmt.Sprintf("kill %d, when %s", kill, at), kept, deleted)
		}
		dead = dead || steps == kill
		steps++
		if dead {
			return errKilled
		}
		return nil
	}
	err := m.compactor.Compact(t.Context())
	m.fault = nil
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if err := m.bucket.(*objstore.Folder).Close(); err != nil {
		t.Fatal(err)
	}
	m.bucket = openFolder(t, fs.Crash(rnd), "bucket")
	m.on()
	m.wantAtLeast(fmt.Sprintf("kill %d, started again", kill), kept, deleted)
	if err := m.compactor.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.want("t", kept)
	return !dead
}

// A mistake that comes to light at some step is an error of that step: the process
// goes on, and what was begun can be finished.
func TestPanicAtEachStep(t *testing.T) {
	for at := 0; ; at++ {
		m, kept, deleted := newWork(t, rand.New(rand.NewPCG(uint64(at), 9)), vfs.NewMem())
		steps := 0
		m.fault = func(storage.Step) error {
			if steps++; steps-1 == at {
				panic("a mistake")
			}
			return nil
		}
		err := m.compactor.Compact(t.Context())
		m.fault = nil
		if steps <= at {
			break
		}
		if err == nil || !strings.Contains(err.Error(), "a mistake") {
			t.Errorf("step %d: error %v, want the panic", at, err)
		}
		m.wantAtLeast(fmt.Sprintf("after a panic at step %d", at), kept, deleted)
		if err := m.compactor.Compact(t.Context()); err != nil {
			t.Fatalf("after a panic at step %d: %v", at, err)
		}
		m.want("t", kept)
	}
}

func openFolder(t testing.TB, fs vfs.FS, dir string) *objstore.Folder {
	t.Helper()
	f, err := objstore.OpenFolder(fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// wantAtLeast checks that an answer has these rows, none twice and none that was
// deleted. Rows past retention may be there still.
func (m *machine) wantAtLeast(when string, kept, deleted []row) {
	m.t.Helper()
	snap, err := openAll(m.t, m.store, "t")
	if err != nil {
		m.t.Fatal(err)
	}
	defer snap.Close()
	got, _, err := readSnapshot(m.t, snap)
	if err != nil {
		m.t.Fatalf("%s: %v", when, err)
	}
	there := map[string]bool{}
	for _, r := range got {
		there[r] = true
	}
	for _, r := range answerOf(kept) {
		if !there[r] {
			m.t.Errorf("%s: %s is missing", when, r)
		}
	}
	for _, r := range deleted {
		if there[r.String()] {
			m.t.Errorf("%s: %s is there, and was deleted", when, r)
		}
	}
}

// A merge that does not write what it read is not seen, and its inputs stay.
func TestMismatchIsNotSeen(t *testing.T) {
	m := newMachine(t)
	rnd := rand.New(rand.NewPCG(1, 10))
	var all []row
	for range 3 {
		rows := someRows(rnd, 30, epoch, time.Minute)
		all = append(all, rows...)
		m.flush("t", "i", rows, 10)
	}
	m.release()
	before := idsOf(m.live("t"))
	held, err := m.store.Hold(t.Context(), "t", before)
	if err != nil {
		t.Fatal(err)
	}
	keepFrom, err := m.compactor.keepFrom("t")
	if err != nil {
		t.Fatal(err)
	}
	mg := newMerge(&job{tenant: "t", inputs: m.live("t"), level: 1}, held, keepFrom)
	mg.encoder = &m.encoder
	mg.want.Add(1) // a row that is nowhere
	if _, err := mg.run(t.Context(), m.store); !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("run: %v, want a mismatch", err)
	}
	held.Close()
	if got := idsOf(m.live("t")); !slices.Equal(got, before) {
		t.Errorf("live are %v, want %v", got, before)
	}
	if n, _ := m.objects(); n != 3 {
		t.Errorf("%d objects, want the three inputs", n)
	}
	m.want("t", all)
}

func TestLife(t *testing.T) {
	m := newMachine(t)
	if err := services.StartAndAwaitRunning(t.Context(), m.compactor); err != nil {
		t.Fatal(err)
	}
	if err := services.StopAndAwaitTerminated(t.Context(), m.compactor); err != nil {
		t.Fatal(err)
	}

	m.limits.RetentionStream = []limits.StreamRetention{{Selector: "{", Period: limits.Duration(day)}}
	m.on()
	if err := services.StartAndAwaitRunning(t.Context(), m.compactor); err == nil {
		t.Error("it started with a rule that cannot be read")
	}
}

// TestSharedBucket: a compactor sees what other processes have put, and leaves a
// bucket alone that another one compacts.
func TestSharedBucket(t *testing.T) {
	m := newMachine(t)
	c, err := catalog.Open(t.Context(), m.bucket, catalog.Options{Mode: catalog.Follower})
	if err != nil {
		t.Fatal(err)
	}
	m.compactor.store = storage.New(m.bucket, c, storage.Options{})
	rnd := rand.New(rand.NewPCG(1, 2))
	var all []row
	for n := range 3 {
		rows := someRows(rnd, 40, epoch.Add(time.Duration(n)*time.Minute), time.Minute)
		m.flush("t", "i", rows, 15)
		all = append(all, rows...)
	}
	m.release()
	m.clock = epoch.Add(4 * time.Hour)
	mine := false
	m.compactor.mine = func() bool { return mine }
	for _, want := range []int{3, 1} {
		if err := m.compactor.running(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.RefreshAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(c.Snapshot("t").Entries); got != want {
			t.Errorf("%d segments are live, want %d", got, want)
		}
		mine = true
	}
	m.on()
	m.want("t", all)
}
