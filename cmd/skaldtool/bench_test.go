package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skaldlogs/skald/pkg/skald"
)

// serveSkald is the program "skald" of the scripts: a whole server.
func serveSkald() {
	loaded, err := skald.Load(os.Args[1:], os.Getenv)
	if err != nil {
		panic(err)
	}
	s, err := skald.New(loaded.Config, func(reg prometheus.Registerer) *skald.Logger {
		return skald.NewLogger(os.Stderr, loaded.Config.Server.LogFormat, loaded.Config.Server.LogLevel, reg)
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := skald.UntilSignal(context.Background(), os.Stderr, s.Logger())
	defer stop()
	if err := s.Run(ctx); err != nil {
		panic(err)
	}
}

// freePorts sets variables of a script to ports that nobody listens on.
func freePorts(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		ts.Check(err)
		ts.Setenv(name, port)
	}
}

// awaitReady waits until the server at an address takes requests.
func awaitReady(ts *testscript.TestScript, _ bool, args []string) {
	for range 3000 {
		if resp, err := http.Get(args[0] + "/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond) // another process: there is nothing to wait on
	}
	ts.Fatalf("%s is not ready", args[0])
}
