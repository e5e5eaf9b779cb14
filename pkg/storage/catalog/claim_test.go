package catalog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
)

// process opens the catalog as one of several processes that share a bucket.
func process(t testing.TB, b objstore.Bucket, name string) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), b, Options{Mode: Follower, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// segments enters live segments of these numbers.
func segments(t testing.TB, c *Catalog, numbers ...byte) {
	t.Helper()
	for _, n := range numbers {
		e := newEntry(n, 0, uint64(n), 10, 20)
		if err := c.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if err := c.Release(t.Context(), "t", e.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func idsOf(numbers ...byte) []ulid.ULID {
	var out []ulid.ULID
	for _, n := range numbers {
		out = append(out, ulid.ULID{1: n})
	}
	return out
}

func claim(t testing.TB, c *Catalog, want error, numbers ...byte) *Claim {
	t.Helper()
	cl, err := c.Claim(t.Context(), "t", idsOf(numbers...))
	if !errors.Is(err, want) {
		t.Fatalf("%s claims %v: %v, want %v", c.name, numbers, err, want)
	}
	return cl
}

// claims counts those that are in the bucket.
func claims(t testing.TB, b objstore.Bucket) (n int) {
	t.Helper()
	if err := b.List(t.Context(), claimsRoot, func(objstore.Info) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// What one process has claimed no other gets, until it is given back; and then it
// sees what came of it.
func TestClaim(t *testing.T) {
	bucket := &objstore.Memory{}
	a, b := process(t, bucket, "a"), process(t, bucket, "b")
	segments(t, a, 1, 2, 3, 4)
	first := claim(t, a, nil, 1, 2)
	claim(t, b, ErrClaimed, 2, 3)
	claim(t, a, ErrClaimed, 2, 3)
	claim(t, b, nil, 3).Close()
	merged := newEntry(5, 1, 2, 10, 20)
	merged.Replaces = idsOf(1, 2)
	if err := first.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Add(t.Context(), merged); err != nil {
		t.Fatal(err)
	}
	first.Close()
	claim(t, b, ErrNotLive, 2, 3)
	claim(t, b, nil, 3, 5).Close()
	if n := claims(t, bucket); n != 0 {
		t.Errorf("%d claims are left", n)
	}

	d := sampleDelete
	if err := b.AddDelete(t.Context(), &d, nothingInMemory); err != nil {
		t.Fatal(err)
	}
	of := []ulid.ULID{d.ID}
	cl, err := b.Claim(t.Context(), "t", of)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Claim(t.Context(), "t", of); !errors.Is(err, ErrClaimed) {
		t.Errorf("a delete request is claimed twice: %v", err)
	}
	cl.Close()

	owner, err := Open(t.Context(), bucket, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cl = claim(t, owner, nil, 99)
	if n := claims(t, bucket); n != 0 {
		t.Errorf("the owner of a bucket writes %d claims", n)
	}
	cl.Close()
}

// A process that died keeps others waiting for ten minutes, and itself not at
// all; one that slept for so long has lost its claim if another took it.
func TestClaimInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := &objstore.Memory{}
		a, b := process(t, bucket, "a"), process(t, bucket, "b")
		segments(t, a, 1, 2, 3)
		dead := claim(t, a, nil, 1)
		time.Sleep(claimFor - time.Second)
		claim(t, b, ErrClaimed, 1)
		time.Sleep(time.Second)
		taken := claim(t, b, nil, 1)
		if err := dead.Confirm(t.Context()); !errors.Is(err, ErrClaimed) {
			t.Errorf("after its time the claim is confirmed, and another has it: %v", err)
		}
		taken.Close()
		dead.Close()

		long := claim(t, a, nil, 1, 2)
		time.Sleep(2 * claimFor)
		if err := long.Confirm(t.Context()); err != nil {
			t.Errorf("nobody else wanted it, and it is not confirmed: %v", err)
		}
		claim(t, b, ErrClaimed, 2)
		time.Sleep(claimFor)
		merged := newEntry(4, 1, 2, 10, 20)
		merged.Replaces = idsOf(1, 2)
		if err := b.Add(t.Context(), merged); err != nil {
			t.Fatal(err)
		}
		if err := long.Confirm(t.Context()); !errors.Is(err, ErrNotLive) {
			t.Errorf("what was claimed is replaced, and the claim is confirmed: %v", err)
		}
		long.Close()

		claim(t, a, nil, 3)
		claim(t, process(t, bucket, "a"), nil, 3).Close() // started again
		if n := claims(t, bucket); n != 0 {
			t.Errorf("%d claims are left", n)
		}
	})
}

var errAway = errors.New("the bucket is away")

// An awayBucket fails each read and put but for the next few, while it is away.
type awayBucket struct {
	objstore.Bucket
	away bool
	left int
}

func (b *awayBucket) reach() error {
	if b.left--; b.away && b.left < 0 {
		return errAway
	}
	return nil
}

func (b *awayBucket) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if err := b.reach(); err != nil {
		return err
	}
	return b.Bucket.PutIfAbsent(ctx, name, data)
}

func (b *awayBucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := b.reach(); err != nil {
		return nil, err
	}
	return b.Bucket.Get(ctx, name)
}

func (b *awayBucket) List(ctx context.Context, prefix string, fn func(objstore.Info) error) error {
	if err := b.reach(); err != nil {
		return err
	}
	return b.Bucket.List(ctx, prefix, fn)
}

// A claim that could not be confirmed is lost, whichever step failed: it is not
// confirmed again while another has it, however young the attempt, and it is once
// the other gave it back.
func TestConfirmAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for steps := 0; ; steps++ {
			bucket := &objstore.Memory{}
			way := &awayBucket{Bucket: bucket}
			a, b := process(t, way, "a"), process(t, bucket, "b")
			segments(t, b, 1)
			cl := claim(t, a, nil, 1)
			time.Sleep(claimFor / 2)
			way.away, way.left = true, steps
			err := cl.Confirm(t.Context())
			way.away = false
			if err == nil {
				if steps < 3 {
					t.Errorf("confirming takes only %d steps", steps)
				}
				cl.Close()
				return
			}
			if !errors.Is(err, errAway) {
				t.Fatalf("after %d steps: %v, want %v", steps, err, errAway)
			}
			taken := claim(t, b, nil, 1)
			for range 2 {
				if err := cl.Confirm(t.Context()); !errors.Is(err, ErrClaimed) {
					t.Errorf("after %d steps: a lost claim that another has is confirmed: %v", steps, err)
				}
			}
			taken.Close()
			if err := cl.Confirm(t.Context()); err != nil {
				t.Errorf("after %d steps: nobody has it, and it is not confirmed: %v", steps, err)
			}
			claim(t, b, ErrClaimed, 1)
			cl.Close()
			if n := claims(t, bucket); n != 0 {
				t.Errorf("after %d steps: %d claims are left", steps, n)
			}
		}
	})
}

