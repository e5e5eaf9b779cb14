package objstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

func openFolder(t *testing.T, fs vfs.FS, dir string) *objstore.Folder {
	t.Helper()
	f, err := objstore.OpenFolder(fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestFolderBelongsToOne(t *testing.T) {
	dir := t.TempDir()
	first := openFolder(t, vfs.OS, dir)
	put(t, first, "a/b", "x")
	if second, err := objstore.OpenFolder(vfs.OS, dir); err == nil {
		_ = second.Close()
		t.Fatal("a folder opened twice")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantObject(t, openFolder(t, vfs.OS, dir), "a/b", []byte("x"))
}

// After Put returned, the object survives a crash; a put that did not return is
// there whole or not at all; a delete that returned holds.
func TestFolderCrash(t *testing.T) {
	for seed := range seeds.Few(t, 400) {
		if !crashFolder(t, seed) {
			t.Fatalf("seed %d", seed)
		}
	}
}

func crashFolder(t *testing.T, seed uint64) bool {
	rnd := rand.New(rand.NewPCG(seed, 1))
	mem := vfs.NewMem()
	ctx := t.Context()
	crash := errors.New("crash")
	there := map[string][]byte{} // what the last crash left
	for range 3 {
		// After some operations every further one fails: the process is gone.
		left := 10 + rnd.IntN(120)
		faulty := vfs.NewFaulty(mem, func(vfs.Op, string) error {
			if left--; left < 0 {
				return crash
			}
			return nil
		})
		bucket, err := objstore.OpenFolder(faulty, "data/bucket")
		if err != nil {
			mem = mem.Crash(rnd)
			continue
		}
		must := maps.Clone(there)    // what returned puts wrote; nil once deleted
		maybe := map[string][]byte{} // what a put was writing, or a delete deleting
		for left >= 0 {
			name := fmt.Sprintf("f%d/g%d/%d", rnd.IntN(3), rnd.IntN(2), rnd.IntN(4))
			data := bytes.Repeat([]byte{byte(rnd.IntN(256))}, rnd.IntN(5000))
			switch rnd.IntN(4) {
			case 0:
				if err := bucket.Delete(ctx, name); err != nil {
					maybe[name] = nil
				} else {
					must[name] = nil
				}
			case 1:
				err := bucket.PutIfAbsent(ctx, name, data)
				switch {
				case errors.Is(err, objstore.ErrExists):
					if must[name] == nil {
						t.Errorf("%s exists, but was never put", name)
						return false
					}
				case err != nil:
					if must[name] == nil {
						maybe[name] = data
					}
				default:
					if must[name] != nil {
						t.Errorf("%s was put over", name)
						return false
					}
					must[name] = data
				}
			default:
				if err := bucket.Put(ctx, name, bytes.NewReader(data), -1); err != nil {
					maybe[name] = data
				} else {
					must[name] = data
				}
			}
		}
		mem = mem.Crash(rnd)
		after := openFolder(t, mem, "data/bucket")
		found := map[string][]byte{}
		for _, name := range list(t, after, "") {
			data, err := objstore.ReadAll(ctx, after, name, 1<<20)
			if err != nil {
				t.Error(err)
				return false
			}
			found[name] = data
		}
		for name, got := range found {
			if want := must[name]; (want == nil || !bytes.Equal(got, want)) && (maybe[name] == nil || !bytes.Equal(got, maybe[name])) {
				t.Errorf("after the crash %s is %d bytes, want %d (or %d of a put that did not return)", name, len(got), len(want), len(maybe[name]))
				return false
			}
		}
		for name, want := range must {
			_, pending := maybe[name]
			if _, ok := found[name]; !ok && want != nil && !pending {
				t.Errorf("after the crash %s is gone", name)
				return false
			}
		}
		if got := leftovers(t, mem, "data/bucket"); len(got) > 0 {
			t.Errorf("temporary files after opening: %v", got)
			return false
		}
		if err := after.Close(); err != nil {
			t.Error(err)
			return false
		}
		there = found
	}
	return true
}

// leftovers finds files that are neither objects nor the lock.
func leftovers(t *testing.T, fs vfs.FS, dir string) []string {
	t.Helper()
	infos, err := fs.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, info := range infos {
		name := dir + "/" + info.Name
		switch {
		case info.Dir:
			found = append(found, leftovers(t, fs, name)...)
		case info.Name[0] == '.' && info.Name != ".lock":
			found = append(found, name)
		}
	}
	return found
}

// An object that a killed process had renamed, but whose folder it had not
// synced, is relied upon once the next process has listed it.
func TestFolderSyncsWhatItFinds(t *testing.T) {
	mem := vfs.NewMem()
	dying := false
	faulty := vfs.NewFaulty(mem, func(op vfs.Op, _ string) error {
		if dying && op == vfs.OpSyncDir {
			return errors.New("killed")
		}
		return nil
	})
	bucket := openFolder(t, faulty, "b")
	put(t, bucket, "a/first", "1")
	dying = true
	if err := bucket.PutIfAbsent(t.Context(), "a/second", []byte("2")); err == nil {
		t.Fatal("a put succeeded without a sync")
	}
	if err := bucket.Close(); err != nil {
		t.Fatal(err)
	}
	next := openFolder(t, mem, "b")
	wantObject(t, next, "a/second", []byte("2"))
	for seed := range seeds.Few(t, 50) {
		after := openFolder(t, mem.Crash(rand.New(rand.NewPCG(seed, 2))), "b")
		wantObject(t, after, "a/second", []byte("2"))
	}
}

func TestFolderFullDisk(t *testing.T) {
	faulty := vfs.NewFaulty(vfs.NewMem(), nil)
	bucket := openFolder(t, faulty, "b")
	put(t, bucket, "a/old", "old")
	faulty.SetBudget(1000)
	err := bucket.Put(t.Context(), "a/new", strings.NewReader(strings.Repeat("x", 5000)), 5000)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("put on a full disk: %v, want %v", err, syscall.ENOSPC)
	}
	if got := leftovers(t, faulty, "b"); len(got) > 0 {
		t.Errorf("temporary files after a failed put: %v", got)
	}
	wantObject(t, bucket, "a/old", []byte("old"))
	faulty.SetBudget(1 << 20)
	put(t, bucket, "a/new", "room again")
	wantObject(t, bucket, "a/new", []byte("room again"))
}
