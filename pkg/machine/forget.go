package machine

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ForgetStart gives back the pages of the program's own file that were mapped
// into memory up to now. Most of them only the start needs: packages make
// themselves ready, and the linker lays what they do all over the file. Those
// that are needed again are mapped again when they are touched, from the
// system's cache. Where the system has no /proc, it does nothing.
func ForgetStart() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close() //nolint:errcheck // nothing was written
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		start, size, ok := parseMapping(lines.Text(), program)
		if ok {
			// Nothing is lost: what is never written to is as it is in the file.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, size, unix.MADV_DONTNEED)
		}
	}
}

// parseMapping reads a line of /proc/self/maps, and reports whether it is of a
// part of a file that is never written to:
//
//	00400000-01df0000 r-xp 00000000 fe:00 10903721    /usr/bin/skald-agent
func parseMapping(line, file string) (start, size uintptr, ok bool) {
	f := strings.Fields(line)
	if len(f) != 6 || f[5] != file || len(f[1]) != 4 || f[1][1] != '-' {
		return 0, 0, false
	}
	from, to, found := strings.Cut(f[0], "-")
	a, err1 := strconv.ParseUint(from, 16, 64)
	b, err2 := strconv.ParseUint(to, 16, 64)
	if !found || err1 != nil || err2 != nil || b <= a {
		return 0, 0, false
	}
	return uintptr(a), uintptr(b - a), true
}
