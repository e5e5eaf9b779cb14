package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A command is one word behind "skaldtool GROUP".
type command struct {
	name, args, about string
	flags             flags
}

// flags registers what a command takes and returns what it does with the
// arguments behind. The error of that is printed; [errReported] has been already.
type flags func(*flag.FlagSet) func(ctx context.Context, args []string, stdout, stderr io.Writer) error

// errReported says that what was found has been printed, and is not well.
var errReported = errors.New("it is not well")

// A usageError is about the command line rather than what it names.
type usageError string

func (e usageError) Error() string { return string(e) }

// runCommand runs one of the commands of a group and returns the exit code.
func runCommand(group string, commands []command, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(group, args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "skaldtool: unknown command \"%s %s\"\n\n%s", group, args[0], usage)
	return exitUsage
}

func (c *command) run(group string, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "Usage: skaldtool %s %s %s\n\n%s\n", group, c.name, c.args, c.about)
		options := false
		fs.VisitAll(func(*flag.Flag) { options = true })
		if options {
			fmt.Fprintln(fs.Output())
			fs.PrintDefaults()
		}
	}
	do := c.flags(fs)
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := bufio.NewWriter(stdout)
	err := do(ctx, fs.Args(), out, stderr)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "skaldtool: %s %s: %v\nskaldtool %s %s -h says more.\n", group, c.name, err, group, c.name)
		return exitUsage
	case !errors.Is(err, errReported):
		fmt.Fprintf(stderr, "skaldtool: %s %s: %v\n", group, c.name, err)
	}
	return exitFailed
}
