package wal_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

func isLog(name string) bool { return strings.HasSuffix(name, ".wal") }

// lines are the lines of all records of the first generation.
func lines(t *testing.T, fsys vfs.FS) []string {
	t.Helper()
	got, stats := replayAll(t, fsys, wal.Options{})
	if stats != nil && stats[0].DamageCount > 0 {
		t.Errorf("damage: %v", stats[0].Damage)
	}
	var out []string
	for _, r := range got[1] {
		out = append(out, r.batch.Streams[0].Entries[0].Line)
	}
	return out
}

func TestAFileIsNeverSyncedAgainAfterAFailure(t *testing.T) {
	var failing bool
	failed := map[string]bool{}
	mem := vfs.NewMem()
	fsys := vfs.NewFaulty(mem, func(op vfs.Op, name string) error {
		if !isLog(name) || op != vfs.OpSync && op != vfs.OpWrite {
			return nil
		}
		if failed[name] && op == vfs.OpSync {
			t.Errorf("%s was synced after a failure", name)
		}
		if failing && op == vfs.OpSync {
			failed[name] = true
			return syscall.EIO
		}
		return nil
	})
	l := open(t, fsys, wal.Options{})
	w := begin(t, l)
	appendLine := func(text string) error {
		_, err := w.Append(oneLine("a", text), wal.Disk)
		return err
	}
	check(t, appendLine("1"))
	failing = true
	if err := appendLine("2"); !errors.Is(err, syscall.EIO) {
		t.Errorf("append to a disk that fails: %v, want EIO", err)
	}
	failing = false
	check(t, appendLine("3"))
	check(t, l.Close())

	if got, want := names(t, mem), []string{"0000000001-000001.wal", "0000000001-000002.wal"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	// The second was answered with an error, and may be there.
	if got := lines(t, mem); !slices.Contains(got, "1") || !slices.Contains(got, "3") {
		t.Errorf("replayed %v, want 1 and 3", got)
	}
}

func TestAFullDiskHealsAndIsNotLittered(t *testing.T) {
	mem := vfs.NewMem()
	fsys := vfs.NewFaulty(mem, nil)
	l := open(t, fsys, wal.Options{})
	w := begin(t, l)
	_, err := w.Append(oneLine("a", "before"), wal.Disk)
	check(t, err)
	for _, budget := range []int64{0, 0, 10, 30, 30, 0} {
		fsys.SetBudget(budget)
		if _, err := w.Append(oneLine("a", "during"), wal.Disk); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("append with room for %d bytes: %v, want ENOSPC", budget, err)
		}
		if n := len(names(t, mem)); n > 2 {
			t.Fatalf("%d files lie around: %v", n, names(t, mem))
		}
	}
	fsys.SetBudget(-1)
	_, err = w.Append(oneLine("a", "after"), wal.Disk)
	check(t, err)
	check(t, l.Close())
	if got, want := lines(t, mem), []string{"before", "after"}; !slices.Equal(got, want) {
		t.Errorf("replayed %v, want %v", got, want)
	}
}

// On a disk without any room, a generation can still be frozen, which needs the
// next one, and removed.
func TestAFullDiskDoesNotHinderMakingRoom(t *testing.T) {
	mem := vfs.NewMem()
	fsys := vfs.NewFaulty(mem, nil)
	l := open(t, fsys, wal.Options{})
	old := begin(t, l)
	_, err := old.Append(oneLine("a", "x"), wal.Disk)
	check(t, err)
	fsys.SetBudget(0)
	w := begin(t, l)
	if _, err := w.Append(oneLine("a", "y"), wal.Disk); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append on a full disk: %v, want ENOSPC", err)
	}
	check(t, old.Close())
	check(t, l.Remove(old.Generation()))
	if got := names(t, mem); len(got) != 0 {
		t.Errorf("left on the disk: %v", got)
	}
	check(t, l.Close())
}

// A number whose counter was not made durable is not given out.
func TestBeginWaitsForItsCounter(t *testing.T) {
	var fail error
	fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, _ string) error {
		if op == vfs.OpSyncDir {
			return fail
		}
		return nil
	})
	l := open(t, fsys, wal.Options{})
	for want := range uint64(2) {
		fail = syscall.EIO
		if _, err := l.Begin(); !errors.Is(err, syscall.EIO) {
			t.Errorf("begin on a disk that fails: %v, want EIO", err)
		}
		fail = nil
		if got := begin(t, l).Generation(); got != want+1 {
			t.Errorf("then begins generation %d, want %d", got, want+1)
		}
	}
	check(t, l.Close())
}

