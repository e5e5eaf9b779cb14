package parts

import (
	"fmt"
	"syscall"
	"testing"
)

// SmallDisk mounts a disk of so many bytes for a test to fill, and returns its
// folder. The test is skipped without the right to mount, which no package gives;
// instead says what covers it then.
func SmallDisk(t testing.TB, bytes int, instead string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("a disk that can be filled needs the right to mount one: %v; %s", err, instead)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}
