// Command skald-agent reads logs and pushes them to Skald, or to any server with
// the same API. It runs a promtail.yaml as it is.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/common/version"

	"github.com/skaldlogs/skald/clients/agent"
	"github.com/skaldlogs/skald/clients/agent/config"
	"github.com/skaldlogs/skald/pkg/machine"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintln(stderr, "skald-agent: "+strings.ReplaceAll(err.Error(), "\n", "\nskald-agent: "))
		return 1
	}
	loaded, err := config.Load(args, os.Getenv)
	if err != nil {
		return fail(err)
	}
	f := &loaded.Flags
	switch {
	case f.Help:
		fmt.Fprint(stdout, config.Help())
		return 0
	case f.Version:
		fmt.Fprintln(stdout, version.Print("skald-agent"))
		return 0
	case f.CheckSyntax && f.File == "":
		return fail(fmt.Errorf("-check-syntax needs -config.file"))
	}
	if err := loaded.Check(); err != nil {
		return fail(err)
	}
	if f.PrintConfig || f.PrintConfigStderr {
		text, err := loaded.Config.Text()
		if err != nil {
			return fail(err)
		}
		if f.PrintConfig {
			fmt.Fprint(stdout, text)
			return 0
		}
		fmt.Fprint(stderr, text)
	}
	a, err := agent.New(loaded, stdin, stdout, stderr)
	if err != nil {
		return fail(err)
	}
	if f.LogConfigReverse {
		logReversed(a.Logger(), &loaded.Config)
	}
	loaded.LogWarnings(a.Logger())
	if f.CheckSyntax {
		fmt.Fprintln(stdout, "Valid config file! No syntax issues found")
		return 0
	}
	machine.TuneGC()
	if err := serve(a); err != nil {
		return fail(err)
	}
	return 0
}

// startTakes is how long after its start the agent has found its targets, as a
// rule, and does what it will do from then on.
const startTakes = 3 * time.Second

// serve runs the agent until the process is told to stop. A second signal ends
// the last tries to send, too.
func serve(a *agent.Agent) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	stopping, kill := context.WithCancel(context.Background())
	defer kill()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	go func() {
		for s := range signals {
			switch {
			case s == syscall.SIGHUP:
				go func() { _ = a.Reload(ctx) }() // the agent logs what is wrong
			case ctx.Err() == nil:
				level.Info(a.Logger()).Log("msg", "stopping", "signal", s)
				stop()
			default:
				kill()
			}
		}
	}()
	machine.ForgetStart()
	forget := time.AfterFunc(startTakes, machine.ForgetStart)
	defer forget.Stop()
	tidied := make(chan struct{})
	go func() {
		defer close(tidied)
		tidy(ctx)
	}()
	defer func() {
		stop()
		<-tidied
	}()
	return a.Run(ctx, stopping)
}

const (
	tidyEvery = 30 * time.Second
	// garbage is how much of it there may be in an agent of very many files.
	garbage = 64 << 20
)

// tidy keeps garbage bounded, until ctx is done.
func tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			machine.BoundGarbage(garbage)
		}
	}
}

// logReversed logs the configuration a line at a time, the last one first, as it
// reads best where the newest line is on top.
func logReversed(logger log.Logger, c *config.Config) {
	text, err := c.Text()
	if err != nil {
		level.Warn(logger).Log("msg", "print configuration", "err", err)
		return
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range slices.Backward(lines) {
		level.Info(logger).Log("config", line)
	}
}
