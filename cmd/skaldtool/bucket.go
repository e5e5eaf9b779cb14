package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// A bucketCommand works on a bucket that is a folder. It only reads, so that a
// server may be running over it.
type bucketCommand struct {
	name, about string
	do          func(ctx context.Context, b *bucket, stdout, stderr io.Writer) error
}

var bucketCommands = []bucketCommand{
	{
		"list",
		"Says what is in a bucket: tenants, their segments by level, and each segment. DIR is the\nfolder of the bucket, or the data folder that it lies in. Reads the catalog only.",
		listBucket,
	},
	{
		"verify",
		"Reads every byte of a bucket, checks every entry of the catalog, every checksum and every\ncount of every segment, and names what is damaged, what is missing, and what belongs to\nnothing. DIR is the folder of the bucket, or the data folder that it lies in.",
		verifyBucket,
	},
}

// A bucket is a bucket on the local disk and its catalog, as they were when it was opened.
type bucket struct {
	objstore.Bucket
	catalog *catalog.Catalog
}

func runBucket(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	for _, c := range bucketCommands {
		if c.name == args[0] {
			return c.run(args[1:], stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "skaldtool: unknown command \"bucket %s\"\n\n%s", args[0], usage)
	return exitUsage
}

func (c *bucketCommand) run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprintf(fs.Output(), "Usage: skaldtool bucket %s DIR\n\n%s\n", c.name, c.about) }
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case fs.NArg() != 1:
		fmt.Fprintf(stderr, "skaldtool: want one folder, have %d\n\n", fs.NArg())
		fs.Usage()
		return exitUsage
	}
	out := bufio.NewWriter(stdout)
	ctx := context.Background()
	b, err := openBucket(ctx, fs.Arg(0))
	if err == nil {
		err = c.do(ctx, b, out, stderr)
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	switch {
	case err == nil:
		return exitOK
	case !errors.Is(err, errDamaged):
		fmt.Fprintf(stderr, "skaldtool: bucket %s %s: %v\n", c.name, fs.Arg(0), err)
	}
	return exitFailed
}

// openBucket opens the bucket in dir, or in a folder bucket there, and reads its catalog.
func openBucket(ctx context.Context, dir string) (*bucket, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	if info, err := os.Stat(filepath.Join(dir, "bucket")); err == nil && info.IsDir() {
		dir = filepath.Join(dir, "bucket")
	}
	b := &bucket{Bucket: readOnly{dir}}
	b.catalog, err = catalog.Open(ctx, b, catalog.Options{Mode: catalog.Follower})
	return b, err
}
