package objstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/prometheus/client_golang/prometheus"
	thanos "github.com/thanos-io/objstore"
	"github.com/thanos-io/objstore/providers/filesystem"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/vfs"
)

func TestAcceptance(t *testing.T) {
	for _, tc := range []struct {
		name string
		open func(t *testing.T) objstore.Bucket
		torn bool // a put that failed half-way may leave what it wrote
	}{
		{"memory", func(*testing.T) objstore.Bucket { return &objstore.Memory{} }, false},
		{"metered", func(*testing.T) objstore.Bucket {
			return objstore.NewMetered(&objstore.Memory{}, "b", "c", prometheus.NewRegistry())
		}, false},
		{"folder", func(t *testing.T) objstore.Bucket { return openFolder(t, vfs.OS, t.TempDir()) }, false},
		{"folder in memory", func(t *testing.T) objstore.Bucket { return openFolder(t, vfs.NewMem(), "bucket") }, false},
		{"remote", func(*testing.T) objstore.Bucket { return objstore.NewRemote(thanos.NewInMemBucket()) }, false},
		{"remote on files", func(t *testing.T) objstore.Bucket {
			b, err := filesystem.NewBucket(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return objstore.NewRemote(b)
		}, true},
		{"retrying", func(*testing.T) objstore.Bucket {
			return objstore.NewRetrying(&objstore.Memory{}, objstore.RetryOptions{})
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) { accept(t, tc.open, tc.torn) })
	}
}

// accept is the contract of Bucket. open returns a new, empty one each time.
func accept(t *testing.T, open func(*testing.T) objstore.Bucket, torn bool) {
	ctx := t.Context()

	t.Run("what was put is read back", func(t *testing.T) {
		b := open(t)
		for _, size := range []int{0, 1, 4095, 1 << 20} {
			data := bytes.Repeat([]byte{'a', 0, 0xff, '\n'}, size/4+1)[:size]
			for name, announced := range map[string]int64{"known": int64(size), "unknown": -1} {
				name := fmt.Sprintf("d1/d2/%s-%d", name, size)
				// One byte at a time hides every shortcut a store may take for readers it knows.
				var r io.Reader = bytes.NewReader(data)
				if size < 1<<20 {
					r = iotest.OneByteReader(r)
				}
				if err := b.Put(ctx, name, r, announced); err != nil {
					t.Fatal(err)
				}
				wantObject(t, b, name, data)
			}
		}
	})

	t.Run("a put replaces", func(t *testing.T) {
		b := open(t)
		put(t, b, "a", "first, and longer")
		put(t, b, "a", "second")
		wantObject(t, b, "a", []byte("second"))
	})

	t.Run("put if absent", func(t *testing.T) {
		b := open(t)
		if err := b.PutIfAbsent(ctx, "c/one", []byte("1")); err != nil {
			t.Fatal(err)
		}
		if err := b.PutIfAbsent(ctx, "c/one", []byte("2")); !errors.Is(err, objstore.ErrExists) {
			t.Errorf("second put if absent: %v, want %v", err, objstore.ErrExists)
		}
		wantObject(t, b, "c/one", []byte("1"))
		if err := b.Delete(ctx, "c/one"); err != nil {
			t.Fatal(err)
		}
		if err := b.PutIfAbsent(ctx, "c/one", []byte("3")); err != nil {
			t.Fatal(err)
		}
		wantObject(t, b, "c/one", []byte("3"))
	})

	t.Run("ranges", func(t *testing.T) {
		b := open(t)
		put(t, b, "r", "0123456789")
		for _, tc := range []struct {
			off, n int64
			want   string
		}{
			{0, 1, "0"},
			{0, 10, "0123456789"},
			{3, 4, "3456"},
			{9, 1, "9"},
			{8, 100, "89"},
		} {
			r, err := b.GetRange(ctx, "r", tc.off, tc.n)
			if err != nil {
				t.Errorf("range %d+%d: %v", tc.off, tc.n, err)
				continue
			}
			got, err := io.ReadAll(r)
			if string(got) != tc.want || err != nil {
				t.Errorf("range %d+%d: %q, %v, want %q", tc.off, tc.n, got, err, tc.want)
			}
			if err := r.Close(); err != nil {
				t.Errorf("range %d+%d: close: %v", tc.off, tc.n, err)
			}
		}
		for _, tc := range [][2]int64{{-1, 1}, {0, 0}, {0, -1}} {
			if _, err := b.GetRange(ctx, "r", tc[0], tc[1]); err == nil {
				t.Errorf("range %d+%d: no error", tc[0], tc[1])
			}
		}
		p := make([]byte, 3)
		if err := objstore.ReadRange(ctx, b, "r", p, 2); err != nil || string(p) != "234" {
			t.Errorf("ReadRange 2+3: %q, %v", p, err)
		}
		if err := objstore.ReadRange(ctx, b, "r", p, 8); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ReadRange past the end: %v, want %v", err, io.ErrUnexpectedEOF)
		}
	})

	t.Run("limits of a whole read", func(t *testing.T) {
		b := open(t)
		put(t, b, "l", "0123456789")
		if got, err := objstore.ReadAll(ctx, b, "l", 10); err != nil || string(got) != "0123456789" {
			t.Errorf("ReadAll to 10: %q, %v", got, err)
		}
		if got, err := objstore.ReadAll(ctx, b, "l", 9); !errors.Is(err, objstore.ErrTooLarge) {
			t.Errorf("ReadAll to 9: %q, %v, want %v", got, err, objstore.ErrTooLarge)
		}
	})

	t.Run("what is absent", func(t *testing.T) {
		b := open(t)
		put(t, b, "there/x", "x")
		for _, name := range []string{"absent", "there/y", "deeper/in/absent"} {
			if _, err := b.Get(ctx, name); !errors.Is(err, objstore.ErrNotFound) {
				t.Errorf("Get(%s): %v, want %v", name, err, objstore.ErrNotFound)
			}
			if _, err := b.GetRange(ctx, name, 0, 1); !errors.Is(err, objstore.ErrNotFound) {
				t.Errorf("GetRange(%s): %v, want %v", name, err, objstore.ErrNotFound)
			}
			if _, err := b.Stat(ctx, name); !errors.Is(err, objstore.ErrNotFound) {
				t.Errorf("Stat(%s): %v, want %v", name, err, objstore.ErrNotFound)
			}
			if err := b.Delete(ctx, name); err != nil {
				t.Errorf("Delete(%s): %v", name, err)
			}
		}
		if got := list(t, b, "absent/"); len(got) != 0 {
			t.Errorf("List(absent/): %v", got)
		}
		wantObject(t, b, "there/x", []byte("x"))
	})

	t.Run("delete", func(t *testing.T) {
		b := open(t)
		put(t, b, "d/x", "x")
		put(t, b, "d/y", "y")
		if err := b.Delete(ctx, "d/x"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Get(ctx, "d/x"); !errors.Is(err, objstore.ErrNotFound) {
			t.Errorf("Get after Delete: %v", err)
		}
		if got, want := list(t, b, ""), []string{"d/y"}; !slices.Equal(got, want) {
			t.Errorf("List after Delete: %v, want %v", got, want)
		}
	})

	t.Run("list", func(t *testing.T) {
		b := open(t)
		names := []string{"a/x", "a-b", "a/b/c", "a/b-c", "A/z", "b", "a=/x", "ab/x", "a/b/d/e/f"}
		for _, name := range names {
			put(t, b, name, name)
		}
		slices.Sort(names)
		for _, prefix := range []string{"", "a/", "a/b/", "ab/", "none/"} {
			var want []string
			for _, name := range names {
				if strings.HasPrefix(name, prefix) {
					want = append(want, name)
				}
			}
			if got := list(t, b, prefix); !slices.Equal(got, want) {
				t.Errorf("List(%q): %v, want %v", prefix, got, want)
			}
		}
		stop := errors.New("enough")
		calls := 0
		err := b.List(ctx, "", func(objstore.Info) error { calls++; return stop })
		if !errors.Is(err, stop) || calls != 1 {
			t.Errorf("List stopped at once: %d calls, %v", calls, err)
		}
		if err := b.List(ctx, "a", func(objstore.Info) error { return nil }); err == nil {
			t.Error("List of a prefix without a slash: no error")
		}
		if err := b.List(ctx, "../", func(objstore.Info) error { return nil }); err == nil {
			t.Error("List(../): no error")
		}
	})

	t.Run("bad names", func(t *testing.T) {
		b := open(t)
		for _, name := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".tmp/a", "a b", "a\\b", "a*", "a'b", "é", "a\x00", strings.Repeat("x", 256), strings.Repeat("x/", 600) + "x"} {
			if err := b.Put(ctx, name, strings.NewReader("x"), 1); err == nil {
				t.Errorf("Put(%q): no error", name)
			}
			if err := b.PutIfAbsent(ctx, name, []byte("x")); err == nil {
				t.Errorf("PutIfAbsent(%q): no error", name)
			}
			if _, err := b.Get(ctx, name); err == nil {
				t.Errorf("Get(%q): no error", name)
			}
			if _, err := b.GetRange(ctx, name, 0, 1); err == nil {
				t.Errorf("GetRange(%q): no error", name)
			}
			if _, err := b.Stat(ctx, name); err == nil {
				t.Errorf("Stat(%q): no error", name)
			}
			if err := b.Delete(ctx, name); err == nil {
				t.Errorf("Delete(%q): no error", name)
			}
		}
		if got := list(t, b, ""); len(got) != 0 {
			t.Errorf("after bad names: %v", got)
		}
	})

	t.Run("tenants apart", func(t *testing.T) {
		b := open(t)
		for _, id := range oddTenants {
			put(t, b, "t/"+objstore.EncodeTenant(id)+"/x", id)
		}
		for _, id := range oddTenants {
			wantObject(t, b, "t/"+objstore.EncodeTenant(id)+"/x", []byte(id))
		}
	})

	t.Run("a reader that fails", func(t *testing.T) {
		if torn {
			t.Skip("the store itself leaves torn objects")
		}
		b := open(t)
		put(t, b, "f/old", "old")
		broken := errors.New("broken")
		half := func() io.Reader { return io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)) }
		for _, size := range []int64{8, -1} {
			for _, name := range []string{"f/new", "f/old"} {
				if err := b.Put(ctx, name, half(), size); !errors.Is(err, broken) {
					t.Errorf("Put(%s) from a broken reader: %v", name, err)
				}
			}
		}
		for _, size := range []int64{3, 5} {
			if err := b.Put(ctx, "f/new", iotest.OneByteReader(strings.NewReader("1234")), size); err == nil {
				t.Errorf("Put of 4 bytes announced as %d: no error", size)
			}
		}
		wantObject(t, b, "f/old", []byte("old"))
		if got, want := list(t, b, ""), []string{"f/old"}; !slices.Equal(got, want) {
			t.Errorf("after failed puts: %v, want %v", got, want)
		}
	})

	t.Run("all at once", func(t *testing.T) {
		b := open(t)
		names := 4 // each is written by two
		if torn {
			names = 8
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				name := fmt.Sprintf("w/%d/x", i%names)
				data := strings.Repeat(fmt.Sprint(i), 1000)
				if err := b.Put(ctx, name, strings.NewReader(data), int64(len(data))); err != nil {
					t.Error(err)
				}
				got, err := objstore.ReadAll(ctx, b, name, 1000)
				if err != nil || len(got) != 1000 || strings.Trim(string(got), string(got[:1])) != "" {
					t.Errorf("%s is %d bytes, mixed or short: %v", name, len(got), err)
				}
				if err := b.List(ctx, "w/", func(objstore.Info) error { return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})

	t.Run("cancelled", func(t *testing.T) {
		b := open(t)
		put(t, b, "x", "x")
		if _, ok := b.(*objstore.Remote); ok {
			t.Skip("whether a remote store looks before it acts is its own affair")
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if err := b.Put(ctx, "y", strings.NewReader("y"), 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Put: %v", err)
		}
		if err := b.PutIfAbsent(ctx, "y", []byte("y")); !errors.Is(err, context.Canceled) {
			t.Errorf("PutIfAbsent: %v", err)
		}
		if _, err := b.Get(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("Get: %v", err)
		}
		if err := b.List(ctx, "", func(objstore.Info) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("List: %v", err)
		}
		if err := b.Delete(ctx, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("Delete: %v", err)
		}
	})
}

func put(t *testing.T, b objstore.Bucket, name, data string) {
	t.Helper()
	if err := b.Put(t.Context(), name, strings.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

func wantObject(t *testing.T, b objstore.Bucket, name string, want []byte) {
	t.Helper()
	got, err := objstore.ReadAll(t.Context(), b, name, 1<<30)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes %.40q, %v, want %d bytes %.40q", name, len(got), got, err, len(want), want)
	}
	info, err := b.Stat(t.Context(), name)
	if err != nil || info.Name != name || info.Size != int64(len(want)) || info.Modified.IsZero() {
		t.Errorf("Stat(%s): %+v, %v, want %d bytes", name, info, err, len(want))
	}
}

func list(t *testing.T, b objstore.Bucket, prefix string) []string {
	t.Helper()
	var names []string
	if err := b.List(t.Context(), prefix, func(i objstore.Info) error {
		names = append(names, i.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return names
}
