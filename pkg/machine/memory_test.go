package machine_test

import (
	"testing"

	"github.com/skaldlogs/skald/pkg/machine"
)

func TestMemoryIsPlausible(t *testing.T) {
	if n := machine.Memory(); n < 16<<20 || n > 1<<50 {
		t.Errorf("this process may use %d bytes of memory", n)
	}
}
