// Package machine tells what this process has to work with, so that bounds can
// have defaults that fit the machine or the container.
package machine

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Memory is how much memory this process may use, in bytes: the limit of its
// container or control group, or that of the machine where there is none.
func Memory() int64 {
	total := int64(1 << 30)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total = int64(info.Totalram) * int64(info.Unit)
	}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for _, file := range limitFiles(string(groups)) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// "max", and the first version's number for it, are no limit below the machine's.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			total = min(total, n)
		}
	}
	return total
}

// limitFiles returns the files that a limit on memory may be in, given
// /proc/self/cgroup, which has a line for each hierarchy of control groups:
//
//	4:memory:/system.slice/skald.service      of the first version
//	0::/system.slice/skald.service            of the second
//
// Each group is bound by the limits of those above it, too. In a container the own
// group is mostly the root that it sees.
func limitFiles(groups string) []string {
	files := []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	for line := range strings.Lines(groups) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for at := path.Clean("/" + f[2]); at != "/"; at = path.Dir(at) {
			switch f[1] {
			case "":
				files = append(files, path.Join("/sys/fs/cgroup", at, "memory.max"))
			case "memory":
				files = append(files, path.Join("/sys/fs/cgroup/memory", at, "memory.limit_in_bytes"))
			}
		}
	}
	return files
}
