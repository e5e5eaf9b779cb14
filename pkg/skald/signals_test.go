package skald

import (
	"bufio"
	"io"
	"strings"
	"syscall"
	"testing"
)

func TestSignals(t *testing.T) {
	r, w := io.Pipe()
	ctx, stop := UntilSignal(t.Context(), w, discard{})
	defer stop()
	kill := func(s syscall.Signal) {
		if err := syscall.Kill(syscall.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}

	kill(syscall.SIGQUIT)
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "goroutine ") {
		t.Errorf("SIGQUIT writes %q (%v), want the stacks of goroutines", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if ctx.Err() != nil {
		t.Error("SIGQUIT ends the context")
	}

	kill(syscall.SIGTERM)
	<-ctx.Done()
}
