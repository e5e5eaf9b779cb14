package wal_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A ledger is what a test was promised of one log.
type ledger struct {
	mu       sync.Mutex
	sent     map[string]bool // lines that were appended, whatever came of it
	promised map[string]bool // lines that a power cut must not touch
}

func newLedger() *ledger { return &ledger{sent: map[string]bool{}, promised: map[string]bool{}} }

func (l *ledger) send(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[line] = true
}

func (l *ledger) promise(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.promised[line] = true
}

// audit compares what was replayed with what was promised. Lines are named
// "sender number", and those of a sender have to come in order.
func (l *ledger) audit(got map[uint64][]record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[string]bool{}
	newest := map[string]int{}
	for _, generation := range sortedKeys(got) {
		for _, r := range got[generation] {
			line := r.batch.Streams[0].Entries[0].Line
			name, _, _ := strings.Cut(line, "|")
			switch {
			case !l.sent[line]:
				return fmt.Errorf("%.40q was invented", line)
			case found[line]:
				return fmt.Errorf("%q came twice", name)
			}
			found[line] = true
			sender, number, _ := strings.Cut(name, " ")
			n, err := strconv.Atoi(number)
			if err != nil {
				return err
			}
			if before, ok := newest[sender]; ok && n <= before {
				return fmt.Errorf("%q came after %d", name, before)
			}
			newest[sender] = n
		}
	}
	for line := range l.promised {
		if !found[line] {
			return fmt.Errorf("%.40q was acknowledged and is lost", line)
		}
	}
	return nil
}

func sortedKeys(m map[uint64][]record) []uint64 {
	var keys []uint64
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// fillings is where line takes its fillings from.
var fillings = noise(100_000)

// line makes the text of a record: its name, and a filling that makes some
// records span blocks.
func line(rnd *rand.Rand, sender, number int) string {
	at := rnd.IntN(len(fillings) / 2)
	n := []int{0, 10, 1000, 40_000}[rnd.IntN(4)]
	return fmt.Sprintf("%d %d|%s", sender, number, fillings[at:at+n])
}

func randomOptions(rnd *rand.Rand) wal.Options {
	return wal.Options{
		Sync:     []wal.Sync{wal.Group, wal.Interval, wal.Off}[rnd.IntN(3)],
		Interval: math.MaxInt64, // syncs are the test's to ask for
		FileSize: []int64{1, 50_000, 1 << 20}[rnd.IntN(3)],
	}
}

// The promise itself: whatever is appended, wherever the power fails, and however
// often, what was acknowledged at level disk is there once and in order, and
// nothing is that was not appended. Disks that fail and fill up come into it.
func TestCrash(t *testing.T) {
	few := 2000
	if testing.Short() {
		few = 200
	}
	for seed := range seeds.Few(t, few) {
		if err := crashOnce(t, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func crashOnce(t *testing.T, seed uint64) error {
	rnd := rand.New(rand.NewPCG(seed, 0))
	mem := vfs.NewMem()
	book := newLedger()
	number := 0
	var last uint64
	begun := func(w *wal.Writer) error {
		if w.Generation() <= last {
			return fmt.Errorf("generation %d came after %d", w.Generation(), last)
		}
		last = w.Generation()
		return nil
	}
	for range 1 + rnd.IntN(3) { // lives
		var fail error
		fsys := vfs.NewFaulty(mem, func(op vfs.Op, name string) error {
			if fail != nil && op != vfs.OpRead && rnd.IntN(4) == 0 {
				return fail
			}
			return nil
		})
		l := open(t, fsys, randomOptions(rnd))
		w := begin(t, l)
		if err := begun(w); err != nil {
			return err
		}
		waiting := []string{} // acknowledged in memory, made safe by the next sync
		for range rnd.IntN(12) {
			switch rnd.IntN(10) {
			case 0:
				if w.Sync() == nil {
					for _, text := range waiting {
						book.promise(text)
					}
				}
			case 1:
				fail = []error{nil, nil, syscall.EIO}[rnd.IntN(3)]
			case 2:
				fsys.SetBudget([]int64{-1, -1, int64(rnd.IntN(60_000))}[rnd.IntN(3)])
			case 3:
				if next, err := l.Begin(); err == nil {
					if w.Close() == nil {
						for _, text := range waiting {
							book.promise(text)
						}
					}
					waiting = waiting[:0]
					w = next
					if err := begun(w); err != nil {
						return err
					}
				}
			default:
				text := line(rnd, 0, number)
				number++
				book.send(text)
				level, err := w.Append(oneLine("a", text), []wal.Level{wal.Memory, wal.Disk}[rnd.IntN(2)])
				switch {
				case err == nil && level == wal.Disk:
					book.promise(text)
				case err == nil:
					waiting = append(waiting, text)
				}
			}
		}
		mem = mem.Crash(rnd)
		got, _ := replayAll(t, mem, wal.Options{})
		if err := book.audit(got); err != nil {
			return err
		}
	}
	return nil
}

// As TestCrash, with many appending at once and the power failing in their midst.
func TestCrashWhileManyAppend(t *testing.T) {
	few := 60
	if testing.Short() {
		few = 10
	}
	for seed := range seeds.Few(t, few) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		mem := vfs.NewMem()
		l := open(t, mem, randomOptions(rnd))
		w := begin(t, l)
		book := newLedger()
		const senders, each = 8, 12
		var wg sync.WaitGroup
		half := make(chan struct{}, senders)
		for sender := range senders {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, uint64(2+sender)))
				for i := range each {
					if i == each/2 {
						half <- struct{}{}
					}
					text := line(rnd, sender, i)
					book.send(text)
					level, err := w.Append(oneLine("a", text), []wal.Level{wal.Memory, wal.Disk}[rnd.IntN(2)])
					if err != nil {
						t.Errorf("seed %d: %v", seed, err)
						return
					}
					if level == wal.Disk {
						book.promise(text)
					}
				}
			})
		}
		for range 1 + rnd.IntN(senders) {
			<-half
		}
		// What is promised before the power fails has to be there; what is promised
		// after it failed does not count.
		book.mu.Lock()
		promised := newLedger()
		for text := range book.promised {
			promised.promised[text] = true
		}
		book.mu.Unlock()
		after := mem.Crash(rnd)
		wg.Wait()
		promised.sent = book.sent

		got, _ := replayAll(t, after, wal.Options{})
		if err := promised.audit(got); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		check(t, l.Close())
		got, stats := replayAll(t, mem, wal.Options{})
		if err := book.audit(got); err != nil {
			t.Fatalf("seed %d, without a crash: %v", seed, err)
		}
		if n := len(got[1]); n != senders*each || stats[0].DamageCount > 0 || len(stats[0].TornTails) > 0 {
			t.Fatalf("seed %d, without a crash: %d records of %d, %+v", seed, n, senders*each, stats[0])
		}
	}
}

