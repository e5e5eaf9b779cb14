package vfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// crashes runs do on a new Mem, crashes it once per seed, and counts the
// descriptions of what was left.
func crashes(t *testing.T, do func(t *testing.T, m *vfs.Mem), describe func(t *testing.T, m *vfs.Mem) string) map[string]int {
	t.Helper()
	left := map[string]int{}
	m := vfs.NewMem()
	do(t, m)
	for seed := range seeds.Few(t, 300) {
		left[describe(t, m.Crash(rand.New(rand.NewPCG(seed, 0))))]++
	}
	return left
}

func TestCrash(t *testing.T) {
	names := func(t *testing.T, m *vfs.Mem) string { return list(t, m, ".") }
	for _, tc := range []struct {
		name     string
		do       func(t *testing.T, m *vfs.Mem)
		describe func(t *testing.T, m *vfs.Mem) string
		want     []string // all of these, and nothing else
	}{
		{"a name without SyncDir may be forgotten", func(t *testing.T, m *vfs.Mem) {
			write(t, m, "a", "")
		}, names, []string{"", "a"}},
		{"a synced name stays", func(t *testing.T, m *vfs.Mem) {
			write(t, m, "a", "")
			check(t, m.SyncDir("."))
		}, names, []string{"a"}},
		{"syncing a file does not sync its name", func(t *testing.T, m *vfs.Mem) {
			f, err := m.Create("a")
			check(t, err)
			check(t, f.Sync())
		}, names, []string{"", "a"}},
		{"a folder above that was not synced takes all with it", func(t *testing.T, m *vfs.Mem) {
			check(t, m.MkdirAll("d"))
			write(t, m, "d/a", "")
			check(t, m.SyncDir("d"))
		}, func(t *testing.T, m *vfs.Mem) string {
			_, err := m.Stat("d/a")
			return fmt.Sprint(errors.Is(err, fs.ErrNotExist))
		}, []string{"true", "false"}},
		{"a removal may be forgotten", func(t *testing.T, m *vfs.Mem) {
			write(t, m, "a", "")
			check(t, m.SyncDir("."))
			check(t, m.Remove("a"))
		}, names, []string{"", "a"}},
		{"a synced removal is not", func(t *testing.T, m *vfs.Mem) {
			write(t, m, "a", "")
			check(t, m.SyncDir("."))
			check(t, m.Remove("a"))
			check(t, m.SyncDir("."))
		}, names, []string{""}},
		{"a rename within a folder happens or not", func(t *testing.T, m *vfs.Mem) {
			write(t, m, "a", "")
			check(t, m.SyncDir("."))
			check(t, m.Rename("a", "b"))
		}, names, []string{"a", "b"}},
		{"a rename between folders may leave both names, never none", func(t *testing.T, m *vfs.Mem) {
			check(t, m.MkdirAll("x"))
			check(t, m.MkdirAll("y"))
			write(t, m, "x/a", "")
			check(t, m.SyncDir("x"))
			check(t, m.SyncDir("."))
			check(t, m.Rename("x/a", "y/b"))
		}, func(t *testing.T, m *vfs.Mem) string { return list(t, m, "x") + "|" + list(t, m, "y") }, []string{"a|", "a|b", "|b"}},
		{"a rename whose target was removed for good does not come back", func(t *testing.T, m *vfs.Mem) {
			check(t, m.MkdirAll("x"))
			check(t, m.MkdirAll("y"))
			write(t, m, "x/a", "")
			check(t, m.SyncDir("x"))
			check(t, m.SyncDir("."))
			check(t, m.Rename("x/a", "y/b"))
			check(t, m.SyncDir("y"))
			check(t, m.Remove("y/b"))
			check(t, m.SyncDir("y"))
		}, func(t *testing.T, m *vfs.Mem) string { return list(t, m, "x") + "|" + list(t, m, "y") }, []string{"a|", "|"}},
		{"emptying a file may be forgotten", func(t *testing.T, m *vfs.Mem) {
			check(t, vfs.WriteFile(m, "a", []byte("old")))
			write(t, m, "a", "")
		}, func(t *testing.T, m *vfs.Mem) string { return read(t, m, "a") }, []string{"", "old"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			left := crashes(t, tc.do, tc.describe)
			for _, w := range tc.want {
				if left[w] == 0 {
					t.Errorf("no crash left %q: %v", w, left)
				}
				delete(left, w)
			}
			if len(left) > 0 {
				t.Errorf("crashes left also %v", left)
			}
		})
	}
}

func TestCrashTearsUnsyncedBytes(t *testing.T) {
	const synced, tail = "this was synced;", "this was written after it and never synced"
	left := crashes(t, func(t *testing.T, m *vfs.Mem) {
		f, err := m.Create("a")
		check(t, err)
		for i, s := range []string{synced, tail} {
			_, err = f.Write([]byte(s))
			check(t, err)
			if i == 0 {
				check(t, f.Sync())
			}
		}
		check(t, m.SyncDir("."))
	}, func(t *testing.T, m *vfs.Mem) string {
		got, ok := strings.CutPrefix(read(t, m, "a"), synced)
		switch {
		case !ok:
			return "synced bytes lost"
		case len(got) > len(tail):
			return "bytes invented"
		case got == "":
			return "nothing"
		case got == tail:
			return "all"
		case strings.HasPrefix(tail, got):
			return "a prefix"
		case strings.Contains(got, "\x00"):
			return "zeroes"
		default:
			return "garbage"
		}
	})
	for _, w := range []string{"nothing", "all", "a prefix", "zeroes", "garbage"} {
		if left[w] == 0 {
			t.Errorf("no crash left %s: %v", w, left)
		}
		delete(left, w)
	}
	if len(left) > 0 {
		t.Errorf("crashes left also %v", left)
	}
}

func TestCrashLeavesTheOriginalAlone(t *testing.T) {
	m := vfs.NewMem()
	write(t, m, "a", "content")
	l, err := m.Lock("lock")
	check(t, err)
	defer l.Close()
	for seed := range seeds.Few(t, 20) {
		c := m.Crash(rand.New(rand.NewPCG(seed, 0)))
		if _, err := c.Lock("lock"); err != nil {
			t.Fatalf("a lock outlived the crash: %v", err)
		}
		if got := read(t, m, "a"); got != "content" {
			t.Fatalf("the crash changed the original to %q", got)
		}
	}
}

// Whatever happens, and wherever it is cut off by a fault, WriteFile leaves the
// old content or the new; the new for sure once it returned.
func TestWriteFileIsAtomic(t *testing.T) {
	for seed := range seeds.Few(t, 2000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := vfs.NewMem()
		name := filepath.Join("a", "b", "f")
		acknowledged, last := "missing", "missing"
		steps := rnd.IntN(40)
		fsys := vfs.NewFaulty(m, func(vfs.Op, string) error {
			if steps--; steps < 0 {
				return errors.New("power is going")
			}
			return nil
		})
		for i := 0; steps >= 0; i++ {
			last = fmt.Sprintf("content %d", i)
			if err := vfs.WriteFile(fsys, name, []byte(last)); err == nil {
				acknowledged = last
			}
		}
		c := m.Crash(rnd)
		got := "missing"
		if b, err := vfs.ReadFile(c, name, 1<<10); err == nil {
			got = string(b)
		}
		if got != acknowledged && got != last {
			t.Fatalf("seed %d: found %q; acknowledged was %q, last attempt %q", seed, got, acknowledged, last)
		}
	}
}
