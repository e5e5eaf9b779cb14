// Package machine tells what this process has to work with, so that bounds can
// have defaults that fit the machine or the container.
package machine

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Memory is how much memory this process may use, in bytes: the limit of its
// container, or that of the machine where there is none.
func Memory() int64 {
	total := int64(1 << 30)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total = int64(info.Totalram) * int64(info.Unit)
	}
	for _, file := range []string{
		"/sys/fs/cgroup/memory.max",                   // v2
		"/sys/fs/cgroup/memory/memory.limit_in_bytes", // v1
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// "max", and v1's number for it, are no limit below the machine's.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && n < total {
			return n
		}
	}
	return total
}
