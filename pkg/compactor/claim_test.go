package compactor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// another starts one more process over the bucket of m, which takes the bucket for
// its own to compact.
func (m *machine) another(name string) (*Compactor, *catalog.Catalog) {
	m.t.Helper()
	return m.mortal(name, m.bucket, nil)
}

// mortal is [machine.another] with a way of its own to the bucket, and with a fault.
func (m *machine) mortal(name string, bucket objstore.Bucket, fault func(storage.Step) error) (*Compactor, *catalog.Catalog) {
	m.t.Helper()
	c, err := catalog.Open(m.t.Context(), bucket, catalog.Options{Mode: catalog.Follower, Name: name})
	if err != nil {
		m.t.Fatal(err)
	}
	compactor := New(m.cfg, Options{
		Store: storage.New(bucket, c, storage.Options{Compile: deletes.Compile, Fault: fault}), Fault: fault, Ingesters: m, Limits: m, Defaults: &m.limits,
		Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
		Ages: storage.Ages{Replaced: time.Hour, Dropped: time.Hour},
	})
	compactor.now = func() time.Time { return m.clock }
	return compactor, c
}

// Three processes merge, apply retention and a delete request at the same time,
// each sure that it is the only one. No segment is replaced by two, and the receipt
// of the request adds up.
func TestNeverTwoOwners(t *testing.T) {
	const seed = 21
	rnd := rand.New(rand.NewPCG(seed, 1))
	for round := range 8 {
		m := newMachine(t)
		m.cfg.RetentionEnabled = true
		m.limits.RetentionPeriod = limits.Duration(24 * time.Hour)
		var kept []row
		for n := range 40 {
			start := epoch.Add(time.Duration(n) * 50 * time.Minute)
			rows := someRows(rnd, 30, start, time.Hour)
			m.flush("t", "i", rows, 15)
			kept = append(kept, rows...)
		}
		m.release()
		m.clock = epoch.Add(36 * time.Hour)
		id := m.deleteRows("t", `{app="app-1"}`, model.Ever)
		kept = slices.DeleteFunc(kept, func(r row) bool {
			return r.labels.Get("app") == "app-1" || r.ts < m.clock.Add(-24*time.Hour).UnixNano()
		})

		var wg sync.WaitGroup
		var last *catalog.Catalog
		for n := range 3 {
			c, view := m.another(fmt.Sprint("process-", n))
			last = view
			wg.Go(func() {
				for range 20 {
					err := c.Compact(t.Context())
					if err == nil {
						return
					}
					if !errors.Is(err, catalog.ErrClaimed) {
						t.Errorf("seed %d, round %d: %v", seed, round, err)
						return
					}
				}
			})
		}
		wg.Wait()
		if err := last.Refresh(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
		replacedBy := map[ulid.ULID]*catalog.Entry{}
		for _, e := range slices.Concat(last.Snapshot("t").Entries, last.Dead("t")) {
			for _, id := range e.Replaces {
				other := replacedBy[id]
				// What replaces a segment lists what that one replaced, too.
				if other != nil && !slices.Contains(e.Replaces, other.ID) && !slices.Contains(other.Replaces, e.ID) {
					t.Errorf("seed %d, round %d: segment %s is replaced by %s and by %s", seed, round, id, other.ID, e.ID)
				}
				replacedBy[id] = e
			}
		}
		m.on()
		if err := m.compactor.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.want("t", kept)
		receipt, err := deletes.ReadReceipt(t.Context(), m.bucket, "t", id)
		if err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		findings, err := deletes.Verify(t.Context(), m.bucket, m.store.Catalog(), receipt)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Wrong {
				t.Errorf("seed %d, round %d: receipt: %s", seed, round, f.Text)
			}
		}
	}
}

// A tetheredBucket is the way of one process to a bucket, which ends with it.
type tetheredBucket struct {
	objstore.Bucket
	dead bool
}

