package pagecache_test

import (
	"bytes"
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

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/pagecache"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

const page = pagecache.PageBytes

// A counted bucket counts its range reads, and can hold or fail them.
type counted struct {
	objstore.Memory
	gets  atomic.Int64
	bytes atomic.Int64
	hold  func(ctx context.Context) error
}

func (c *counted) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	c.gets.Add(1)
	c.bytes.Add(n)
	if c.hold != nil {
		if err := c.hold(ctx); err != nil {
			return nil, err
		}
	}
	return c.Memory.GetRange(ctx, name, off, n)
}

func object(t testing.TB, b objstore.Bucket, name string, size int, seed uint8) []byte {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	if err := b.Put(t.Context(), name, bytes.NewReader(data), int64(size)); err != nil {
		t.Fatal(err)
	}
	return data
}

func open(t testing.TB, fs vfs.FS, b objstore.Bucket, memory, disk int64) *pagecache.Cache {
	t.Helper()
	c, err := pagecache.Open(fs, "cache", b, pagecache.Options{Memory: memory, Disk: disk})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t testing.TB, c *pagecache.Cache, name string, data []byte, off, n int) {
	t.Helper()
	p := make([]byte, n)
	if err := c.ReadAt(t.Context(), name, int64(len(data)), p, int64(off)); err != nil {
		t.Fatalf("%d bytes of %s at %d: %v", n, name, off, err)
	}
	if !bytes.Equal(p, data[off:off+n]) {
		t.Fatalf("%d bytes of %s at %d are not those of the object", n, name, off)
	}
}

func TestGets(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ranges []pagecache.Range
		gets   int64
		pages  int64
	}{
		{"within a page", []pagecache.Range{{10, 20}}, 1, 1},
		{"over a border", []pagecache.Range{{page - 1, 2}}, 1, 2},
		{"the last, short page", []pagecache.Range{{40*page + 1, 99}}, 1, 0},
		{"near ranges go together", []pagecache.Range{{0, 1}, {3 * page, 1}}, 1, 4},
		{"far ones do not", []pagecache.Range{{0, 1}, {4 * page, 1}}, 2, 2},
		{"several in a page", []pagecache.Range{{5, 1}, {7, 1}, {page - 1, 1}}, 1, 1},
		{"nothing", []pagecache.Range{{7, 0}}, 0, 0},
		{"everything", []pagecache.Range{{0, 40*page + 100}}, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := &counted{}
			data := object(t, b, "o", 40*page+100, 1)
			c := open(t, vfs.NewMem(), b, 1<<30, 0)
			for range 2 { // the second time nothing is asked for
				pieces, err := c.Read(t.Context(), "o", int64(len(data)), tc.ranges)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range pieces {
					if !bytes.Equal(p.Data, data[p.Off:][:len(p.Data)]) {
						t.Errorf("the page at %d is not the object's", p.Off)
					}
				}
				if got := b.gets.Load(); got != tc.gets {
					t.Errorf("%d requests, want %d", got, tc.gets)
				}
				if got := b.bytes.Load(); tc.pages > 0 && got != tc.pages*page {
					t.Errorf("%d bytes, want %d pages", got, tc.pages)
				}
			}
		})
	}
}

func TestRangesOutside(t *testing.T) {
	b := &counted{}
	object(t, b, "o", 100, 1)
	c := open(t, vfs.NewMem(), b, 1<<20, 0)
	for _, r := range []pagecache.Range{{-1, 2}, {0, -1}, {0, 101}, {101, 0}, {1 << 62, 1 << 62}} {
		if _, err := c.Read(t.Context(), "o", 100, []pagecache.Range{r}); err == nil {
			t.Errorf("range %+v: no error", r)
		}
	}
	// An object that is shorter than it should be.
	if _, err := c.Read(t.Context(), "o", 101, []pagecache.Range{{0, 1}}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an object that lost a byte: %v", err)
	}
	if _, err := c.Read(t.Context(), "absent", 101, []pagecache.Range{{0, 1}}); !errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("an object that is gone: %v", err)
	}
}