func TestTheFolderIsSyncedBeforeTheFirstAcknowledgement(t *testing.T) {
	for _, sync := range []wal.Sync{wal.Group, wal.Interval, wal.Off} {
		synced := map[string]bool{}
		created := ""
		fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
			switch {
			case op == vfs.OpCreate && isLog(name):
				created = name
			case op == vfs.OpSyncDir && created != "":
				synced[created] = true
			}
			return nil
		})
		l := open(t, fsys, wal.Options{Sync: sync, FileSize: 1})
		w := begin(t, l)
		for range 3 {
			_, err := w.Append(oneLine("a", "x"), wal.Memory)
			check(t, err)
			if !synced[created] {
				t.Errorf("sync %s: a record in %s was acknowledged before its folder was synced", sync, created)
			}
		}
		check(t, l.Close())
	}
}

func TestSyncTellsOfWhatWasAcknowledgedAndLost(t *testing.T) {
	var fail error
	fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if op == vfs.OpSync && isLog(name) {
			return fail
		}
		return nil
	})
	l := open(t, fsys, wal.Options{Sync: wal.Off})
	w := begin(t, l)
	_, err := w.Append(oneLine("a", "x"), wal.Memory)
	check(t, err)
	fail = syscall.EIO
	for range 2 {
		if err := w.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Sync on a disk that fails: %v, want EIO", err)
		}
	}
	fail = nil
	_, err = w.Append(oneLine("a", "y"), wal.Disk)
	check(t, err)
	if err := w.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a later Sync: %v, want the loss", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Close: %v, want the loss", err)
	}
}

func TestIntervalSyncsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var fail error
		syncs := 0
		mem := vfs.NewMem()
		fsys := vfs.NewFaulty(mem, func(op vfs.Op, name string) error {
			mu.Lock()
			defer mu.Unlock()
			if op == vfs.OpSync && isLog(name) {
				syncs++
				return fail
			}
			return nil
		})
		count := func() int {
			mu.Lock()
			defer mu.Unlock()
			return syncs
		}
		var logged strings.Builder
		l := open(t, fsys, wal.Options{Sync: wal.Interval, Interval: time.Second, Logger: log.NewLogfmtLogger(log.NewSyncWriter(&logged))})
		w := begin(t, l)
		for i := range 3 {
			_, err := w.Append(oneLine("a", fmt.Sprint(i)), wal.Memory)
			check(t, err)
		}
		if n := count(); n != 0 {
			t.Errorf("%d syncs before the interval is over, want 0", n)
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if n := count(); n != 1 {
			t.Errorf("%d syncs after one interval, want 1", n)
		}
		time.Sleep(5 * time.Second)
		if n := count(); n != 1 {
			t.Errorf("%d syncs with nothing to sync, want 1", n)
		}

		mu.Lock()
		fail = syscall.EIO
		mu.Unlock()
		_, err := w.Append(oneLine("a", "3"), wal.Memory)
		check(t, err)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := count(); n != 2 {
			t.Errorf("%d syncs after one failed, want 2", n)
		}
		if n := strings.Count(logged.String(), "level=error"); n != 1 {
			t.Errorf("a failed sync was logged %d times, want 1: %s", n, logged.String())
		}
		mu.Lock()
		fail = nil
		mu.Unlock()
		_, err = w.Append(oneLine("a", "4"), wal.Memory)
		check(t, err)
		if err := l.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Close: %v, want the loss", err)
		}
		if got := lines(t, mem); len(got) != 5 {
			t.Errorf("replayed %v, want all 5: nothing crashed", got)
		}
	})
}

// While one sync runs, others write and wait; the next sync serves all of them.
func TestOneSyncServesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		syncs := 0
		release := make(chan struct{})
		fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
			if op == vfs.OpSync && isLog(name) {
				syncs++
				<-release
			}
			return nil
		})
		l := open(t, fsys, wal.Options{})
		w := begin(t, l)
		var wg sync.WaitGroup
		push := func() {
			wg.Go(func() {
				if _, err := w.Append(oneLine("a", "x"), wal.Disk); err != nil {
					t.Error(err)
				}
			})
		}
		push()
		synctest.Wait() // it is in its sync
		for range 50 {
			push()
		}
		synctest.Wait() // all are written, and wait
		close(release)
		wg.Wait()
		if syncs != 2 {
			t.Errorf("%d syncs for one push and then 50, want 2", syncs)
		}
		check(t, l.Close())
	})
}
