package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// Files of a folder that are no objects: no object's name begins with a dot.
const (
	tmpPrefix = ".tmp-"
	lockFile  = ".lock"
)

// Folder is a bucket in a folder of a file system, an object a file. It keeps
// the promise of the package by the book: an object is written to a temporary
// file beside its place, synced, renamed to its name, and every folder that gained
// an entry on the way is synced before the put returns.
//
// A folder belongs to one process, which a lock in it guards.
type Folder struct {
	fs   vfs.FS
	root string
	lock io.Closer
	tmp  atomic.Uint64 // numbers temporary files

	naming sync.Mutex // held while objects appear and vanish: makes looking and renaming one step

	mu      sync.Mutex          // guards the fields below
	durable map[string]struct{} // folders known to outlive a crash, by their path below root
}

// OpenFolder opens the bucket in dir, which it makes if need be, and takes its
// lock. Puts that a crash cut short leave nothing behind.
func OpenFolder(fsys vfs.FS, dir string) (*Folder, error) {
	f := &Folder{fs: fsys, root: dir, durable: map[string]struct{}{}}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("open bucket in %s: %w", dir, err)
	}
	return f, nil
}

func (f *Folder) open() (err error) {
	if err := vfs.MkdirAllSync(f.fs, f.root); err != nil {
		return err
	}
	f.lock, err = f.fs.Lock(filepath.Join(f.root, lockFile))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.lock.Close()
		}
	}()
	return f.tidy("")
}

// tidy removes temporary files from folder and all below it, and makes what else
// is there durable. A process that was killed between a rename and its sync left
// an object that others will act upon: it must not vanish with the next loss of power.
func (f *Folder) tidy(folder string) error {
	infos, err := f.fs.ReadDir(f.path(folder))
	if err != nil {
		return err
	}
	for _, info := range infos {
		switch name := path.Join(folder, info.Name); {
		case info.Dir && CheckName(name) == nil:
			err = f.tidy(name)
		case !info.Dir && strings.HasPrefix(info.Name, tmpPrefix):
			err = f.fs.Remove(f.path(name))
		}
		if err != nil {
			return err
		}
	}
	if err := f.fs.SyncDir(f.path(folder)); err != nil {
		return err
	}
	f.durable[folder] = struct{}{}
	return nil
}

// Close gives up the lock. Readers that are open stay good.
func (f *Folder) Close() error { return f.lock.Close() }

func (f *Folder) path(name string) string {
	return filepath.Join(f.root, filepath.FromSlash(name))
}

// Put implements [Bucket].
func (f *Folder) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	return f.put(ctx, name, &sizedReader{r: r, size: size}, false)
}

// PutIfAbsent implements [Bucket].
func (f *Folder) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	return f.put(ctx, name, bytes.NewReader(data), true)
}

func (f *Folder) put(ctx context.Context, name string, r io.Reader, absent bool) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := f.makeFolder(parent(name))
	if err == nil {
		err = f.putFile(ctx, name, r, absent)
	}
	if err != nil {
		return fmt.Errorf("put object %s: %w", name, err)
	}
	return nil
}

func (f *Folder) putFile(ctx context.Context, name string, r io.Reader, absent bool) (err error) {
	tmp := filepath.Join(f.path(parent(name)), tmpPrefix+strconv.FormatUint(f.tmp.Add(1), 10))
	defer func() {
		if err != nil {
			// The next open removes it should this not succeed.
			_ = f.fs.Remove(tmp)
		}
	}()
	if err := f.writeFile(ctx, tmp, r); err != nil {
		return err
	}
	if err := f.nameFile(tmp, name, absent); err != nil {
		return err
	}
	return f.fs.SyncDir(f.path(parent(name)))
}

func (f *Folder) writeFile(ctx context.Context, tmp string, r io.Reader) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := f.fs.Create(tmp)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := io.Copy(file, contextReader{ctx, r}); err != nil {
		return err
	}
	return file.Sync()
}