func (b *tetheredBucket) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if b.dead {
		return errKilled
	}
	return b.Bucket.Put(ctx, name, r, size)
}

func (b *tetheredBucket) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if b.dead {
		return errKilled
	}
	return b.Bucket.PutIfAbsent(ctx, name, data)
}

func (b *tetheredBucket) Delete(ctx context.Context, name string) error {
	if b.dead {
		return errKilled
	}
	return b.Bucket.Delete(ctx, name)
}

// Of two processes that compact a bucket one is killed after each step in turn: after
// it has claimed something and before it has done anything with it, too. What it has
// claimed no other touches for ten minutes, save one of its name; then
// another does all that is left. Answers are the same all the while.
func TestOwnerKilledAtEachStep(t *testing.T) {
	for kill := 0; ; kill++ {
		finished := false
		synctest.Test(t, func(t *testing.T) { finished = killOwnerAt(t, kill) })
		if finished {
			if kill < 16 {
				t.Errorf("only %d steps", kill)
			}
			return
		}
	}
}

func killOwnerAt(t *testing.T, kill int) (finished bool) {
	m, kept, deleted := newWork(t, rand.New(rand.NewPCG(uint64(kill), 9)), vfs.NewMem())
	shared := &objstore.Memory{}
	copyBucket(t, m.bucket, shared)
	m.bucket = shared
	m.on()
	way, steps := &tetheredBucket{Bucket: shared}, 0
	var last storage.Step
	first, _ := m.mortal("first", way, func(at storage.Step) error {
		way.dead = way.dead || steps == kill
		steps++
		if way.dead {
			last = at
			return errKilled
		}
		return nil
	})
	if err := first.Compact(t.Context()); err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	when := fmt.Sprintf("kill %d, when %s", kill, last)
	claimed := false
	if err := shared.List(t.Context(), "claims/", func(objstore.Info) error { claimed = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if last == Claimed && !claimed {
		t.Errorf("%s: nothing is claimed", when)
	}
	m.on()
	m.wantAtLeast(when, kept, deleted)

	name := "second"
	if kill%2 == 1 {
		name = "first" // it is started again
	}
	next, view := m.another(name)
	err := next.Compact(t.Context())
	if last == Claimed && name == "second" && !errors.Is(err, catalog.ErrClaimed) {
		t.Errorf("%s: another process compacts: %v, want that it is claimed", when, err)
	}
	if errors.Is(err, catalog.ErrClaimed) {
		if name == "first" {
			t.Errorf("%s: it is kept from what it had claimed itself: %v", when, err)
		}
		m.on()
		m.wantAtLeast(when+", seen by another", kept, deleted)
		time.Sleep(10 * time.Minute)
		err = next.Compact(t.Context())
	}
	if err != nil {
		t.Errorf("%s: %s goes on: %v", when, name, err)
	}
	if err := view.Refresh(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	m.on()
	m.want("t", kept)
	return !way.dead
}

// copyBucket puts all objects of one bucket into another.
func copyBucket(t testing.TB, from, to objstore.Bucket) {
	t.Helper()
	if err := from.List(t.Context(), "", func(i objstore.Info) error {
		data, err := objstore.ReadAll(t.Context(), from, i.Name, 1<<30)
		if err != nil {
			return err
		}
		return to.PutIfAbsent(t.Context(), i.Name, data)
	}); err != nil {
		t.Fatal(err)
	}
}

// A request that another process is applying is not cancelled behind its back, with
// force or without.
func TestCancelBesideAnotherProcess(t *testing.T) {
	m := newMachine(t)
	m.cfg.RetentionEnabled = true
	m.cfg.DeleteRequestCancelPeriod = time.Hour
	rows := someRows(rand.New(rand.NewPCG(1, 1)), 30, epoch, time.Hour)
	m.flush("t", "i", rows, 15)
	m.release()
	api, _ := m.another("api")
	id, err := api.Delete(t.Context(), "t", `{app="app-1"}`, model.Ever)
	if err != nil {
		t.Fatal(err)
	}
	m.clock = m.clock.Add(2 * time.Hour)
	var tried error
	worker, view := m.mortal("worker", m.bucket, func(at storage.Step) error {
		if at == StepWritten {
			tried = api.CancelDelete(t.Context(), "t", id, true)
		}
		return nil
	})
	if err := worker.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(tried, catalog.ErrClaimed) {
		t.Errorf("cancelling it meanwhile: %v, want that it is claimed", tried)
	}
	if err := api.CancelDelete(t.Context(), "t", id, true); !errors.Is(err, ErrTooLate) {
		t.Errorf("cancelling it when it is done: %v, want that it is too late", err)
	}
	receipt, err := deletes.ReadReceipt(t.Context(), m.bucket, "t", id)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := deletes.Verify(t.Context(), m.bucket, view, receipt)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Wrong {
			t.Errorf("receipt: %s", f.Text)
		}
	}
}

var errAway = errors.New("the bucket is away")

// An awayBucket puts no claim while it is away: the first that it was asked for
// brings it back. then is called once the claim that was to be replaced is given back.
type awayBucket struct {
	objstore.Bucket
	away  bool
	drops int // how many claims to be given back until then
	then  func()
}

func (b *awayBucket) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if b.away && strings.HasPrefix(name, "claims/") {
		b.away, b.drops = false, 2
		return errAway
	}
	return b.Bucket.PutIfAbsent(ctx, name, data)
}

func (b *awayBucket) Delete(ctx context.Context, name string) error {
	err := b.Bucket.Delete(ctx, name)
	if b.drops > 0 && strings.HasPrefix(name, "claims/") {
		if b.drops--; b.drops == 0 {
			b.then()
		}
	}
	return err
}

// A process that could not confirm its claim of a request removes nothing more: the
// request may have been cancelled since.
func TestCancelOnceClaimIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.cfg.RetentionEnabled = true
		m.cfg.DeleteRequestCancelPeriod = time.Hour
		rnd := rand.New(rand.NewPCG(1, 1))
		for n := range 4 {
			m.flush("t", "i", someRows(rnd, 30, epoch.Add(time.Duration(n)*time.Hour), time.Hour), 15)
		}
		m.release()
		api, _ := m.another("api")
		id, err := api.Delete(t.Context(), "t", `{app="app-1"}`, model.Ever)
		if err != nil {
			t.Fatal(err)
		}
		m.clock = m.clock.Add(2 * time.Hour)
		way, rewritten := &awayBucket{Bucket: m.bucket}, 0
		var left []string
		way.then = func() {
			if err := api.CancelDelete(t.Context(), "t", id, true); err != nil {
				t.Errorf("cancelling what nobody is at work on: %v", err)
			}
			m.on()
			left = m.read("t")
		}
		worker, _ := m.mortal("worker", way, func(at storage.Step) error {
			if at == storage.EntryWritten {
				rewritten++
				way.away = rewritten == 1
				time.Sleep(6 * time.Minute) // the claim is to be taken anew
			}
			return nil
		})
		if err := worker.Compact(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("compacting: %v, want %v", err, errAway)
		}
		if rewritten != 1 || left == nil {
			t.Errorf("%d segments were rewritten, %d rows were left when the request was cancelled", rewritten, len(left))
		}
		m.on()
		if err := sameAnswer(m.read("t"), left); err != nil {
			t.Errorf("after it was cancelled: %v", err)
		}
	})
}

