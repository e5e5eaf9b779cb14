// Command skald-canary writes entries, reads them back, and counts what is
// missing, late, doubled or out of order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/common/version"

	"github.com/skaldlogs/skald/clients/canary"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	f := flag.NewFlagSet("skald-canary", flag.ContinueOnError)
	var cfg canary.Config
	cfg.RegisterFlags(f)
	printVersion := f.Bool("version", false, "Print the version.")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 1
	}
	if *printVersion {
		fmt.Println(version.Print("skald-canary"))
		return 0
	}
	if cfg.Address == "" {
		cfg.Address = os.Getenv("LOKI_ADDRESS")
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	c, err := canary.New(cfg, os.Stdout, logger)
	if err != nil {
		fmt.Fprintln(os.Stderr, "skald-canary: "+err.Error())
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "skald-canary: "+err.Error())
		return 1
	}
	return 0
}
