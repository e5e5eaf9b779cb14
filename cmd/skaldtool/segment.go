package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// A segmentCommand works on one opened segment.
type segmentCommand struct {
	name, args, about string
	// flags registers what the command takes and returns what it does. The
	// error of that is printed; [errDamaged] has been already.
	flags func(*flag.FlagSet) func(r *segment.Reader, stdout, stderr io.Writer) error
}

var segmentCommands = []segmentCommand{
	{
		"inspect", "[-blocks] [-streams] FILE",
		"Says what is in a segment: whose it is, from when to when, how much, and how small it is.\nReads the index only.",
		inspectFlags,
	},
	{
		"verify", "FILE",
		"Reads every byte of a segment, checks every checksum and every count, and names\nwhat is damaged and where.",
		verifyFlags,
	},
	{
		"dump", "[-o text|jsonl] FILE",
		"Prints all entries of a segment, block by block: by stream, then by time. What is\ndamaged is named on standard error, and the rest is printed.",
		dumpFlags,
	},
}

// errDamaged says that damage was found and has been printed.
var errDamaged = errors.New("the segment is damaged")

func runSegment(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	for _, c := range segmentCommands {
		if c.name == args[0] {
			return c.run(args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "skaldtool: unknown command \"segment %s\"\n\n%s", args[0], usage)
	return exitUsage
}

func (c *segmentCommand) run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "Usage: skaldtool segment %s %s\n\n%s\n", c.name, c.args, c.about)
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
	case fs.NArg() != 1:
		fmt.Fprintf(stderr, "skaldtool: want one file, have %d\n\n", fs.NArg())
		fs.Usage()
		return exitUsage
	}
	out := bufio.NewWriter(stdout)
	err := withSegment(fs.Arg(0), func(r *segment.Reader) error { return do(r, out, stderr) })
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "skaldtool: %v\n", err)
		return exitUsage
	case !errors.Is(err, errDamaged):
		fmt.Fprintf(stderr, "skaldtool: %s %s: %v\n", c.name, fs.Arg(0), err)
	}
	return exitFailed
}

// A usageError is about the flags rather than the file.
type usageError string

func (e usageError) Error() string { return string(e) }

// withSegment calls fn with the segment in a file.
func withSegment(name string, fn func(*segment.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := segment.Open(context.Background(), file{f}, info.Size(), 0)
	if err != nil {
		return err
	}
	return fn(r)
}

// A file is a segment on the local disk.
type file struct{ *os.File }

func (f file) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}