// A hangingBucket deletes nothing, and says so when it is asked no longer.
type hangingBucket struct{ objstore.Bucket }

func (hangingBucket) Delete(ctx context.Context, _ string) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Giving a claim back to a store that hangs ends, and the claim is void in time.
func TestClaimOfHangingBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := &objstore.Memory{}
		a, b := process(t, hangingBucket{bucket}, "a"), process(t, bucket, "b")
		segments(t, b, 1)
		cl := claim(t, a, nil, 1)
		began := time.Now()
		cl.Close()
		if took := time.Since(began); took != dropFor {
			t.Errorf("giving it back took %s, want %s", took, dropFor)
		}
		claim(t, b, ErrClaimed, 1)
		time.Sleep(claimFor)
		claim(t, b, nil, 1).Close()
	})
}

// The clocks of processes need not agree where the store has one: a claim by a clock
// that is an hour slow counts, and one by a clock that is fast ends in time.
func TestClaimOfOtherClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, off := range []time.Duration{-time.Hour, time.Hour} {
			bucket := &objstore.Memory{}
			b := process(t, bucket, "b")
			segments(t, b, 1)
			id := ulid.MustNew(ulid.Timestamp(time.Now().Add(off)), bytes.NewReader(make([]byte, 16)))
			object, err := encodeClaim(claimJSON{ID: id, Tenant: "t", Process: "a", Of: idsOf(1)})
			if err != nil {
				t.Fatal(err)
			}
			if err := bucket.PutIfAbsent(t.Context(), claimName("t", id), object); err != nil {
				t.Fatal(err)
			}
			claim(t, b, ErrClaimed, 1)
			time.Sleep(claimFor - time.Second)
			claim(t, b, ErrClaimed, 1)
			time.Sleep(time.Second)
			claim(t, b, nil, 1).Close()
		}
	})
}