func TestRestart(t *testing.T) {
	fs, b := vfs.NewMem(), &counted{}
	data := object(t, b, "o", 10*page+7, 1)
	c := open(t, fs, b, 1<<20, 1<<30)
	read(t, c, "o", data, 0, len(data))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	b.gets.Store(0)
	c = open(t, fs, b, 1<<20, 1<<30)
	read(t, c, "o", data, 0, len(data))
	if got := b.gets.Load(); got != 0 {
		t.Errorf("%d requests after a restart, want none", got)
	}
	if _, err := pagecache.Open(fs, "cache", b, pagecache.Options{Disk: 1}); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("another process opens it: %v, want %v", err, vfs.ErrLocked)
	}
}

// What is forgotten comes from the bucket again; other objects stay.
func TestForget(t *testing.T) {
	b := &counted{}
	object(t, b, "o", 3*page, 1)
	object(t, b, "other", page, 2)
	c := open(t, vfs.NewMem(), b, 2*page, 10*page) // one page of o is on disk alone
	defer c.Close()
	readAll := func(name string, size int64) []byte {
		p := make([]byte, size)
		if err := c.ReadAt(t.Context(), name, size, p, 0); err != nil {
			t.Fatal(err)
		}
		return p
	}
	readAll("o", 3*page)
	readAll("other", page)
	mended := object(t, b, "o", 3*page, 3)
	c.Forget("o", 3*page)
	c.Forget("o", 1<<62)
	if got := readAll("o", 3*page); !bytes.Equal(got, mended) {
		t.Error("old bytes, want those that are in the bucket now")
	}
	before := b.gets.Load()
	if readAll("other", page); b.gets.Load() != before {
		t.Error("another object was forgotten, too")
	}
}

func TestDiskIsBounded(t *testing.T) {
	fs, b := vfs.NewMem(), &counted{}
	data := object(t, b, "o", 20*page, 1)
	const limit = 5*page + page/2
	size := func() (files int, bytes int64) {
		infos, err := fs.ReadDir("cache")
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range infos {
			if strings.HasSuffix(i.Name, ".page") {
				files++
				bytes += i.Size
			}
		}
		return files, bytes
	}
	c := open(t, fs, b, 0, limit)
	for off := 0; off < len(data); off += page {
		read(t, c, "o", data, off, 10)
		read(t, c, "o", data, 0, 10) // what is asked often stays
	}
	if files, bytes := size(); files != 5 || bytes > limit {
		t.Errorf("%d files of %d bytes, want 5 and at most %d bytes", files, bytes, int64(limit))
	}
	b.gets.Store(0)
	read(t, c, "o", data, 0, 10)
	read(t, c, "o", data, 19*page, 10)
	if got := b.gets.Load(); got != 0 {
		t.Errorf("%d requests for what was used last, want none", got)
	}
	read(t, c, "o", data, page, 10)
	if got := b.gets.Load(); got != 1 {
		t.Errorf("%d requests for what was used first, want 1", got)
	}
	// A smaller bound at the next start takes away what is too much.
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, fs, b, 0, 3*page)
	if files, _ := size(); files != 2 {
		t.Errorf("%d files under a smaller bound, want 2", files)
	}
}

