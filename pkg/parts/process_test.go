package parts_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

// role is the environment variable that makes the test binary a program to run.
const role = "PARTS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "speaker":
		os.Stdout.WriteString("begun\n")
		select {}
	case "complainer":
		os.Stdout.WriteString("no\n")
		os.Exit(3)
	}
	parts.Main(m)
}

func program(t *testing.T, as string) *parts.Process {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := parts.NewProcess(t, path)
	p.Env = []string{role + "=" + as}
	return p
}

// A process says what it says since its last start, and is gone after Kill.
func TestProcess(t *testing.T) {
	p := program(t, "speaker")
	for range 2 {
		p.Start()
		p.Await("speaking", func() bool { return p.Log.String() != "" })
		if got := p.Log.String(); got != "begun\n" {
			t.Errorf("it said %q", got)
		}
		pid := p.PID()
		p.Kill()
		p.Kill() // once more does no harm
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d runs after it was killed", pid)
		}
	}
}

// A process that ends while it is waited for fails the test, with its words.
func TestProcessEnds(t *testing.T) {
	r := &recorder{TB: t, fatal: make(chan string, 1)}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := parts.NewProcess(r, path)
	p.Env = []string{role + "=complainer"}
	done := make(chan struct{})
	go func() { // Fatal ends it
		defer close(done)
		p.Start()
		p.Await("ready", func() bool { return false })
	}()
	<-done
	if got := <-r.fatal; !strings.Contains(got, "no\n") {
		t.Errorf("the test ends with %q, want what the process said", got)
	}
}

// Ports are told apart, also when they were given back in between.
func TestPort(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		addr := parts.Addr(t)
		if seen[addr] {
			t.Fatalf("%s is given twice", addr)
		}
		seen[addr] = true
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
	for range 10 {
		t.Run("gives back", func(t *testing.T) {
			for range 20 {
				if addr := parts.Addr(t); seen[addr] {
					t.Fatalf("%s is given twice", addr)
				}
			}
		})
	}
}

// A recorder is a test that is told of its end rather than ended.
type recorder struct {
	testing.TB
	fatal chan string
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal <- fmt.Sprintf(format, args...)
	runtime.Goexit()
}
