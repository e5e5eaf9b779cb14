package machine

import (
	"strings"
	"testing"
)

func TestForgottenAreFilesThatAreNotWrittenTo(t *testing.T) {
	const file = "/bin/a"
	for _, tc := range []struct {
		name, line string
		size       uintptr
		ok         bool
	}{
		{"code", "00400000-01df0000 r-xp 00000000 fe:00 10903721     /bin/a", 0x19f0000, true},
		{"constants", "01df0000-01df1000 r--p 019f0000 fe:00 10903721     /bin/a", 0x1000, true},
		{"variables", "03ae8000-03c40000 rw-p 036e8000 fe:00 10903721     /bin/a", 0, false},
		{"another file", "03ae8000-03c40000 r--p 036e8000 fe:00 10903721   /lib/b", 0, false},
		{"memory", "c000000000-c000400000 rw-p 00000000 00:00 0", 0, false},
		{"no addresses", "here-there r--p 00000000 fe:00 1 /bin/a", 0, false},
		{"backwards", "02-01 r--p 00000000 fe:00 1 /bin/a", 0, false},
		{"nothing", "", 0, false},
	} {
		_, size, ok := parseMapping(tc.line, file)
		if size != tc.size || ok != tc.ok {
			t.Errorf("%s: %#x bytes, %v; want %#x, %v", tc.name, size, ok, tc.size, tc.ok)
		}
	}
}

func TestProgramGoesOnAfterItForgot(t *testing.T) {
	before := strings.Repeat("a", 3)
	ForgetStart()
	if before != "aaa" || !strings.Contains(strings.ToUpper("still here"), "HERE") {
		t.Error("something is not as it was")
	}
}
