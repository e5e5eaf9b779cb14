package objstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrNotFound is wrapped by the errors of reads of an object that is not there.
var ErrNotFound = errors.New("object not found")

// ErrExists is wrapped by the error of [Bucket.PutIfAbsent] when an object of
// that name is there already.
var ErrExists = errors.New("object exists")

// ErrTooLarge is wrapped by the error of [ReadAll] for an object over the limit.
var ErrTooLarge = errors.New("object too large")

// A Bucket holds objects by name. Objects appear whole or not at all, and what a
// returned put wrote is durable.
type Bucket interface {
	// Put writes an object, replacing any of that name. It reads r to its end.
	// size is how many bytes that will be, or negative when it is not known. A
	// reader that ends early, or with an error, fails the put, and what was there
	// before stays.
	Put(ctx context.Context, name string, r io.Reader, size int64) error
	// PutIfAbsent writes a small object unless one of that name is there, which
	// is an error that wraps ErrExists.
	PutIfAbsent(ctx context.Context, name string, data []byte) error
	// Get opens an object for reading from its start. The caller closes it.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// GetRange opens the n bytes at off. n is positive and off within the object;
	// a range that reaches past the end gives what there is. The caller closes it.
	GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error)
	// Stat describes an object.
	Stat(ctx context.Context, name string) (Info, error)
	// List calls fn for each object below prefix, however deep, in the order of
	// their names' bytes. prefix is empty or ends in a slash. An error of fn ends
	// the listing and is returned.
	List(ctx context.Context, prefix string, fn func(Info) error) error
	// Delete removes an object, durably. One that is not there is no error.
	Delete(ctx context.Context, name string) error
}

// Info describes an object.
type Info struct {
	Name string
	// Size in bytes; -1 in the listings of stores that do not tell it.
	Size int64
	// Modified is when the object was written by the store's clock; zero when
	// the store does not tell.
	Modified time.Time
}

// ReadAll reads a whole object of at most limit bytes. A larger one is an
// error that wraps [ErrTooLarge].
func ReadAll(ctx context.Context, b Bucket, name string, limit int64) ([]byte, error) {
	r, err := b.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read object %s: more than %d bytes: %w", name, limit, ErrTooLarge)
	}
	return data, nil
}

// ReadRange fills p with the bytes of an object at off. An object that ends
// before p is full is an error that wraps io.ErrUnexpectedEOF.
func ReadRange(ctx context.Context, b Bucket, name string, p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	if rr, ok := b.(rangeReader); ok {
		return rr.readRange(ctx, name, p, off)
	}
	r, err := b.GetRange(ctx, name, off, int64(len(p)))
	if err != nil {
		return err
	}
	_, err = io.ReadFull(r, p)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read %d bytes of object %s at %d: %w", len(p), name, off, err)
	}
	return nil
}

// A rangeReader is a bucket that fills a buffer by a shorter way than GetRange.
type rangeReader interface {
	readRange(ctx context.Context, name string, p []byte, off int64) error
}

// A sizedReader holds the reader of a put to the size that was announced. It
// tells that size to stores that want it up front.
type sizedReader struct {
	r    io.Reader
	size int64 // negative: any
	n    int64
}

func (s *sizedReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	switch {
	case s.size >= 0 && s.n > s.size:
		err = fmt.Errorf("reader goes on after the %d bytes announced", s.size)
	case s.size >= 0 && s.n < s.size && err == io.EOF:
		err = fmt.Errorf("reader ends after %d of the %d bytes announced", s.n, s.size)
	}
	return n, err
}

// checkRange refuses ranges that no object has.
func checkRange(name string, off, n int64) error {
	if off < 0 || n <= 0 {
		return fmt.Errorf("read object %s: no range has offset %d and length %d", name, off, n)
	}
	return nil
}
