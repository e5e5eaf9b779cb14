package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"sync/atomic"
	"syscall"
)

// Op names an operation of a file system or of a file.
type Op string

// The operations that a [Faulty] asks its hook about.
const (
	OpCreate    Op = "create"
	OpOpen      Op = "open"
	OpMkdirAll  Op = "mkdirall"
	OpReadDir   Op = "readdir"
	OpStat      Op = "stat"
	OpRename    Op = "rename" // the name is the new one
	OpRemove    Op = "remove"
	OpRemoveAll Op = "removeall"
	OpSyncDir   Op = "syncdir"
	OpLock      Op = "lock"
	OpUsage     Op = "usage"
	OpRead      Op = "read" // Read and ReadAt of a file
	OpWrite     Op = "write"
	OpSync      Op = "sync"
	OpClose     Op = "close" // the file is closed all the same
)

// A PartialWrite is an error for a hook to return from [OpWrite]: N bytes are
// written before the write fails with Err.
type PartialWrite struct {
	N   int
	Err error
}

func (e *PartialWrite) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *PartialWrite) Unwrap() error { return e.Err }

// Faulty is a file system with faults: an error when its hook says so, and a
// full disk when its budget is spent.
type Faulty struct {
	fs     FS
	hook   func(op Op, name string) error
	budget atomic.Int64 // bytes that may still be written; negative: no limit
}

// NewFaulty returns fs with faults. hook is asked before each operation, by any
// goroutine; an error of its keeps the operation from happening. It may be nil.
func NewFaulty(fsys FS, hook func(op Op, name string) error) *Faulty {
	f := &Faulty{fs: fsys, hook: hook}
	f.budget.Store(-1)
	return f
}

// SetBudget sets how many bytes may be written from now on. A write beyond them
// is cut short and fails with syscall.ENOSPC. Negative means no limit, which is
// how a Faulty starts. Removing files gives nothing back.
func (f *Faulty) SetBudget(bytes int64) { f.budget.Store(bytes) }

// spend takes up to n bytes from the budget and returns how many it got.
func (f *Faulty) spend(n int) int {
	for {
		left := f.budget.Load()
		if left < 0 {
			return n
		}
		got := int(min(int64(n), left))
		if f.budget.CompareAndSwap(left, left-int64(got)) {
			return got
		}
	}
}

func (f *Faulty) ask(op Op, name string) error {
	if f.hook == nil {
		return nil
	}
	if err := f.hook(op, name); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

// Create implements [FS].
func (f *Faulty) Create(name string) (File, error) {
	if err := f.ask(OpCreate, name); err != nil {
		return nil, err
	}
	return f.wrap(f.fs.Create(name))
}

// Open implements [FS].
func (f *Faulty) Open(name string) (File, error) {
	if err := f.ask(OpOpen, name); err != nil {
		return nil, err
	}
	return f.wrap(f.fs.Open(name))
}

func (f *Faulty) wrap(file File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f}, nil
}

// MkdirAll implements [FS].
func (f *Faulty) MkdirAll(dir string) error {
	if err := f.ask(OpMkdirAll, dir); err != nil {
		return err
	}
	return f.fs.MkdirAll(dir)
}

// ReadDir implements [FS].
func (f *Faulty) ReadDir(dir string) ([]Info, error) {
	if err := f.ask(OpReadDir, dir); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(dir)
}

// Stat implements [FS].
func (f *Faulty) Stat(name string) (Info, error) {
	if err := f.ask(OpStat, name); err != nil {
		return Info{}, err
	}
	return f.fs.Stat(name)
}

// Rename implements [FS].
func (f *Faulty) Rename(from, to string) error {
	if err := f.ask(OpRename, to); err != nil {
		return err
	}
	return f.fs.Rename(from, to)
}

// Remove implements [FS].
func (f *Faulty) Remove(name string) error {
	if err := f.ask(OpRemove, name); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

// RemoveAll implements [FS].
func (f *Faulty) RemoveAll(name string) error {
	if err := f.ask(OpRemoveAll, name); err != nil {
		return err
	}
	return f.fs.RemoveAll(name)
}

// SyncDir implements [FS].
func (f *Faulty) SyncDir(dir string) error {
	if err := f.ask(OpSyncDir, dir); err != nil {
		return err
	}
	return f.fs.SyncDir(dir)
}

// Lock implements [FS].
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if err := f.ask(OpLock, name); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}

// Usage implements [FS]. While there is a budget, it is what is free.
func (f *Faulty) Usage(dir string) (Usage, error) {
	if err := f.ask(OpUsage, dir); err != nil {
		return Usage{}, err
	}
	u, err := f.fs.Usage(dir)
	if left := f.budget.Load(); left >= 0 {
		u.Free = min(u.Free, uint64(left))
	}
	return u, err
}

type faultyFile struct {
	File
	fs *Faulty
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.fs.ask(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.ask(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultyFile) Write(p []byte) (int, error) {
	fault := f.fs.ask(OpWrite, f.Name())
	allowed := math.MaxInt
	if fault != nil {
		allowed = 0
		var partial *PartialWrite
		if errors.As(fault, &partial) {
			allowed = max(partial.N, 0)
		}
	}
	want := min(len(p), allowed)
	got := f.fs.spend(want)
	if got < want {
		fault = &fs.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	if got == 0 && fault != nil {
		return 0, fault
	}
	n, err := f.File.Write(p[:got])
	if err != nil {
		return n, err
	}
	return n, fault
}

func (f *faultyFile) Sync() error {
	if err := f.fs.ask(OpSync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Close() error {
	fault := f.fs.ask(OpClose, f.Name())
	if err := f.File.Close(); err != nil {
		return err
	}
	return fault
}
