package main_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

func get(url string) (status int, body string) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// startSkald runs a real server and returns its address.
func startSkald(tb testing.TB) (addr string) {
	tb.Helper()
	port := parts.Port(tb)
	addr = "127.0.0.1:" + port
	p := parts.NewProcess(tb, parts.Program(tb, "skald"), "-data.dir="+tb.TempDir(), "-ingester.wal-disk-full-threshold=0",
		"-server.http-listen-port="+port, "-server.grpc-listen-port="+parts.Port(tb))
	p.Start()
	p.AwaitOK("http://" + addr + "/ready")
	return addr
}
