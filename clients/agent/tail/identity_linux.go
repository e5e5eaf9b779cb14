package tail

import (
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// stat follows symbolic links.
func stat(path string) (identity, error) {
	id, err := statx(unix.AT_FDCWD, path, 0)
	if err != nil {
		return identity{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return id, nil
}

func statFile(f *os.File) (identity, error) {
	id, err := statx(int(f.Fd()), "", unix.AT_EMPTY_PATH)
	if err != nil {
		return identity{}, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return id, nil
}

func statx(dir int, path string, flags int) (identity, error) {
	var st unix.Statx_t
	for {
		err := unix.Statx(dir, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ENOSYS || err == unix.EPERM: // before Linux 4.11, or in a sandbox that does not know it
			return oldStat(dir, path)
		case err != nil:
			return identity{}, err
		}
		id := identity{
			File: position.File{Device: unix.Mkdev(st.Dev_major, st.Dev_minor), Inode: st.Ino},
			size: int64(st.Size), modified: nanos(st.Mtime),
			regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		}
		if st.Mask&unix.STATX_BTIME == 0 {
			return id, nil
		}
		keeps, err := keepsBirth(id.Device, dir, path)
		if keeps {
			id.Born = nanos(st.Btime)
		}
		return id, err
	}
}

// oldStat is statx without the time of birth.
func oldStat(dir int, path string) (identity, error) {
	var st unix.Stat_t
	for {
		var err error
		if path == "" {
			err = unix.Fstat(dir, &st)
		} else {
			err = unix.Stat(path, &st)
		}
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return identity{}, err
		}
		return identity{
			File: position.File{Device: st.Dev, Inode: st.Ino},
			size: st.Size, modified: unix.TimespecToNsec(st.Mtim),
			regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		}, nil
	}
}

func nanos(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }

// Magic numbers of file systems whose files others change without an event here.
var remote = map[int64]bool{
	0x6969:     true, // NFS
	0x517b:     true, // SMB
	0xff534d42: true, // CIFS
	0xfe534d42: true, // SMB 2
	0x65735546: true, // FUSE
	0x01021997: true, // 9P
	0x00c36400: true, // Ceph
	0x0bd00bd0: true, // Lustre
	0x01161970: true, // GFS2
	0x7461636f: true, // OCFS2
}

// overlay is the magic number of overlayfs: what is written to there is born
// anew, under the same inode, when it leaves the lower layer.
const overlay = 0x794c7630

// silent reports whether changes in a folder may come without events.
func silent(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) != nil || remote[int64(st.Type)&0xffffffff]
}

// births are whether a device's files keep the time of their birth.
var births sync.Map

func keepsBirth(device uint64, dir int, path string) (bool, error) {
	if keeps, known := births.Load(device); known {
		return keeps.(bool), nil
	}
	var st unix.Statfs_t
	var err error
	if path == "" {
		err = unix.Fstatfs(dir, &st)
	} else {
		err = unix.Statfs(path, &st)
	}
	if err != nil {
		return false, err // the next look tells
	}
	magic := int64(st.Type) & 0xffffffff
	keeps := !remote[magic] && magic != overlay
	births.Store(device, keeps)
	return keeps, nil
}