// A request that cannot be cancelled because the bucket is away is not said to be
// another process's.
func TestCancelWhileBucketIsAway(t *testing.T) {
	m := newMachine(t)
	m.flush("t", "i", someRows(rand.New(rand.NewPCG(1, 1)), 30, epoch, time.Hour), 15)
	way := &awayBucket{Bucket: m.bucket, then: func() {}}
	api, _ := m.mortal("api", way, nil)
	id, err := api.Delete(t.Context(), "t", `{app="app-1"}`, model.Ever)
	if err != nil {
		t.Fatal(err)
	}
	way.away = true
	err = api.CancelDelete(t.Context(), "t", id, true)
	if !errors.Is(err, errAway) || errors.Is(err, catalog.ErrClaimed) || strings.Contains(err.Error(), "is being removed") {
		t.Errorf("cancelling: %v, want only that %v", err, errAway)
	}
	if err := api.CancelDelete(t.Context(), "t", id, true); err != nil {
		t.Errorf("cancelling once it is back: %v", err)
	}
}

// A slowBucket takes a minute for each part of a segment that is read once one was
// read whole, as it is before it is written again.
type slowBucket struct {
	objstore.Bucket
	slow  atomic.Bool
	then  func() // called after each part
	parts int
}

func (b *slowBucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if strings.HasPrefix(name, "segments/") {
		b.slow.Store(true)
	}
	return b.Bucket.Get(ctx, name)
}

