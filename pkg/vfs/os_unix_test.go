//go:build linux || darwin || freebsd

package vfs

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that is being started shares all descriptors until it runs its
// program. The lock must not wait for that.
func TestLockIsGivenBackWhileItsFileIsOpen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	l, err := OS.Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := unix.Dup(int(l.(heldLock).f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(shared)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OS.Lock(name)
	if err != nil {
		t.Fatalf("lock it again: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
