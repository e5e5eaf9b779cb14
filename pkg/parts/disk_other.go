//go:build !linux

package parts

import "testing"

// SmallDisk skips the test: there is no way known to mount a disk here.
func SmallDisk(t testing.TB, _ int, instead string) (dir string) {
	t.Helper()
	t.Skip("a disk that can be filled is mounted on Linux only; " + instead)
	return ""
}
