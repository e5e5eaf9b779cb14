package main_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries builds skald-agent, and the server beside it, once for all tests,
// as they are released.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "skald-agent-test")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+"/", ".", "../skald").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, nil
})

// A process is a program under test, which can be started again and again.
type process struct {
	tb   testing.TB
	name string
	args []string

	// explain, if not nil, tells more of the process when it is stuck.
	explain func() string

	cmd    *exec.Cmd
	exited chan error
	log    *logBuffer
}

// A logBuffer holds what a process says, and may be read while it speaks.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newProcess(tb testing.TB, name string, args ...string) *process {
	return &process{tb: tb, name: name, args: args, log: &logBuffer{}}
}

func (p *process) start(env ...string) {
	p.tb.Helper()
	dir, err := binaries()
	if err != nil {
		p.tb.Fatal(err)
	}
	p.cmd = exec.Command(filepath.Join(dir, p.name), p.args...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.Env = append(os.Environ(), env...)
	// The process must not outlive a test that is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	p.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan<- error) { exited <- cmd.Wait() }(p.cmd, p.exited)
	p.tb.Cleanup(p.kill)
}

// kill ends the process as a crash would, and waits until it is gone.
func (p *process) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		<-p.exited
		p.cmd = nil
	}
}

// stop ends the process as an operator would.
func (p *process) stop() {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.tb.Fatal(err)
	}
	if err := <-p.exited; err != nil {
		p.tb.Errorf("%s did not stop well: %v\n%s", p.name, err, p.tail())
	}
	p.cmd = nil
}

// tail is the end of what the process said.
func (p *process) tail() string {
	text := p.log.String()
	return text[max(0, len(text)-8000):]
}

// await fails the test unless ok says yes in time.
func (p *process) await(what string, ok func() bool) {
	p.tb.Helper()
	if !p.poll(ok) {
		p.tb.Fatalf("%s: not %s\n%s", p.name, what, p.tail())
	}
}

// poll asks again and again until ok says yes, or for half a minute.
func (p *process) poll(ok func() bool) bool {
	p.tb.Helper()
	for range 3000 {
		if ok() {
			return true
		}
		select {
		case err := <-p.exited:
			p.exited <- err
			p.tb.Fatalf("%s ended: %v\n%s", p.name, err, p.tail())
		default:
		}
		time.Sleep(10 * time.Millisecond) // another process: there is nothing to wait on
	}
	return false
}

// patience is how long something may stand still until it counts as stuck.
const patience = 2 * time.Minute

// reach waits until count has reached want, however long that takes, as long as
// it rises. It fails the test when it stands still.
func (p *process) reach(what string, want int, count func() int) {
	p.tb.Helper()
	explain := func() string {
		if p.explain == nil {
			return ""
		}
		return p.explain()
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
			p.tb.Logf("%s: still at %d of %d %s\n%s", p.name, n, want, what, explain())
		}
		if time.Since(since) > patience {
			p.tb.Fatalf("%s: stuck at %d of %d %s\n%s\n%s", p.name, n, want, what, explain(), p.tail())
		}
		select {
		case err := <-p.exited:
			p.exited <- err
			p.tb.Fatalf("%s ended: %v\n%s", p.name, err, p.tail())
		default:
		}
		time.Sleep(50 * time.Millisecond) // another process: there is nothing to wait on
	}
}

func get(url string) (status int, body string) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var b strings.Builder
	var buf [4096]byte
	for {
		n, err := resp.Body.Read(buf[:])
		b.Write(buf[:n])
		if err != nil {
			return resp.StatusCode, b.String()
		}
	}
}

// given are the ports that tests were told are free, so that none is told twice.
var given sync.Map

func freePort(tb testing.TB) string {
	tb.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		if err := l.Close(); err != nil {
			tb.Fatal(err)
		}
		if _, taken := given.LoadOrStore(port, true); !taken {
			return port
		}
	}
}

// startSkald runs a real server and returns its address.
func startSkald(tb testing.TB) (addr string) {
	tb.Helper()
	addr = "127.0.0.1:" + freePort(tb)
	p := newProcess(tb, "skald", "-data.dir="+tb.TempDir(), "-ingester.wal-disk-full-threshold=0",
		"-server.http-listen-port="+addr[len("127.0.0.1:"):], "-server.grpc-listen-port="+freePort(tb))
	p.start()
	p.await("ready", func() bool { status, _ := get("http://" + addr + "/ready"); return status == http.StatusOK })
	return addr
}
