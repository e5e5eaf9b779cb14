package parts

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long something may take that another process does. It is long,
// since machines that run tests are slow at times.
const patience = 2 * time.Minute

// look is how often to look whether it is done: another process tells nobody.
const look = 10 * time.Millisecond

// A Process is a program that a test runs beside itself. It can be started again
// and again, and does not outlive the test.
type Process struct {
	Args []string // from the next start on
	Env  []string // NAME=value, beside those of the test
	Dir  string   // where it is started; empty: where the test runs
	In   []string // a command that runs the one that follows it; empty: none
	Log  *Log     // what it has said since it was started last
	// Explain, if not nil, tells more of what goes on when nothing does.
	Explain func() string

	tb      testing.TB
	program string
	cmd     *exec.Cmd // nil while it does not run
	exited  chan error
	cleans  bool // the test knows that it has to end it
}

// NewProcess prepares a process of the program with that path.
func NewProcess(tb testing.TB, program string, args ...string) *Process {
	return &Process{Args: args, Log: &Log{}, tb: tb, program: program}
}

// Start runs the process.
func (p *Process) Start() {
	p.tb.Helper()
	p.Log = &Log{}
	line := slices.Concat(p.In, []string{p.program}, p.Args)
	p.cmd = exec.Command(line[0], line[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = p.Log, p.Log
	p.cmd.Env = append(os.Environ(), p.Env...)
	p.cmd.Dir = p.Dir
	endWithUs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		p.tb.Fatal(err)
	}
	p.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan<- error) { exited <- cmd.Wait() }(p.cmd, p.exited)
	if !p.cleans {
		p.cleans = true
		p.tb.Cleanup(func() {
			p.Kill()
			if p.tb.Failed() {
				p.tb.Logf("%s said:\n%s", p.program, p.Log.Tail())
			}
		})
	}
}

// PID is the number of the process, which runs.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatal(err)
	}
}

// Kill ends the process as a crash would, and waits until it is gone.
func (p *Process) Kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // it may be gone already
		<-p.exited
		p.cmd = nil
	}
}

// Stop ends the process as an operator would. The test fails if it complains.
func (p *Process) Stop() {
	p.tb.Helper()
	p.Signal(syscall.SIGTERM)
	if err := <-p.exited; err != nil {
		p.tb.Errorf("%s did not stop well: %v\n%s", p.program, err, p.Log.Tail())
	}
	p.cmd = nil
}

// Poll asks again and again until ok says yes, for as long as one may wait for
// another process. The test fails when the process ends meanwhile.
func (p *Process) Poll(ok func() bool) bool {
	p.tb.Helper()
	return poll(ok, p.mustRun)
}

// mustRun fails the test when the process has ended.
func (p *Process) mustRun() {
	p.tb.Helper()
	select {
	case err := <-p.exited:
		p.exited <- err
		p.tb.Fatalf("%s ended: %v\n%s", p.program, err, p.Log.Tail())
	default:
	}
}

// Await is [Process.Poll] that fails the test when ok does not come to say yes.
func (p *Process) Await(what string, ok func() bool) {
	p.tb.Helper()
	if !p.Poll(ok) {
		p.tb.Fatalf("%s: not %s\n%s", p.program, what, p.Log.Tail())
	}
}

// Reach waits until count has reached want, however long that takes, as long as it
// rises. It fails the test when it stands still.
func (p *Process) Reach(what string, want int, count func() int) {
	p.tb.Helper()
	explain := func() string {
		if p.Explain == nil {
			return ""
		}
		return p.Explain()
	}
	last, since, slow := -1, time.Now(), false
	for {
		n := count()
		if n >= want {
			return
		}
		if n != last {
			last, since, slow = n, time.Now(), false
		}
		if !slow && time.Since(since) > patience/8 {
			slow = true
			p.tb.Logf("%s: still at %d of %d %s\n%s", p.program, n, want, what, explain())
		}
		if time.Since(since) > patience {
			p.tb.Fatalf("%s: stuck at %d of %d %s\n%s\n%s", p.program, n, want, what, explain(), p.Log.Tail())
		}
		p.mustRun()
		time.Sleep(5 * look) // what is counted takes longer to ask for
	}
}

// AwaitOK waits until a URL is answered with 200.
func (p *Process) AwaitOK(url string) {
	p.tb.Helper()
	p.Await("ready: "+url, func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == http.StatusOK
	})
}

// Await waits until something that other processes do has happened, or fails the
// test.
func Await(tb testing.TB, what string, happened func() bool) {
	tb.Helper()
	if !poll(happened, func() {}) {
		tb.Fatalf("waited in vain until %s", what)
	}
}

func poll(ok func() bool, between func()) bool {
	for began := time.Now(); ; {
		if ok() {
			return true
		}
		if time.Since(began) > patience {
			return false
		}
		between()
		time.Sleep(look)
	}
}

// A Log holds what a process says, and may be read while it speaks.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is all that was said so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Tail is the end of that.
func (l *Log) Tail() string {
	text := l.String()
	return text[max(0, len(text)-8000):]
}
