package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"skald": main})
}

// TestScripts runs the scripts, which may say beside testscript's own words:
//
//	ports             set $HTTP and $GRPC to free ports
//	ready             wait until $HTTP answers /ready with 200
//	GET path          write what $HTTP answers to standard output
//	POST path file    the same, with a body of JSON
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"ports": ports,
			"ready": ready,
			"GET": func(ts *testscript.TestScript, neg bool, args []string) {
				request(ts, neg, http.MethodGet, args[0], nil)
			},
			"POST": func(ts *testscript.TestScript, neg bool, args []string) {
				body := strings.ReplaceAll(ts.ReadFile(args[1]), "NOW", fmt.Sprint(time.Now().UnixNano()))
				request(ts, neg, http.MethodPost, args[0], strings.NewReader(body))
			},
		},
	})
}

func ports(ts *testscript.TestScript, _ bool, _ []string) {
	for _, name := range []string{"HTTP", "GRPC"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer l.Close()
		ts.Setenv(name, fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	}
}

// ready asks until the answer is yes: the process has just been started, and
// its port may not be open yet.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get("http://127.0.0.1:" + ts.Getenv("HTTP") + "/ready")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("not ready after half a minute")
}

func request(ts *testscript.TestScript, neg bool, method, path string, body io.Reader) {
	req, err := http.NewRequest(method, "http://127.0.0.1:"+ts.Getenv("HTTP")+path, body)
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, text)
	if failed := resp.StatusCode >= 400; failed != neg {
		ts.Fatalf("%s %s answers %d: %s", method, path, resp.StatusCode, text)
	}
}