// nameFile gives a finished file its name.
func (f *Folder) nameFile(tmp, name string, absent bool) error {
	f.naming.Lock()
	defer f.naming.Unlock()
	if absent {
		switch _, err := f.fs.Stat(f.path(name)); {
		case err == nil:
			// Whoever is told so may rely on it as if the put were its own.
			if err := f.fs.SyncDir(f.path(parent(name))); err != nil {
				return err
			}
			return ErrExists
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return f.fs.Rename(tmp, f.path(name))
}

// makeFolder makes sure that folder exists and would after a crash.
func (f *Folder) makeFolder(folder string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.makeFolderLocked(folder)
}

func (f *Folder) makeFolderLocked(folder string) error {
	if _, ok := f.durable[folder]; ok {
		return nil
	}
	if err := f.makeFolderLocked(parent(folder)); err != nil {
		return err
	}
	if err := f.fs.MkdirAll(f.path(folder)); err != nil {
		return err
	}
	if err := f.fs.SyncDir(f.path(parent(folder))); err != nil {
		return err
	}
	f.durable[folder] = struct{}{}
	return nil
}

// parent is the folder that name is in; "" is the bucket's own.
func parent(name string) string {
	folder, _ := path.Split(name)
	return strings.TrimSuffix(folder, "/")
}

// Get implements [Bucket].
func (f *Folder) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	file, err := f.openFile(ctx, name)
	if err != nil {
		return nil, err
	}
	return fileReader{contextReader{ctx, file}, file}, nil
}

// GetRange implements [Bucket].
func (f *Folder) GetRange(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	if err := checkRange(name, off, n); err != nil {
		return nil, err
	}
	file, err := f.openFile(ctx, name)
	if err != nil {
		return nil, err
	}
	return fileReader{contextReader{ctx, io.NewSectionReader(file, off, n)}, file}, nil
}

// readRange implements [rangeReader].
func (f *Folder) readRange(ctx context.Context, name string, p []byte, off int64) (err error) {
	if err := CheckName(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return readError(name, err)
	}
	file, err := f.fs.Open(f.path(name))
	if err != nil {
		return readError(name, err)
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	n, err := file.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return readError(name, err)
}

func (f *Folder) openFile(ctx context.Context, name string) (vfs.File, error) {
	if _, err := f.Stat(ctx, name); err != nil {
		return nil, err
	}
	file, err := f.fs.Open(f.path(name))
	if err != nil {
		return nil, readError(name, err)
	}
	return file, nil
}

// Stat implements [Bucket].
func (f *Folder) Stat(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return Info{}, readError(name, err)
	}
	info, err := f.fs.Stat(f.path(name))
	if err == nil && info.Dir {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Info{}, readError(name, err)
	}
	return Info{Name: name, Size: info.Size, Modified: info.ModTime}, nil
}

func readError(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	return fmt.Errorf("read object %s: %w", name, err)
}

// List implements [Bucket].
func (f *Folder) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	return f.list(ctx, strings.TrimSuffix(prefix, "/"), fn)
}

func (f *Folder) list(ctx context.Context, folder string, fn func(Info) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list objects below %q: %w", folder, err)
	}
	infos, err := f.fs.ReadDir(f.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list objects below %q: %w", folder, err)
	}
	// A folder's objects sort by the slash that follows its name.
	slices.SortFunc(infos, func(a, b vfs.Info) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, info := range infos {
		name := path.Join(folder, info.Name)
		switch {
		case CheckName(name) != nil: // ours, or put there by others
		case info.Dir:
			if err := f.list(ctx, name, fn); err != nil {
				return err
			}
		default:
			if err := fn(Info{Name: name, Size: info.Size, Modified: info.ModTime}); err != nil {
				return err
			}
		}
	}
	return nil
}

func sortName(info vfs.Info) string {
	if info.Dir {
		return info.Name + "/"
	}
	return info.Name
}

// Delete implements [Bucket]. It leaves folders in place: there are few, and a
// put may be about to use them.
func (f *Folder) Delete(ctx context.Context, name string) error {
	switch _, err := f.Stat(ctx, name); {
	case errors.Is(err, ErrNotFound):
		// Perhaps an earlier delete failed on its way to the disk: sync all the same.
	case err != nil:
		return fmt.Errorf("delete object %s: %w", name, err)
	default:
		if err := f.removeFile(name); err != nil {
			return fmt.Errorf("delete object %s: %w", name, err)
		}
	}
	if err := f.fs.SyncDir(f.path(parent(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}

func (f *Folder) removeFile(name string) error {
	f.naming.Lock()
	defer f.naming.Unlock()
	if err := f.fs.Remove(f.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// A fileReader reads what its Reader says, and closes the file.
type fileReader struct {
	io.Reader
	file io.Closer
}

func (r fileReader) Close() error { return r.file.Close() }

// A contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
