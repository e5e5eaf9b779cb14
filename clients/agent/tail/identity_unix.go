//go:build unix

package tail

import (
	"io/fs"
	"os"
	"syscall"
)

// An identity is what the system says of a file.
type identity struct {
	device, inode  uint64
	size, modified int64
	regular        bool
}

// same reports whether both are the same file, at one moment.
func (i identity) same(o identity) bool { return i.device == o.device && i.inode == o.inode }

// stat follows symbolic links.
func stat(path string) (identity, error) {
	var st syscall.Stat_t
	for {
		err := syscall.Stat(path, &st)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return identity{}, &fs.PathError{Op: "stat", Path: path, Err: err}
		}
		return identityOf(&st), nil
	}
}

func statFile(f *os.File) (identity, error) {
	info, err := f.Stat()
	if err != nil {
		return identity{}, err
	}
	id, _ := identityOfInfo(info)
	return id, nil
}

func identityOfInfo(info fs.FileInfo) (identity, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identityOf(st), true
}

func identityOf(st *syscall.Stat_t) identity {
	return identity{
		device: uint64(st.Dev), inode: uint64(st.Ino), //nolint:unconvert // other systems have other types
		size: st.Size, modified: syscall.TimespecToNsec(modifiedOf(st)),
		regular: uint32(st.Mode)&syscall.S_IFMT == syscall.S_IFREG,
	}
}
