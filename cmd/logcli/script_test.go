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

	"github.com/rogpeppe/go-internal/testscript"
)

// binaries builds logcli and a server for it to ask, once for all tests.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "logcli-test")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", dir, ".", "../skald").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// TestScripts runs sessions of logcli against the server. Each script in
// testdata shows one thing, and may use, beside testscript's own commands:
//
//	start [-flag…]   run skald and wait until it is ready; LOKI_ADDR is its URL
//	push FILE        push the JSON in FILE
//
// The server takes entries however old, so scripts have times of their own.
func TestScripts(t *testing.T) {
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", dir+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("LOKI_ADDR", "http://"+freePort(e.T().(testing.TB)))
			return nil
		},
		Cmds:               map[string]func(*testscript.TestScript, bool, []string){"start": start, "push": push},
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("SKALD_UPDATE_SCRIPTS") != "",
	})
}

func freePort(tb testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("start does not fail")
	}
	addr := ts.Getenv("LOKI_ADDR")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(addr, "http://"))
	ts.Check(err)
	cmd := exec.Command("skald", append([]string{
		"-data.dir=" + filepath.Join(ts.Getenv("WORK"), "data"), "-ingester.wal-disk-full-threshold=0",
		"-server.http-listen-port=" + port, "-server.grpc-listen-port=0", "-validation.reject-old-samples=false",
	}, args...)...)
	dir, err := binaries()
	ts.Check(err)
	cmd.Path, cmd.Err = filepath.Join(dir, "skald"), nil
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	// The process must not outlive a test that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(cmd.Start())
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	ts.Defer(func() { _ = cmd.Process.Kill(); <-exited })
	for range 3000 {
		select {
		case <-exited:
			ts.Fatalf("skald stopped before it was ready:\n%s", &log)
		default:
		}
		if resp, err := http.Get(addr + "/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond) // another process: there is nothing to wait on
	}
	ts.Fatalf("skald is not ready")
}

func push(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: push FILE")
	}
	resp, err := http.Post(ts.Getenv("LOKI_ADDR")+"/loki/api/v1/push", "application/json", strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		ts.Fatalf("push: %s", resp.Status)
	}
}
