package vfs_test

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/skaldlogs/skald/pkg/vfs"
)

func TestFaultyAsksBeforeEveryOperation(t *testing.T) {
	boom := errors.New("boom")
	var fail vfs.Op
	mem := vfs.NewMem()
	check(t, mem.MkdirAll("d"))
	write(t, mem, "f", "content")
	fsys := vfs.NewFaulty(mem, func(op vfs.Op, _ string) error {
		if op == fail {
			return boom
		}
		return nil
	})
	file := func(do func(f vfs.File) error) func() error {
		return func() error {
			f, err := fsys.Create("new")
			if err != nil {
				return err
			}
			err = do(f)
			if closed := f.Close(); err == nil {
				err = closed
			}
			return err
		}
	}
	for op, do := range map[vfs.Op]func() error{
		vfs.OpCreate:    func() error { _, err := fsys.Create("new"); return err },
		vfs.OpOpen:      func() error { _, err := fsys.Open("f"); return err },
		vfs.OpMkdirAll:  func() error { return fsys.MkdirAll("e") },
		vfs.OpReadDir:   func() error { _, err := fsys.ReadDir("d"); return err },
		vfs.OpStat:      func() error { _, err := fsys.Stat("f"); return err },
		vfs.OpRename:    func() error { return fsys.Rename("f", "g") },
		vfs.OpRemove:    func() error { return fsys.Remove("f") },
		vfs.OpRemoveAll: func() error { return fsys.RemoveAll("d") },
		vfs.OpSyncDir:   func() error { return fsys.SyncDir("d") },
		vfs.OpLock:      func() error { _, err := fsys.Lock("l"); return err },
		vfs.OpUsage:     func() error { _, err := fsys.Usage("d"); return err },
		vfs.OpRead: func() error {
			f, err := fsys.Open("f")
			if err != nil {
				return err
			}
			if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, boom) {
				t.Errorf("ReadAt: %v, want boom", err)
			}
			_, err = io.ReadAll(f)
			return err
		},
		vfs.OpWrite: file(func(f vfs.File) error { _, err := f.Write([]byte("x")); return err }),
		vfs.OpSync:  file(func(f vfs.File) error { return f.Sync() }),
		vfs.OpClose: file(func(vfs.File) error { return nil }),
	} {
		fail = op
		if err := do(); !errors.Is(err, boom) {
			t.Errorf("%s: %v, want boom", op, err)
		}
	}
	fail = ""
	if got, want := list(t, mem, "."), "d/ f new"; got != want {
		t.Errorf("after operations that failed there is %q, want %q", got, want)
	}
}

func TestFaultyBudget(t *testing.T) {
	mem := vfs.NewMem()
	fsys := vfs.NewFaulty(mem, nil)
	f, err := fsys.Create("f")
	check(t, err)
	fsys.SetBudget(5)
	for _, tc := range []struct {
		write string
		n     int
		full  bool
	}{{"abc", 3, false}, {"def", 2, true}, {"g", 0, true}, {"", 0, false}} {
		n, err := f.Write([]byte(tc.write))
		if n != tc.n || errors.Is(err, syscall.ENOSPC) != tc.full {
			t.Errorf("Write(%q) is %d, %v; want %d, full %v", tc.write, n, err, tc.n, tc.full)
		}
	}
	if u, err := fsys.Usage("."); err != nil || u.Free != 0 {
		t.Errorf("usage of a full disk is %+v, %v", u, err)
	}
	fsys.SetBudget(-1)
	_, err = f.Write([]byte("h"))
	check(t, err)
	if got := read(t, mem, "f"); got != "abcdeh" {
		t.Errorf("content is %q, want abcdeh", got)
	}
}

func TestFaultyPartialWrite(t *testing.T) {
	mem := vfs.NewMem()
	fsys := vfs.NewFaulty(mem, func(op vfs.Op, _ string) error {
		if op == vfs.OpWrite {
			return &vfs.PartialWrite{N: 2, Err: syscall.EIO}
		}
		return nil
	})
	f, err := fsys.Create("f")
	check(t, err)
	if n, err := f.Write([]byte("abc")); n != 2 || !errors.Is(err, syscall.EIO) {
		t.Errorf("Write is %d, %v; want 2, EIO", n, err)
	}
	if got := read(t, mem, "f"); got != "ab" {
		t.Errorf("content is %q, want ab", got)
	}
}
