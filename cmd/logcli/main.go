// Command logcli asks a server for logs and metrics of them, from a terminal.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/skaldlogs/skald/clients/logcli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := logcli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
