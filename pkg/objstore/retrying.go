package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/grafana/dskit/backoff"
)

// errDenied is wrapped by errors that trying again does not help against.
var errDenied = errors.New("access denied")

// RetryOptions tune a [Retrying]. The zero value is ready to use.
type RetryOptions struct {
	// Backoff says how often an operation is tried and how long to wait between
	// tries. Zero fields stand for 5 tries, 100 ms and 3 s.
	Backoff backoff.Config
	// Spool is where objects lie until their size is known. The zero value is memory.
	Spool Spool
}

// Retrying tries again what failed on its way to a bucket, with longer and longer
// pauses, until it has tried often enough or the context ends. A read that breaks
// off goes on where it was.
//
// What cannot be better the next time is not tried again: an object that is there,
// or not there, bad names, and access denied.
type Retrying struct {
	bucket Bucket
	o      RetryOptions
}

// NewRetrying returns b, tried again.
func NewRetrying(b Bucket, o RetryOptions) *Retrying {
	if o.Backoff.MaxRetries <= 0 {
		o.Backoff.MaxRetries = 5
	}
	if o.Backoff.MinBackoff <= 0 {
		o.Backoff.MinBackoff = 100 * time.Millisecond
	}
	if o.Backoff.MaxBackoff <= 0 {
		o.Backoff.MaxBackoff = 3 * time.Second
	}
	o.Backoff.MaxBackoff = max(o.Backoff.MinBackoff, o.Backoff.MaxBackoff)
	return &Retrying{bucket: b, o: o}
}

// hopeless reports whether another try would meet the same error.
func hopeless(err error) bool {
	for _, final := range []error{ErrNotFound, ErrExists, ErrTooLarge, errDenied, context.Canceled} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// try calls do until it succeeds or there is no sense in going on.
func (r *Retrying) try(ctx context.Context, do func() error) error {
	wait := backoff.New(ctx, r.o.Backoff)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := do()
		if err == nil || ctx.Err() != nil || hopeless(err) {
			return err
		}
		wait.Wait()
		if ctx.Err() != nil || !wait.Ongoing() {
			return fmt.Errorf("%w (tried %d times)", err, wait.NumRetries())
		}
	}
}

// Put implements [Bucket]. A reader that cannot be read twice is spooled.
func (r *Retrying) Put(ctx context.Context, name string, src io.Reader, size int64) (err error) {
	if err := CheckName(name); err != nil {
		return err
	}
	section, ok := src.(*io.SectionReader)
	if !ok {
		spooled, err := r.o.Spool.take(ctx, &sizedReader{r: src, size: size})
		if err != nil {
			return fmt.Errorf("put object %s: %w", name, err)
		}
		defer func() {
			if derr := spooled.drop(); err == nil && derr != nil {
				err = fmt.Errorf("put object %s: drop the spool: %w", name, derr)
			}
		}()
		section, size = spooled.section, spooled.section.Size()
	}
	return r.try(ctx, func() error {
		return r.bucket.Put(ctx, name, io.NewSectionReader(section, 0, section.Size()), size)
	})
}

// PutIfAbsent implements [Bucket]. A try whose answer got lost may have written
// the object: what is there then is compared with data.
func (r *Retrying) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	again := false
	return r.try(ctx, func() error {
		err := r.bucket.PutIfAbsent(ctx, name, data)
		if again && errors.Is(err, ErrExists) {
			there, readErr := ReadAll(ctx, r.bucket, name, int64(len(data)))
			switch {
			case readErr == nil && bytes.Equal(there, data):
				return nil
			case readErr != nil && !errors.Is(readErr, ErrTooLarge):
				return readErr
			}
		}
		again = true
		return err
	})
}

// Get implements [Bucket].
func (r *Retrying) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	return r.open(ctx, name, 0, -1)
}

// GetRange implements [Bucket].
func (r *Retrying) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := checkRange(name, off, n); err != nil {
		return nil, err
	}
	return r.open(ctx, name, off, n)
}

func (r *Retrying) open(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	rd := &resumed{retrying: r, ctx: ctx, name: name, off: off, n: n, wait: backoff.New(ctx, r.o.Backoff)}
	if err := r.try(ctx, rd.reopen); err != nil {
		return nil, err
	}
	return rd, nil
}

// Stat implements [Bucket].
func (r *Retrying) Stat(ctx context.Context, name string) (info Info, err error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	err = r.try(ctx, func() (err error) {
		info, err = r.bucket.Stat(ctx, name)
		return err
	})
	return info, err
}

// List implements [Bucket]. Nothing is told twice: fn is called once the listing
// is complete.
func (r *Retrying) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	var found []Info
	err := r.try(ctx, func() error {
		found = found[:0]
		return r.bucket.List(ctx, prefix, func(i Info) error {
			found = append(found, i)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, i := range found {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("list objects below %q: %w", prefix, err)
		}
		if err := fn(i); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements [Bucket].
func (r *Retrying) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return r.try(ctx, func() error { return r.bucket.Delete(ctx, name) })
}

// A resumed reader opens the object again where a read broke off.
type resumed struct {
	retrying *Retrying
	ctx      context.Context
	name     string
	off, n   int64 // what is left to read; n is negative for all that there is
	rc       io.ReadCloser
	wait     *backoff.Backoff // of breaks in a row
	ended    error            // sticky
}

func (r *resumed) reopen() (err error) {
	switch {
	case r.n >= 0:
		r.rc, err = r.retrying.bucket.GetRange(r.ctx, r.name, r.off, r.n)
	case r.off == 0:
		r.rc, err = r.retrying.bucket.Get(r.ctx, r.name)
	default:
		r.rc, err = r.retrying.bucket.GetRange(r.ctx, r.name, r.off, 1<<62)
	}
	return err
}

func (r *resumed) Read(p []byte) (int, error) {
	if r.ended != nil {
		return 0, r.ended
	}
	for {
		n, err := r.rc.Read(p)
		r.off += int64(n)
		if r.n >= 0 {
			r.n -= int64(n)
		}
		if n > 0 {
			r.wait.Reset()
		}
		switch {
		case err == nil || n > 0 && err != io.EOF:
			return n, nil // what is wrong comes again, or does not
		case err == io.EOF || r.ctx.Err() != nil || hopeless(err):
			r.ended = err
			return n, err
		}
		r.wait.Wait()
		if r.ctx.Err() != nil || !r.wait.Ongoing() {
			r.ended = err
			return 0, err
		}
		_ = r.rc.Close() // it is broken, and has said so
		if oerr := r.retrying.try(r.ctx, r.reopen); oerr != nil {
			r.rc, r.ended = io.NopCloser(bytes.NewReader(nil)), oerr
			return 0, oerr
		}
	}
}

func (r *resumed) Close() error { return r.rc.Close() }
