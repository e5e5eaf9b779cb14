package machine

import (
	"slices"
	"testing"
)

func TestLimitFiles(t *testing.T) {
	root := []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	for _, tc := range []struct {
		name, groups string
		want         []string
	}{
		{"in a container", "0::/\n", nil},
		{"a unit", "0::/system.slice/skald.service\n", []string{"/sys/fs/cgroup/system.slice/skald.service/memory.max", "/sys/fs/cgroup/system.slice/memory.max"}},
		{"the first version", "5:cpu:/a\n4:memory:/a/b\n0::/\n", []string{"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "/sys/fs/cgroup/memory/a/memory.limit_in_bytes"}},
		{"above what is seen", "0::/../../x\n", []string{"/sys/fs/cgroup/x/memory.max"}},
		{"none", "", nil},
		{"not such a file", "4:memory\n::\nx", nil},
	} {
		if got := limitFiles(tc.groups); !slices.Equal(got, append(slices.Clip(root), tc.want...)) {
			t.Errorf("%s: got %v, want %v more", tc.name, got, tc.want)
		}
	}
}
