package pagecache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// disk keeps pages in files of a folder, one each, named for a hash of its key.
type disk struct {
	fs   vfs.FS
	dir  string
	lock io.Closer
	seq  atomic.Uint64 // numbers temporary files

	mu    sync.Mutex // guards the field below
	files *lru[string]
}

const (
	pageSuffix = ".page"
	tmpPrefix  = ".tmp-"
	lockFile   = ".lock"
)

// openDisk takes over what is in dir, the newest files as the most recently used.
// What is in a file is looked at when its page is wanted.
func openDisk(fsys vfs.FS, dir string, limit int64) (*disk, error) {
	d := &disk{fs: fsys, dir: dir, files: newLRU[string](limit)}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	var err error
	if d.lock, err = fsys.Lock(filepath.Join(dir, lockFile)); err != nil {
		return nil, err
	}
	infos, err := fsys.ReadDir(dir)
	if err == nil {
		err = d.adopt(infos)
	}
	if err != nil {
		return nil, errors.Join(err, d.lock.Close())
	}
	return d, nil
}

func (d *disk) adopt(infos []vfs.Info) error {
	slices.SortStableFunc(infos, func(a, b vfs.Info) int { return a.ModTime.Compare(b.ModTime) })
	for _, i := range infos {
		switch {
		case i.Dir:
		case strings.HasPrefix(i.Name, tmpPrefix):
			if err := d.fs.Remove(filepath.Join(d.dir, i.Name)); err != nil {
				return err
			}
		case strings.HasSuffix(i.Name, pageSuffix):
			// The key is not in the name: until the page is wanted the name stands for it.
			for _, gone := range d.files.add(key{object: i.Name}, i.Name, i.Size) {
				if err := d.fs.Remove(filepath.Join(d.dir, gone.value)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// nameOf is the file of a page.
func nameOf(k key) string {
	h := sha256.Sum256([]byte(k.object + "\x00" + strconv.FormatUint(uint64(k.page), 10)))
	return hex.EncodeToString(h[:16]) + pageSuffix
}

// get returns a page's bytes; none when it is not there, or not what was written.
func (d *disk) get(k key) ([]byte, error) {
	name := nameOf(k)
	d.mu.Lock()
	_, ok := d.files.get(key{object: name})
	d.mu.Unlock()
	if !ok {
		return nil, nil
	}
	b, err := d.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it went meanwhile
	}
	var data []byte
	if err == nil {
		data, err = decode(k, b)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), d.drop(name))
	}
	return data, nil
}

func (d *disk) read(name string) ([]byte, error) {
	f, err := d.fs.Open(filepath.Join(d.dir, name))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, headerLen+maxNameLen+PageBytes+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return b, err
}

// forget removes the file of a page, if there is one.
func (d *disk) forget(k key) error {
	name := nameOf(k)
	d.mu.Lock()
	_, ok := d.files.get(key{object: name})
	d.mu.Unlock()
	if !ok {
		return nil
	}
	if err := d.drop(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *disk) drop(name string) error {
	d.mu.Lock()
	d.files.remove(key{object: name})
	d.mu.Unlock()
	return d.fs.Remove(filepath.Join(d.dir, name))
}

// put keeps a page, and returns how many went for it.
func (d *disk) put(k key, data []byte) (gone int, err error) {
	name := nameOf(k)
	tmp := filepath.Join(d.dir, tmpPrefix+strconv.FormatUint(d.seq.Add(1), 10))
	b := encode(k, data)
	if err := d.write(tmp, b); err != nil {
		// The next open removes it should this not succeed.
		_ = d.fs.Remove(tmp)
		return 0, err
	}
	// The names are changed under the lock: a file that is evicted is not the one
	// that another goroutine has just put.
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fs.Rename(tmp, filepath.Join(d.dir, name)); err != nil {
		return 0, err
	}
	var errs []error
	evicted := d.files.add(key{object: name}, name, int64(len(b)))
	for _, i := range evicted {
		errs = append(errs, d.fs.Remove(filepath.Join(d.dir, i.value)))
	}
	return len(evicted), errors.Join(errs...)
}

func (d *disk) write(name string, b []byte) error {
	f, err := d.fs.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (d *disk) bytes() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files.bytes
}
