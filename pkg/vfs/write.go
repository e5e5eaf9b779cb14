package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// WriteFile makes name hold data, durably: after a crash it holds the old content
// (or is missing, if it was) or the new, and the new once WriteFile returned nil.
// Missing folders are made, durably too. It goes through name.tmp, so a name has
// one writer at a time.
func WriteFile(fsys FS, name string, data []byte) error {
	if err := writeFile(fsys, name, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func writeFile(fsys FS, name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := MkdirAllSync(fsys, dir); err != nil {
		return err
	}
	tmp := name + ".tmp"
	if err := writeSynced(fsys, tmp, data); err != nil {
		// What is left of it is overwritten next time; removing it now is a
		// kindness to a full disk.
		_ = fsys.Remove(tmp)
		return err
	}
	if err := fsys.Rename(tmp, name); err != nil {
		_ = fsys.Remove(tmp)
		return err
	}
	return fsys.SyncDir(dir)
}

func writeSynced(fsys FS, name string, data []byte) error {
	f, err := fsys.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// ReadFile returns all of a file. A file longer than limit bytes is refused
// before anything is allocated for it.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("read %s: %d bytes, at most %d expected", name, size, limit)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// MkdirAllSync makes a folder and those above it that are missing, so that a
// crash after it returned does not forget them.
func MkdirAllSync(fsys FS, dir string) error {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	info, err := fsys.Stat(dir)
	switch {
	case err == nil && !info.Dir:
		return &fs.PathError{Op: "mkdir", Path: dir, Err: errNotDir}
	case err == nil:
		if parent == dir || dir == "." || dir == ".." {
			return nil
		}
		// A process that died between making dir and syncing its parent leaves
		// a folder that a power cut still forgets. Levels are made one by one,
		// so only this, the deepest that exists, can be in that state. A parent
		// that we may not read is one in which we made nothing.
		if err := fsys.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if parent == dir {
		return err
	}
	if err := MkdirAllSync(fsys, parent); err != nil {
		return err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}
