// Package vfs is the file system as an interface, as small as what keeps
// promises about disks needs it: write, sync, rename, sync the folder.
//
//	OS      the real one
//	Mem     in memory; Mem.Crash shows what a power cut could leave of it
//	Faulty  another one, with errors and full disks on demand
//
// Whoever promises that something survives a crash does its I/O through an [FS],
// and tests the promise with [Mem] and [Faulty]. The model of durability is the
// one POSIX gives, and no more:
//
//   - bytes of a file are safe once Sync of that file returned nil;
//   - that a name exists, was renamed or is gone is safe once SyncDir of its
//     folder returned nil; syncing a file does not make its name safe;
//   - after a failed Sync nothing is known about the bytes since the last good
//     one, and a later Sync that succeeds proves nothing about them.
//
// Names are paths in the manner of path/filepath. Errors are those of package
// os: test with errors.Is for fs.ErrNotExist, fs.ErrExist, syscall.ENOSPC.
//
// An FS may be used by any number of goroutines. A [File] may be read with
// ReadAt by any number at once; Read, Write, Sync and Close are for one at a time,
// save that Sync may run beside Write: bytes written meanwhile may be covered or not.
package vfs

import (
	"errors"
	"io"
	"time"
)

// ErrLocked marks a lock that another holder has.
var ErrLocked = errors.New("locked")

// A File is open for reading, or, when it comes from Create, for both. Writes
// append.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	// Sync returns when all bytes written before the call are on stable storage.
	Sync() error
	// Name is the name the file was opened by.
	Name() string
	// Size is the length of the file in bytes.
	Size() (int64, error)
}

// Info describes a file or folder.
type Info struct {
	Name    string // the last element of its path
	Size    int64  // in bytes; of no meaning for a folder
	Dir     bool
	ModTime time.Time
}

// Usage says how full the storage behind a folder is, in bytes.
type Usage struct {
	Free  uint64 // available to this process
	Total uint64
}

// An FS is a tree of files.
type FS interface {
	// Create opens a new file for writing. One that exists is emptied first.
	// The folder must exist.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// MkdirAll makes a folder and those above it that are missing. It syncs
	// nothing: see [MkdirAllSync].
	MkdirAll(dir string) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(dir string) ([]Info, error)
	// Stat describes a file or folder.
	Stat(name string) (Info, error)
	// Rename gives a file another name, in place of what had it. Within a folder
	// a crash leaves the old state or the new.
	Rename(from, to string) error
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// RemoveAll removes a file or a folder and all within; nothing there is no error.
	RemoveAll(name string) error
	// SyncDir returns when the names in the folder, not the files they stand for,
	// are on stable storage.
	SyncDir(dir string) error
	// Lock takes the lock that the file stands for, and makes the file if it is
	// missing. It never waits: while someone else holds it, in this process or
	// another, the error wraps [ErrLocked] and says who should be stopped.
	// Closing releases the lock, as does the end of the process.
	Lock(name string) (io.Closer, error)
	// Usage tells how full the storage behind a folder is.
	Usage(dir string) (Usage, error)
}
