package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// Every FS behaves alike as long as nothing goes wrong.
func TestAcceptance(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{
		"OS":             vfs.OS,
		"Mem":            vfs.NewMem(),
		"Faulty over OS": vfs.NewFaulty(vfs.OS, nil),
		"Faulty": vfs.NewFaulty(vfs.NewMem(), func(vfs.Op, string) error {
			return nil
		}),
	} {
		t.Run(name, func(t *testing.T) { accept(t, fsys) })
	}
}

func accept(t *testing.T, fsys vfs.FS) {
	root := t.TempDir()
	check(t, fsys.MkdirAll(root))
	in := func(t *testing.T) func(name string) string {
		dir := filepath.Join(root, filepath.Base(t.Name()))
		check(t, fsys.MkdirAll(dir))
		return func(name string) string { return filepath.Join(dir, name) }
	}

	t.Run("write and read", func(t *testing.T) {
		path := in(t)
		f, err := fsys.Create(path("f"))
		check(t, err)
		for _, s := range []string{"hello ", "", "world"} {
			n, err := f.Write([]byte(s))
			if n != len(s) || err != nil {
				t.Fatalf("Write(%q) is %d, %v", s, n, err)
			}
		}
		if got := f.Name(); got != path("f") {
			t.Errorf("Name is %q, want %q", got, path("f"))
		}
		if size, err := f.Size(); size != 11 || err != nil {
			t.Errorf("Size is %d, %v; want 11", size, err)
		}
		b := make([]byte, 5)
		if n, err := f.ReadAt(b, 6); n != 5 || err != nil || string(b) != "world" {
			t.Errorf("ReadAt of the writer is %q, %v", b[:n], err)
		}
		check(t, f.Sync())
		check(t, f.Close())
		if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Write after Close: %v, want fs.ErrClosed", err)
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("second Close: %v, want fs.ErrClosed", err)
		}

		r, err := fsys.Open(path("f"))
		check(t, err)
		defer r.Close()
		if all, err := io.ReadAll(r); string(all) != "hello world" || err != nil {
			t.Errorf("ReadAll is %q, %v", all, err)
		}
		if n, err := r.ReadAt(b, 8); n != 3 || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt over the end is %d, %v; want 3, EOF", n, err)
		}
		if n, err := r.ReadAt(b, 11); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt at the end is %d, %v; want 0, EOF", n, err)
		}
		if _, err := r.ReadAt(b, -1); err == nil {
			t.Error("ReadAt before the start did not fail")
		}
		if _, err := r.Write([]byte("x")); err == nil {
			t.Error("Write to a file opened for reading did not fail")
		}
	})

	t.Run("create empties", func(t *testing.T) {
		path := in(t)
		write(t, fsys, path("f"), "long content")
		write(t, fsys, path("f"), "short")
		if got := read(t, fsys, path("f")); got != "short" {
			t.Errorf("content is %q, want short", got)
		}
	})

	t.Run("list and stat", func(t *testing.T) {
		path := in(t)
		write(t, fsys, path("b"), "22")
		write(t, fsys, path("a"), "1")
		check(t, fsys.MkdirAll(path("d/e")))
		check(t, fsys.MkdirAll(path("d")))
		if got, want := list(t, fsys, path("")), "a b d/"; got != want {
			t.Errorf("ReadDir is %q, want %q", got, want)
		}
		info, err := fsys.Stat(path("b"))
		if check(t, err); info.Name != "b" || info.Size != 2 || info.Dir || info.ModTime.IsZero() {
			t.Errorf("Stat is %+v", info)
		}
		if info, err := fsys.Stat(path("d")); err != nil || !info.Dir {
			t.Errorf("Stat of a folder is %+v, %v", info, err)
		}
		if err := fsys.MkdirAll(path("a/x")); err == nil {
			t.Error("a folder was made inside of a file")
		}
	})

	t.Run("missing", func(t *testing.T) {
		path := in(t)
		_, open := fsys.Open(path("no"))
		_, stat := fsys.Stat(path("no"))
		_, readdir := fsys.ReadDir(path("no"))
		_, create := fsys.Create(path("no/f"))
		for op, err := range map[string]error{
			"open": open, "stat": stat, "readdir": readdir, "create": create,
			"rename": fsys.Rename(path("no"), path("b")), "remove": fsys.Remove(path("no")), "syncdir": fsys.SyncDir(path("no")),
		} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v, want fs.ErrNotExist", op, err)
			}
		}
		check(t, fsys.RemoveAll(path("no")))
		check(t, fsys.RemoveAll(path("no/way")))
	})

	t.Run("rename replaces", func(t *testing.T) {
		path := in(t)
		check(t, fsys.MkdirAll(path("d")))
		write(t, fsys, path("a"), "new")
		write(t, fsys, path("d/b"), "old")
		check(t, fsys.Rename(path("a"), path("d/b")))
		if got, want := list(t, fsys, path("")), "d/"; got != want {
			t.Errorf("after the rename there is %q, want %q", got, want)
		}
		if got := read(t, fsys, path("d/b")); got != "new" {
			t.Errorf("content is %q, want new", got)
		}
		check(t, fsys.Rename(path("d"), path("e")))
		if got := read(t, fsys, path("e/b")); got != "new" {
			t.Errorf("in the renamed folder the content is %q, want new", got)
		}
	})

	t.Run("remove", func(t *testing.T) {
		path := in(t)
		check(t, fsys.MkdirAll(path("d/e")))
		write(t, fsys, path("d/f"), "x")
		write(t, fsys, path("g"), "still here")
		if err := fsys.Remove(path("d")); err == nil {
			t.Error("a folder that is not empty was removed")
		}
		open, err := fsys.Open(path("g"))
		check(t, err)
		defer open.Close()
		check(t, fsys.Remove(path("g")))
		if all, err := io.ReadAll(open); string(all) != "still here" || err != nil {
			t.Errorf("a removed file that is open reads %q, %v", all, err)
		}
		check(t, fsys.Remove(path("d/e")))
		check(t, fsys.RemoveAll(path("d")))
		if got := list(t, fsys, path("")); got != "" {
			t.Errorf("after all was removed there is %q", got)
		}
		check(t, fsys.SyncDir(path("")))
	})

	t.Run("lock", func(t *testing.T) {
		path := in(t)
		l, err := fsys.Lock(path("lock"))
		check(t, err)
		_, err = fsys.Lock(path("lock"))
		if !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), "stopped") {
			t.Errorf("second Lock: %v, want ErrLocked and who is to be stopped", err)
		}
		check(t, l.Close())
		l, err = fsys.Lock(path("lock"))
		check(t, err)
		check(t, l.Close())
	})

	t.Run("usage", func(t *testing.T) {
		u, err := fsys.Usage(in(t)(""))
		if check(t, err); u.Total == 0 || u.Free > u.Total {
			t.Errorf("usage is %+v", u)
		}
	})

	t.Run("WriteFile", func(t *testing.T) {
		path := in(t)
		for _, content := range []string{"one", "two, longer", ""} {
			check(t, vfs.WriteFile(fsys, path("x/y/f"), []byte(content)))
			if got := read(t, fsys, path("x/y/f")); got != content {
				t.Errorf("content is %q, want %q", got, content)
			}
		}
		if got, want := list(t, fsys, path("x/y")), "f"; got != want {
			t.Errorf("the folder holds %q, want %q", got, want)
		}
		check(t, vfs.WriteFile(fsys, path("f"), []byte("12345")))
		if _, err := vfs.ReadFile(fsys, path("f"), 4); err == nil {
			t.Error("ReadFile read more than its limit")
		}
		if err := vfs.MkdirAllSync(fsys, path("f")); err == nil {
			t.Error("MkdirAllSync took a file for a folder")
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := fsys.Create(name)
	check(t, err)
	_, err = f.Write([]byte(content))
	check(t, err)
	check(t, f.Close())
}

func read(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	check(t, err)
	return string(b)
}

func list(t *testing.T, fsys vfs.FS, dir string) string {
	t.Helper()
	infos, err := fsys.ReadDir(dir)
	check(t, err)
	var names []string
	for _, i := range infos {
		if i.Dir {
			i.Name += "/"
		}
		names = append(names, i.Name)
	}
	return strings.Join(names, " ")
}
