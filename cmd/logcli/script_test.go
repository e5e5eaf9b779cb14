package main_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skaldlogs/skald/pkg/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

// TestScripts runs sessions of logcli against the server. Each script in
// testdata shows one thing, and may use, beside testscript's own commands:
//
//	start [-flag…]   run skald and wait until it is ready; LOKI_ADDR is its URL
//	push FILE        push the JSON in FILE
//
// The server takes entries however old, so scripts have times of their own.
func TestScripts(t *testing.T) {
	dir := filepath.Dir(parts.Program(t, "logcli"))
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", dir+string(os.PathListSeparator)+e.Getenv("PATH"))
			tb := e.T().(testing.TB)
			e.Values[tbKey{}] = tb
			e.Setenv("LOKI_ADDR", "http://"+parts.Addr(tb))
			return nil
		},
		Cmds:               map[string]func(*testscript.TestScript, bool, []string){"start": start, "push": push},
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("SKALD_UPDATE_SCRIPTS") != "",
	})
}

type tbKey struct{}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("start does not fail")
	}
	addr, tb := ts.Getenv("LOKI_ADDR"), ts.Value(tbKey{}).(testing.TB)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(addr, "http://"))
	ts.Check(err)
	p := parts.NewProcess(tb, parts.Program(tb, "skald"), append([]string{
		"-data.dir=" + filepath.Join(ts.Getenv("WORK"), "data"), "-ingester.wal-disk-full-threshold=0",
		"-server.http-listen-port=" + port, "-server.grpc-listen-port=0", "-validation.reject-old-samples=false",
	}, args...)...)
	ts.Defer(p.Kill) // before its folder goes
	p.Start()
	p.AwaitOK(addr + "/ready")
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
