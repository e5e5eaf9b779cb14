package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// segmentFlags is flags for a command on one opened segment.
type segmentFlags func(*flag.FlagSet) func(r *segment.Reader, stdout, stderr io.Writer) error

var segmentCommands = []command{
	{
		"inspect", "[-blocks] [-streams] FILE",
		"Says what is in a segment: whose it is, from when to when, how much, and how small it is.\nReads the index only.",
		onSegment(inspectFlags),
	},
	{
		"verify", "FILE",
		"Reads every byte of a segment, checks every checksum and every count, and names\nwhat is damaged and where.",
		onSegment(verifyFlags),
	},
	{
		"dump", "[-o text|jsonl] FILE",
		"Prints all entries of a segment, block by block: by stream, then by time. What is\ndamaged is named on standard error, and the rest is printed.",
		onSegment(dumpFlags),
	},
}

// onSegment opens the segment that is named behind the options.
func onSegment(register segmentFlags) flags {
	return func(fs *flag.FlagSet) func(context.Context, []string, io.Writer, io.Writer) error {
		do := register(fs)
		return func(_ context.Context, args []string, stdout, stderr io.Writer) error {
			if len(args) != 1 {
				return usageError(fmt.Sprintf("want one file, have %d", len(args)))
			}
			err := withSegment(args[0], func(r *segment.Reader) error { return do(r, stdout, stderr) })
			if err != nil && !errors.Is(err, errReported) && !errors.As(err, new(usageError)) {
				err = fmt.Errorf("%s: %w", args[0], err)
			}
			return err
		}
	}
}

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