// A claim that cannot be read may be of anything.
func TestDamagedClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := &objstore.Memory{}
		a, b := process(t, bucket, "a"), process(t, bucket, "b")
		segments(t, a, 1, 2)
		cl := claim(t, a, nil, 1)
		if err := bucket.Put(t.Context(), claimName("t", cl.id), bytes.NewReader([]byte("?")), 1); err != nil {
			t.Fatal(err)
		}
		claim(t, b, ErrClaimed, 2)
		time.Sleep(claimFor)
		claim(t, b, nil, 2).Close()
	})
}

// A shuffledBucket lets others go first, now and then.
type shuffledBucket struct {
	objstore.Bucket
	mu  sync.Mutex
	rnd *rand.Rand
}

func (b *shuffledBucket) pause() {
	b.mu.Lock()
	n := b.rnd.IntN(4)
	b.mu.Unlock()
	for range n {
		runtime.Gosched()
	}
}

func (b *shuffledBucket) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	b.pause()
	defer b.pause()
	return b.Bucket.PutIfAbsent(ctx, name, data)
}

func (b *shuffledBucket) List(ctx context.Context, prefix string, fn func(objstore.Info) error) error {
	b.pause()
	defer b.pause()
	return b.Bucket.List(ctx, prefix, fn)
}

// However processes meet, no segment is ever claimed by two, and each claim that
// was given is of live segments.
func TestClaimsNeverMeet(t *testing.T) {
	const seed = 11
	rnd := rand.New(rand.NewPCG(seed, 1))
	bucket := &objstore.Memory{}
	segments(t, process(t, bucket, "setup"), 1, 2, 3, 4, 5, 6)
	var held [7]atomic.Int32
	var got atomic.Int32
	var wg sync.WaitGroup
	for p := range 4 {
		c := process(t, &shuffledBucket{Bucket: bucket, rnd: rand.New(rand.NewPCG(seed, uint64(p)))}, string(rune('a'+p)))
		picks := make([][2]byte, 150)
		for i := range picks {
			picks[i] = [2]byte{byte(1 + rnd.IntN(6)), byte(1 + rnd.IntN(6))}
		}
		wg.Go(func() {
			for _, pick := range picks {
				cl, err := c.Claim(t.Context(), "t", idsOf(pick[0], pick[1]))
				if errors.Is(err, ErrClaimed) {
					continue
				}
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
					return
				}
				got.Add(1)
				for _, n := range pick {
					if now := held[n].Add(1); now > 1 && pick[0] != pick[1] {
						t.Errorf("seed %d: segment %d has %d claims", seed, n, now)
					}
				}
				runtime.Gosched()
				for _, n := range pick {
					held[n].Add(-1)
				}
				cl.Close()
			}
		})
	}
	wg.Wait()
	if got.Load() == 0 {
		t.Error("nobody got a claim")
	}
	if n := claims(t, bucket); n != 0 {
		t.Errorf("%d claims are left", n)
	}
}

func FuzzDecodeClaim(f *testing.F) {
	good, err := encodeClaim(claimJSON{ID: ulid.ULID{1: 9}, Tenant: "t", Process: "a", Of: idsOf(1, 2)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum keeps a fuzzer out: give it what it would never find.
		for _, object := range [][]byte{data, encbuf.Frame(claimMagic, version, data)} {
			j, err := decodeClaim(object)
			if err != nil {
				continue
			}
			again, err := encodeClaim(j)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decodeClaim(again); err != nil || back.ID != j.ID || len(back.Of) != len(j.Of) {
				t.Fatalf("%+v comes back as %+v, %v", j, back, err)
			}
		}
	})
}

func nothingInMemory(context.Context) ([]scan.Generation, error) { return nil, nil }
