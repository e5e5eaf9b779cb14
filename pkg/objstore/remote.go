package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	thanos "github.com/thanos-io/objstore"
)

// Remote is a bucket behind thanos-io/objstore: S3, GCS, Azure and the others it
// knows. Durability and wholeness are those of the store.
//
// It does not try again, and an upload whose size is not known costs what the
// library takes for it, which may be half a gigabyte of memory: [Retrying] sees to both.
//
// The library has no conditional upload, so PutIfAbsent looks first and then
// writes: of two processes that race for one name both may win. Callers take
// names that no other process makes, such as ULIDs, and use PutIfAbsent to
// notice their own mistakes.
type Remote struct {
	bucket  thanos.Bucket
	listing []thanos.IterOption
}

// NewRemote returns a bucket over b, which the caller closes when done.
func NewRemote(b thanos.Bucket) *Remote {
	r := &Remote{bucket: b, listing: []thanos.IterOption{thanos.WithRecursiveIter()}}
	if slices.Contains(b.SupportedIterOptions(), thanos.UpdatedAt) {
		r.listing = append(r.listing, thanos.WithUpdatedAt())
	}
	return r
}

// wrap names what was wanted, and says ErrNotFound for the store's own word.
func (r *Remote) wrap(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	if r.bucket.IsObjNotFoundErr(err) {
		err = errors.Join(ErrNotFound, err)
	} else if r.bucket.IsAccessDeniedErr(err) {
		err = errors.Join(errDenied, err)
	}
	return fmt.Errorf("%s object %s: %w", verb, name, err)
}

// Put implements [Bucket].
func (r *Remote) Put(ctx context.Context, name string, src io.Reader, size int64) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if section, ok := src.(*io.SectionReader); ok && section.Size() == size {
		// Stores send its parts side by side, and need no memory for them.
		return r.wrap("put", name, r.bucket.Upload(ctx, name, announcedSection{section}))
	}
	sized := &sizedReader{r: src, size: size}
	var body io.Reader = sized
	if size >= 0 {
		body = announcedReader{sized}
	}
	return r.wrap("put", name, r.bucket.Upload(ctx, name, body))
}

// PutIfAbsent implements [Bucket], among the callers of one process.
func (r *Remote) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	switch there, err := r.bucket.Exists(ctx, name); {
	case err != nil:
		return r.wrap("look for", name, err)
	case there:
		return fmt.Errorf("put object %s: %w", name, ErrExists)
	}
	return r.wrap("put", name, r.bucket.Upload(ctx, name, bytes.NewReader(data)))
}

// Get implements [Bucket].
func (r *Remote) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	rc, err := r.bucket.Get(ctx, name)
	if errors.Is(err, io.EOF) {
		// The library looks for a first byte, which an empty object has not.
		if a, aerr := r.bucket.Attributes(ctx, name); aerr == nil && a.Size == 0 {
			return io.NopCloser(bytes.NewReader(nil)), nil
		}
	}
	if err != nil {
		return nil, r.wrap("read", name, err)
	}
	return rc, nil
}

// GetRange implements [Bucket].
func (r *Remote) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := checkRange(name, off, n); err != nil {
		return nil, err
	}
	rc, err := r.bucket.GetRange(ctx, name, off, n)
	if err != nil {
		return nil, r.wrap("read", name, err)
	}
	return rc, nil
}

// Stat implements [Bucket].
func (r *Remote) Stat(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	a, err := r.bucket.Attributes(ctx, name)
	if err != nil {
		return Info{}, r.wrap("read", name, err)
	}
	return Info{Name: name, Size: a.Size, Modified: a.LastModified}, nil
}

// List implements [Bucket]. It gathers all names before it calls fn, since not
// every store lists in the order of bytes.
func (r *Remote) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	var found []Info
	err := r.bucket.IterWithAttributes(ctx, prefix, func(a thanos.IterObjectAttributes) error {
		if CheckName(a.Name) != nil || !strings.HasPrefix(a.Name, prefix) {
			return nil // folder markers and what others put there
		}
		modified, _ := a.LastModified()
		found = append(found, Info{Name: a.Name, Size: -1, Modified: modified})
		return nil
	}, r.listing...)
	if err != nil {
		return fmt.Errorf("list objects below %q: %w", prefix, err)
	}
	return callSorted(ctx, prefix, found, fn)
}

// Delete implements [Bucket].
func (r *Remote) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := r.bucket.Delete(ctx, name)
	if err != nil && r.bucket.IsObjNotFoundErr(err) {
		return nil
	}
	return r.wrap("delete", name, err)
}

// An announcedReader tells the size of what it reads, which spares stores that
// upload in parts from guessing.
type announcedReader struct{ *sizedReader }

// ObjectSize implements the library's interface of sized readers.
func (a announcedReader) ObjectSize() (int64, error) { return a.size, nil }

// An announcedSection does the same for what can be read anywhere.
type announcedSection struct{ *io.SectionReader }

// ObjectSize implements the library's interface of sized readers.
func (a announcedSection) ObjectSize() (int64, error) { return a.Size(), nil }