// Whatever a crash or a bad disk makes of the files, what is read is right.
func TestDamage(t *testing.T) {
	for seed := range seeds.Few(t, 25) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		fs, b := vfs.NewMem(), &counted{}
		objects := map[string][]byte{}
		for i := range 3 {
			name := fmt.Sprint("o", i)
			objects[name] = object(t, b, name, rnd.IntN(4*page)+1, uint8(i))
		}
		c := open(t, fs, b, rnd.Int64N(3*page), rnd.Int64N(8*page)+1)
		all := func() {
			for name, data := range objects {
				off := rnd.IntN(len(data))
				read(t, c, name, data, off, rnd.IntN(len(data)-off)+1)
			}
		}
		for range 5 {
			all()
		}
		switch rnd.IntN(3) {
		case 0:
			fs = fs.Crash(rnd)
		case 1:
			infos, _ := fs.ReadDir("cache")
			for _, i := range infos {
				if strings.HasSuffix(i.Name, ".page") && rnd.IntN(2) == 0 {
					corrupt(t, fs, "cache/"+i.Name, rnd)
				}
			}
			_ = c.Close()
		default:
			// A page under another one's name.
			infos, _ := fs.ReadDir("cache")
			infos = slices.DeleteFunc(infos, func(i vfs.Info) bool { return !strings.HasSuffix(i.Name, ".page") })
			if len(infos) > 1 {
				if err := fs.Rename("cache/"+infos[0].Name, "cache/"+infos[1].Name); err != nil {
					t.Fatal(err)
				}
			}
			_ = c.Close()
		}
		c = open(t, fs, b, rnd.Int64N(3*page), rnd.Int64N(8*page)+1)
		for range 5 {
			all()
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// corrupt writes a file anew, with a byte changed or its end cut off.
func corrupt(t *testing.T, fs vfs.FS, name string, rnd *rand.Rand) {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if rnd.IntN(2) == 0 {
		b = b[:rnd.IntN(len(b))]
	} else {
		b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
	}
	if f, err = fs.Create(name); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

// A disk that fails costs requests, and no answer.
func TestDiskFails(t *testing.T) {
	broken := false
	fs := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if broken && strings.Contains(name, ".tmp-") {
			return errors.New("input/output error")
		}
		return nil
	})
	b := &counted{}
	data := object(t, b, "o", 3*page, 1)
	c := open(t, fs, b, 0, 1<<30)
	broken = true
	read(t, c, "o", data, 0, 3*page)
	read(t, c, "o", data, 0, 3*page)
	if got := b.gets.Load(); got != 2 {
		t.Errorf("%d requests, want one each time", got)
	}
}

// Many readers of one page make one request, and one that gives up does not take
// the others along.
func TestSingleFlight(t *testing.T) {
	b := &counted{}
	data := object(t, b, "o", page, 1)
	c := open(t, vfs.NewMem(), b, 1<<20, 0)
	begun, release := make(chan struct{}), make(chan struct{})
	first := true
	b.hold = func(ctx context.Context) error {
		if !first {
			return nil
		}
		first = false
		close(begun)
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.ReadAt(ctx, "o", page, make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
			t.Errorf("the one that gave up: %v", err)
		}
	})
	<-begun
	for range 8 {
		wg.Go(func() { read(t, c, "o", data, 5, 100) })
	}
	cancel()
	wg.Wait()
	if got := b.gets.Load(); got > 9 {
		t.Errorf("%d requests", got)
	}
	before := b.gets.Load()
	for range 8 {
		wg.Go(func() { read(t, c, "o", data, 5, 100) })
	}
	wg.Wait()
	if got := b.gets.Load() - before; got != 0 {
		t.Errorf("%d requests for a page in memory", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	b := &counted{}
	data := object(t, b, "o", 30*page+5, 1)
	c := open(t, vfs.NewMem(), b, 8*page, 12*page)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 4))
			for range 60 {
				off := rnd.IntN(len(data))
				read(t, c, "o", data, off, min(rnd.IntN(3*page), len(data)-off))
			}
		})
	}
	wg.Wait()
}

func FuzzDecode(f *testing.F) {
	fs, b := vfs.NewMem(), &counted{}
	data := object(f, b, "o", 100, 1)
	c := open(f, fs, b, 0, 1<<20)
	read(f, c, "o", data, 0, 100)
	infos, err := fs.ReadDir("cache")
	if err != nil {
		f.Fatal(err)
	}
	name := ""
	for _, i := range infos {
		if strings.HasSuffix(i.Name, ".page") {
			name = "cache/" + i.Name
		}
	}
	file, err := fs.Open(name)
	if err != nil {
		f.Fatal(err)
	}
	good, err := io.ReadAll(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:30])
	f.Add([]byte("SKPG"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := fs.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = file.Write(b)
		_ = file.Close()
		read(t, c, "o", data, 0, 100)
	})
}
