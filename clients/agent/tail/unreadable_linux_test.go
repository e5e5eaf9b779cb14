package tail

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sys/unix"
)

// asNobody has this thread open files as somebody who owns none, until the test ends.
func asNobody(t *testing.T) {
	runtime.LockOSThread()
	if os.Getuid() != 0 {
		return // what nobody may read, this user may not either
	}
	set := func(id int) { _, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(id), 0, 0) }
	set(65534)
	t.Cleanup(func() {
		set(0)
		runtime.UnlockOSThread()
	})
}

// A file that may not be read is told of, once, and read from its beginning when it may be.
func TestAFileThatMayNotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(t, 1, "*.log")
		l := h.file("a.log", "")
		l.write(3)
		h.check(os.Chmod(l.path, 0))
		for _, dir := range []string{h.logs, h.run, filepath.Dir(h.logs)} {
			h.check(os.Chmod(dir, 0o777))
		}
		asNobody(t)
		h.turns(10)
		if n := testutil.ToFloat64(h.tailer.metrics.failed.WithLabelValues("error")); n != 1 {
			t.Errorf("told of %g times, want once", n)
		}
		if len(h.got) > 0 {
			t.Errorf("read what may not be: %v", h.got)
		}
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, 0, 0, 0)
		h.check(os.Chmod(l.path, 0o644))
		h.settled()
		h.verify([]*logFile{l})
		h.end()
	})
}
