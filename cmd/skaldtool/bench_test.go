package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skaldlogs/skald/pkg/parts"
	"github.com/skaldlogs/skald/pkg/skald"
)

// The commands of the page are ones that the program takes.
func TestBenchmarksPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		line = strings.NewReplacer("$!", "1", "$PID", "1").Replace(strings.TrimSpace(line))
		args, ok := strings.CutPrefix(line, "skaldtool ")
		if !ok {
			continue
		}
		found++
		// Flags are read from the left: help comes out only if those before it are known.
		var said bytes.Buffer
		words := strings.Fields(args)
		words = slices.Insert(words, len(words)-trailing(words), "-h")
		if code := run(words, &said, &said); code != exitOK || !strings.Contains(said.String(), "Usage: skaldtool bench "+words[1]) {
			t.Errorf("%s: exit code %d\n%s", line, code, said.String())
		}
	}
	if found < 4 {
		t.Errorf("%d commands in the page, want at least 4", found)
	}
}

// trailing counts the arguments at the end that belong to no flag.
func trailing(words []string) int {
	if words[1] == "compare" {
		return len(words) - 2
	}
	return 0
}

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

// tbKey is under which a script has its test.
type tbKey struct{}

// freePorts sets variables of a script to ports that nobody listens on.
func freePorts(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		ts.Setenv(name, parts.Port(ts.Value(tbKey{}).(testing.TB)))
	}
}

// awaitReady waits until the server at an address takes requests.
func awaitReady(ts *testscript.TestScript, _ bool, args []string) {
	parts.Await(ts.Value(tbKey{}).(testing.TB), args[0]+" is ready", func() bool {
		resp, err := http.Get(args[0] + "/ready")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// pushLine pushes a line of an app, as of a minute ago, to the server at an address.
func pushLine(ts *testscript.TestScript, _ bool, args []string) {
	body, err := json.Marshal(map[string]any{"streams": []any{map[string]any{
		"stream": map[string]string{"app": args[1]},
		"values": [][]string{{strconv.FormatInt(time.Now().Add(-time.Minute).UnixNano(), 10), args[2]}},
	}}})
	ts.Check(err)
	resp, err := http.Post(args[0]+"/loki/api/v1/push", "application/json", bytes.NewReader(body))
	ts.Check(err)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		ts.Fatalf("the push is answered with %s", resp.Status)
	}
}