func (b *slowBucket) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if b.slow.Load() {
		time.Sleep(time.Minute)
		b.parts++
		b.then()
	}
	return b.Bucket.GetRange(ctx, name, off, n)
}

// However long a segment takes to be written again, it and the requests stay this
// process's all the while.
func TestClaimsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.cfg.RetentionEnabled = true
		e := m.flush("t", "i", someRows(rand.New(rand.NewPCG(1, 1)), 60, epoch, time.Hour), 5)
		m.release()
		api, view := m.another("api")
		id, err := api.Delete(t.Context(), "t", `{app="app-1"}`, model.Ever)
		if err != nil {
			t.Fatal(err)
		}
		way := &slowBucket{Bucket: m.bucket}
		way.then = func() {
			if err := api.CancelDelete(t.Context(), "t", id, true); !errors.Is(err, catalog.ErrClaimed) {
				t.Errorf("part %d: cancelling the request: %v, want that it is claimed", way.parts, err)
			}
			if _, err := view.Claim(t.Context(), "t", []ulid.ULID{e.ID}); !errors.Is(err, catalog.ErrClaimed) {
				t.Errorf("part %d: claiming the segment: %v, want that it is claimed", way.parts, err)
			}
		}
		worker, _ := m.mortal("worker", way, func(at storage.Step) error {
			if at == storage.EntryWritten {
				way.slow.Store(false)
			}
			return nil
		})
		if err := worker.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if way.parts < 15 {
			t.Errorf("only %d parts were read", way.parts)
		}
		if _, err := deletes.ReadReceipt(t.Context(), m.bucket, "t", id); err != nil {
			t.Error(err)
		}
	})
}

// A process that slept while it wrote a segment again does not remove what a request
// selects that was cancelled meanwhile.
func TestCancelWhileOwnerSleeps(t *testing.T) {
	for _, query := range []string{`{app="app-1"}`, `{app=~".+"}`} { // some rows of it, and all
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(t)
			m.cfg.RetentionEnabled = true
			rows := someRows(rand.New(rand.NewPCG(1, 1)), 30, epoch, time.Hour)
			m.flush("t", "i", rows, 15)
			m.release()
			api, _ := m.another("api")
			id, err := api.Delete(t.Context(), "t", query, model.Ever)
			if err != nil {
				t.Fatal(err)
			}
			way := &slowBucket{Bucket: m.bucket}
			way.then = func() {
				way.slow.Store(false)
				way.then = func() {}
				time.Sleep(10 * time.Minute)
				if err := api.CancelDelete(t.Context(), "t", id, true); err != nil {
					t.Errorf("cancelling what a process sleeps over: %v", err)
				}
			}
			worker, _ := m.mortal("worker", way, nil)
			if err := worker.Compact(t.Context()); !errors.Is(err, catalog.ErrNotLive) {
				t.Errorf("%s: compacting: %v, want that the request is gone", query, err)
			}
			m.on()
			m.want("t", rows)
		})
	}
}
