package skald

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// UntilSignal returns a context that ends when the process is told to stop, by
// SIGTERM or SIGINT. A second signal kills. SIGQUIT writes the stacks of all
// goroutines to w, and nothing stops. The function given back ends the waiting.
func UntilSignal(ctx context.Context, w io.Writer, logger log.Logger) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if s == syscall.SIGQUIT {
					_, _ = w.Write(stacks())
					continue
				}
				level.Info(logger).Log("msg", "stopping", "signal", s)
				cancel()
				return
			}
		}
	}()
	return ctx, cancel
}

// stacks is what every goroutine is doing.
func stacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size || size >= 64<<20 {
			return append(buf[:n], '\n')
		}
	}
}
