//go:build unix && !linux

package tail

import (
	"io/fs"
	"os"
	"syscall"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// stat follows symbolic links.
func stat(path string) (identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}, err
	}
	return identityOf(info), nil
}

func statFile(f *os.File) (identity, error) {
	info, err := f.Stat()
	if err != nil {
		return identity{}, err
	}
	return identityOf(info), nil
}

func identityOf(info fs.FileInfo) identity {
	id := identity{size: info.Size(), modified: info.ModTime().UnixNano(), regular: info.Mode().IsRegular()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.File = position.File{Device: uint64(st.Dev), Inode: uint64(st.Ino)} //nolint:unconvert // systems have different types
	}
	return id
}

// silent reports whether changes in a folder may come without events.
func silent(string) bool { return false }
