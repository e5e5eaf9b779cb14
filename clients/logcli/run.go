package logcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/skaldlogs/skald/clients/api"
)

// A cli is one run of logcli.
type cli struct {
	*screen
	in     io.Reader
	cfg    api.Config
	client *api.Client
	flags  flags
	print  printer
	now    time.Time
	paging bool // a server that gives fewer entries at once is asked for as many as it gives
}

// Run does what args say and returns the exit code: 0, or 1 where anything
// failed. Colours and progress are used where stdout and stderr are files that
// are terminals.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{screen: newScreen(stdout, stderr), in: stdin, now: time.Now()}
	app := kingpin.New("logcli", "Ask a server for logs and metrics of them, from a terminal.")
	app.Version(version.Print("logcli"))
	ended := false
	app.UsageWriter(stdout).ErrorWriter(stderr).Terminate(func(int) {
		ended = true
		app.UsageWriter(io.Discard) // Parse goes on, and would print usages
	})
	commands := c.register(app)
	command, err := app.Parse(args)
	if ended {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "logcli: error: %v, try --help\n", err)
		return 1
	}
	err = c.run(ctx, commands[command])
	if flushed := c.flush(); err == nil && flushed != nil {
		err = fmt.Errorf("write results: %w", flushed)
	}
	switch {
	case err == nil, ctx.Err() != nil && c.flags.tail:
		return 0
	case ctx.Err() != nil:
		return 1
	}
	c.logf("%s", describe(command, err))
	if hint := c.hint(err); hint != "" {
		c.logf("Hint: %s", hint)
	}
	return 1
}

func (c *cli) run(ctx context.Context, command func(context.Context) error) error {
	stop, err := c.profile()
	if err != nil {
		return err
	}
	defer stop()
	if err := c.settle(); err != nil {
		return err
	}
	if c.client, err = api.New(c.cfg); err != nil {
		return err
	}
	stopProgress := c.showProgress(!c.flags.quiet)
	defer stopProgress()
	return command(ctx)
}

// settle turns flags into settings.
func (c *cli) settle() error {
	f := &c.flags
	c.cfg.UserAgent = "loki-logcli/" + version.Version
	c.cfg.MinBackoff = time.Duration(f.minBackoff) * time.Second
	c.cfg.MaxBackoff = time.Duration(f.maxBackoff) * time.Second
	header, err := parseHeaders(f.headers)
	if err != nil {
		return err
	}
	c.cfg.Header = header
	c.cfg.Asked = func(url string) { c.infof("%s", url) }
	c.cfg.Failed = func(err error, remaining int) {
		if c.paging && serverLimit(err) > 0 {
			return
		}
		var status *api.StatusError
		if errors.As(err, &status) {
			c.logf("error response from server: %s (%s) attempts remaining: %d", strings.TrimRight(status.Body, "\n"), status.Status, remaining)
			return
		}
		c.logf("error sending request %v attempts remaining: %d", err, remaining)
	}
	c.explain(f.logLevel)
	c.print.settle(f, c.colours)
	return nil
}

// explain tells more of the work, the more the higher the level: with warning
// what goes less than well, with info each answer, with debug its headers.
func (c *cli) explain(level string) {
	if level == "error" {
		return
	}
	c.cfg.Waiting = func(d time.Duration) { c.logf("trying again in %s", d) }
	if level != "info" && level != "debug" {
		return
	}
	c.cfg.Answered = func(took time.Duration, bytes int, header http.Header) {
		c.logf("answered after %s with %d bytes", took, bytes)
		if level != "debug" {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(header)) {
			c.logf("%s: %s", name, strings.Join(header[name], ", "))
		}
	}
}

// infof tells about a query on stderr, unless it shall be quiet.
func (c *cli) infof(format string, args ...any) {
	if !c.flags.quiet {
		c.logf(format, args...)
	}
}

// profile starts the profiles that flags ask for.
func (c *cli) profile() (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, s := range stops {
			s()
		}
	}
	if name := c.flags.cpuProfile; name != "" {
		f, err := os.Create(name)
		if err != nil {
			return nil, fmt.Errorf("--cpuprofile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			f.Close()
			return nil, fmt.Errorf("--cpuprofile: %w", err)
		}
		stops = append(stops, func() { pprof.StopCPUProfile(); f.Close() })
	}
	if name := c.flags.memProfile; name != "" {
		f, err := os.Create(name)
		if err != nil {
			stop()
			return nil, fmt.Errorf("--memprofile: %w", err)
		}
		stops = append(stops, func() {
			runtime.GC()
			if err := pprof.WriteHeapProfile(f); err != nil {
				c.logf("--memprofile: %v", err)
			}
			f.Close()
		})
	}
	return stop, nil
}
