package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// readOnly is a bucket in a folder that somebody else may have locked. It never
// changes anything there, and sees no file that is still being written: their
// names begin with a dot, as those of no object do.
type readOnly struct{ dir string }

var errReadOnly = errors.New("skaldtool does not change buckets")

func (r readOnly) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// open opens the file of an object.
func (r readOnly) open(name string) (*os.File, error) {
	if err := objstore.CheckName(name); err != nil {
		return nil, err
	}
	f, err := os.Open(r.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w", name, objstore.ErrNotFound)
	}
	return f, err
}

// Put implements [objstore.Bucket].
func (r readOnly) Put(context.Context, string, io.Reader, int64) error { return errReadOnly }

// PutIfAbsent implements [objstore.Bucket].
func (r readOnly) PutIfAbsent(context.Context, string, []byte) error { return errReadOnly }

// Delete implements [objstore.Bucket].
func (r readOnly) Delete(context.Context, string) error { return errReadOnly }

// Get implements [objstore.Bucket].
func (r readOnly) Get(_ context.Context, name string) (io.ReadCloser, error) { return r.open(name) }

// GetRange implements [objstore.Bucket].
func (r readOnly) GetRange(_ context.Context, name string, off, n int64) (io.ReadCloser, error) {
	f, err := r.open(name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, off, n), f}, nil
}

// Stat implements [objstore.Bucket].
func (r readOnly) Stat(_ context.Context, name string) (objstore.Info, error) {
	f, err := r.open(name)
	if err != nil {
		return objstore.Info{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return objstore.Info{}, err
	}
	return objstore.Info{Name: name, Size: info.Size(), Modified: info.ModTime()}, nil
}

// List implements [objstore.Bucket].
func (r readOnly) List(_ context.Context, prefix string, fn func(objstore.Info) error) error {
	var found []objstore.Info
	err := filepath.WalkDir(r.path(prefix), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it went meanwhile, or was never there
		case err != nil:
			return err
		case d.IsDir() || strings.HasPrefix(d.Name(), "."):
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(r.dir, path)
		if err != nil {
			return err
		}
		found = append(found, objstore.Info{Name: filepath.ToSlash(name), Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b objstore.Info) int { return strings.Compare(a.Name, b.Name) })
	for _, info := range found {
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}
