package skald

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/skaldlogs/skald/pkg/storage"
)

// killStep is the environment variable of tests that kill the process between
// the steps of a change to the bucket: "entry written:3" ends it, as kill -9
// does, when that step is done for the third time; ":1" may be left out. It is
// for tests alone, and does nothing where it is not set.
const killStep = "SKALD_TEST_KILL_AT"

// killAt returns what the store and the compactor call after each step; nil when
// no test wants the process to end.
func killAt() func(storage.Step) error {
	step, times, _ := strings.Cut(os.Getenv(killStep), ":")
	if step == "" {
		return nil
	}
	n, err := strconv.ParseInt(times, 10, 64)
	if err != nil {
		n = 1
	}
	var done atomic.Int64
	return func(at storage.Step) error {
		if string(at) == step && done.Add(1) == n {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			select {} // until it is over
		}
		return nil
	}
}