// The death of the process, as opposed to the machine, spares even what was
// acknowledged in memory.
func TestKillSparesWhatTheSystemHas(t *testing.T) {
	mem := vfs.NewMem()
	l := open(t, mem, wal.Options{Sync: wal.Off})
	w := begin(t, l)
	for i := range 3 {
		_, err := w.Append(oneLine("a", fmt.Sprint(i)), wal.Memory)
		check(t, err)
	}
	// A copy of all bytes, as the system would have them, is what is left.
	copied := copyLog(t, mem, nil)
	l2 := open(t, copied, wal.Options{})
	var c collector
	stats, err := l2.Replay(context.Background(), 1, &c)
	check(t, err)
	if len(c.records) != 3 || stats.DamageCount > 0 || len(stats.TornTails) > 0 {
		t.Errorf("replayed %d records of 3, %+v", len(c.records), stats)
	}
}

// copyLog copies the files of a log, but for the lock, changed by edit if it is not nil.
func copyLog(t testing.TB, from vfs.FS, edit func(name string, data []byte) []byte) *vfs.Mem {
	t.Helper()
	to := vfs.NewMem()
	infos, err := from.ReadDir("wal")
	check(t, err)
	for _, info := range infos {
		if info.Name == "LOCK" {
			continue
		}
		data, err := vfs.ReadFile(from, "wal/"+info.Name, 1<<30)
		check(t, err)
		if edit != nil {
			data = edit(info.Name, data)
		}
		check(t, vfs.WriteFile(to, "wal/"+info.Name, data))
	}
	return to
}

var _ wal.Handler = (*collector)(nil)
