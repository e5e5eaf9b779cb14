package objstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/grafana/dskit/backoff"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/vfs"
)

var errFlaky = errors.New("the connection broke")

// A flaky bucket fails its first operations, and breaks its first reads off.
type flaky struct {
	objstore.Memory
	failures int // operations that fail before one succeeds
	breaks   int // reads that end early
	lost     int // puts that succeed and say that they did not
	calls    int
}

func (f *flaky) fail() error {
	f.calls++
	if f.failures > 0 {
		f.failures--
		return errFlaky
	}
	return nil
}

func (f *flaky) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := f.fail(); err != nil {
		_, _ = io.CopyN(io.Discard, r, 2) // it has read some by then
		return err
	}
	return f.Memory.Put(ctx, name, r, size)
}

func (f *flaky) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	f.calls++
	err := f.Memory.PutIfAbsent(ctx, name, data)
	if f.lost > 0 {
		f.lost--
		return errFlaky
	}
	return err
}

func (f *flaky) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	rc, err := f.Memory.GetRange(ctx, name, off, n)
	if err == nil && f.breaks > 0 {
		f.breaks--
		return io.NopCloser(io.MultiReader(io.LimitReader(rc, 3), iotest.ErrReader(errFlaky))), nil
	}
	return rc, err
}

func (f *flaky) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	return f.GetRange(ctx, name, 0, 1<<40)
}

func TestRetrying(t *testing.T) {
	const data = "0123456789"
	for _, tc := range []struct {
		name string
		b    *flaky
		do   func(context.Context, objstore.Bucket) error
		err  error
	}{
		{"a put succeeds the third time, from a reader that is read once", &flaky{failures: 2}, func(ctx context.Context, b objstore.Bucket) error {
			return b.Put(ctx, "x", strings.NewReader(data), -1)
		}, nil},
		{"a put fails for good", &flaky{failures: 9}, func(ctx context.Context, b objstore.Bucket) error {
			return b.Put(ctx, "x", strings.NewReader(data), -1)
		}, errFlaky},
		{"an answer that got lost is not a name taken", &flaky{lost: 1}, func(ctx context.Context, b objstore.Bucket) error {
			return b.PutIfAbsent(ctx, "x", []byte(data))
		}, nil},
		{"a name taken is one", &flaky{}, func(ctx context.Context, b objstore.Bucket) error {
			if err := b.PutIfAbsent(ctx, "x", []byte(data)); err != nil {
				return err
			}
			return b.PutIfAbsent(ctx, "x", []byte(data))
		}, objstore.ErrExists},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := objstore.NewRetrying(tc.b, objstore.RetryOptions{Backoff: backoff.Config{MaxRetries: 4}})
				if err := tc.do(t.Context(), b); !errors.Is(err, tc.err) {
					t.Fatalf("%v, want %v", err, tc.err)
				}
				if tc.err == nil {
					wantObject(t, b, "x", []byte(data))
				}
			})
		})
	}
}

func TestRetryingGoesOnReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{breaks: 3}
		b := objstore.NewRetrying(f, objstore.RetryOptions{})
		put(t, b, "x", "0123456789")
		p := make([]byte, 8)
		if err := objstore.ReadRange(t.Context(), b, "x", p, 1); err != nil || string(p) != "12345678" {
			t.Errorf("a range with breaks: %q, %v", p, err)
		}
		f.breaks = 3
		wantObject(t, b, "x", []byte("0123456789"))
		f.breaks = 100
		f.failures = 100
		if err := objstore.ReadRange(t.Context(), b, "x", p, 0); !errors.Is(err, errFlaky) {
			t.Errorf("a range that breaks off for good: %v", err)
		}
	})
}

func TestRetryingDoesNotTryInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{}
		b := objstore.NewRetrying(f, objstore.RetryOptions{})
		begun := time.Now()
		if _, err := b.Get(t.Context(), "absent"); !errors.Is(err, objstore.ErrNotFound) || f.calls != 1 {
			t.Errorf("%d tries, %v", f.calls, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		f.failures = 1000
		if _, err := b.Get(ctx, "x"); err == nil {
			t.Error("no error")
		}
		if waited := time.Since(begun); waited > time.Second {
			t.Errorf("it waited %s after its context had ended", waited-time.Second)
		}
	})
}

func TestSpoolLeavesNothing(t *testing.T) {
	fs := vfs.NewMem()
	spool, err := objstore.OpenSpool(fs, "spool")
	if err != nil {
		t.Fatal(err)
	}
	b := objstore.NewRetrying(&objstore.Memory{}, objstore.RetryOptions{Spool: spool})
	if err := b.Put(t.Context(), "x", bytes.NewReader(make([]byte, 1000)), -1); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(t.Context(), "y", iotest.ErrReader(errFlaky), -1); !errors.Is(err, errFlaky) {
		t.Errorf("a put from a broken reader: %v", err)
	}
	infos, err := fs.ReadDir("spool")
	if err != nil || len(infos) != 0 {
		t.Errorf("the spool holds %v, %v", infos, err)
	}
	// What a crash left goes when it is opened.
	f, err := fs.Create("spool/object-7")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := objstore.OpenSpool(fs, "spool"); err != nil {
		t.Fatal(err)
	}
	if infos, err := fs.ReadDir("spool"); err != nil || len(infos) != 0 {
		t.Errorf("the spool holds %v, %v after it was opened", infos, err)
	}
}
