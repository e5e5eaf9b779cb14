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
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A bucketCommand works on a bucket that is a folder. Unless it says otherwise it
// only reads, so that a server may be running over it.
type bucketCommand struct {
	name, about string
	configured  int      // which operand a configuration may name in its place
	operands    []string // behind the options; the first is the bucket
	options     func(*flag.FlagSet) *bucketOptions
	do          func(ctx context.Context, j *bucketJob) error
}

// A bucketJob is a command on its way.
type bucketJob struct {
	*bucket
	closer     io.Closer
	configured bool // the bucket that is restored to is that of a configuration
	// toWrite opens the bucket that is changed, which no server does meanwhile
	// where it is a folder.
	toWrite        func(context.Context) (*bucket, func() error, error)
	args           []string
	options        *bucketOptions
	stdout, stderr io.Writer
}

func reading(do func(ctx context.Context, b *bucket, stdout, stderr io.Writer) error) func(context.Context, *bucketJob) error {
	return func(ctx context.Context, j *bucketJob) error { return do(ctx, j.bucket, j.stdout, j.stderr) }
}

const bucketAbout = "DIR is the\nfolder of the bucket, or the data folder that it lies in."

var bucketCommands = []bucketCommand{
	{
		"list",
		"Says what is in a bucket: tenants, their segments by level, and each segment. " + bucketAbout + " Reads the catalog only.",
		0,
		[]string{"DIR"},
		nil, reading(listBucket),
	},
	{
		"verify",
		"Reads every byte of a bucket, checks every entry of the catalog, every checksum and every\ncount of every segment, and names what is damaged, what is missing, and what belongs to\nnothing. DIR is the folder of the bucket, or the data folder that it lies in.",
		0,
		[]string{"DIR"},
		nil, reading(verifyBucket),
	},
	{
		"repair",
		"Says what of the damage in a bucket can be repaired, how, and what is lost by it; with\n-write it does so, which takes a bucket that no server runs over, or, of a remote store, no\ncompactor. " + bucketAbout,
		0,
		[]string{"DIR"},
		repairOptions, repairBucket,
	},
	{
		"snapshot",
		"Copies what a bucket has of some tenants and times to a new folder, which is a bucket itself.\nWhat delete requests hide is left out. What a server has in memory is not in its bucket:\nPOST /flush puts it there. " + bucketAbout,
		0,
		[]string{"DIR", "SNAPSHOT"},
		copyOptions, snapshotBucket,
	},
	{
		"restore",
		"Copies what a snapshot, or any bucket, has of some tenants and times into another bucket. Where\nthat is a folder no server may run over it. Entries that are there already still count once. " + bucketAbout,
		1,
		[]string{"SNAPSHOT", "DIR"},
		copyOptions, restoreBucket,
	},
	{
		"receipts",
		"Lists the delete requests that were finished, and what they removed. " + bucketAbout,
		0,
		[]string{"DIR"},
		nil, listReceipts,
	},
	{
		"verify-receipt",
		"Compares the receipt of a delete request with the bucket: whether its sums agree, what was\nwritten is there as it was written, what it replaced is gone, and no entry is left that the\nrequest covers. " + bucketAbout,
		0,
		[]string{"DIR", "TENANT", "REQUEST"},
		nil, verifyReceipt,
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
	var options *bucketOptions
	if c.options != nil {
		options = c.options(fs)
	}
	var config configured
	config.register(fs, c.operands[c.configured])
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "Usage: skaldtool bucket %s [options] %s\n\n%s\n\n", c.name, strings.Join(c.operands, " "), c.about)
		fs.PrintDefaults()
	}
	err := fs.Parse(args)
	operands := fs.Args()
	if config.file != "" {
		operands = slices.Insert(operands, min(c.configured, len(operands)), config.file)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case len(operands) != len(c.operands) && len(c.operands) == 1:
		fmt.Fprintf(stderr, "skaldtool: want one folder, have %d\n\n", len(operands))
		fs.Usage()
		return exitUsage
	case len(operands) != len(c.operands):
		fmt.Fprintf(stderr, "skaldtool: want %s, have %d of them\n\n", strings.Join(c.operands, ", "), len(operands))
		fs.Usage()
		return exitUsage
	}
	out := bufio.NewWriter(stdout)
	ctx := context.Background()
	j := &bucketJob{args: operands, options: options, stdout: out, stderr: stderr}
	if config.file != "" && c.configured == 0 {
		err = j.openConfigured(ctx, config)
	} else {
		err = j.open(ctx, operands[0])
	}
	if config.file != "" && c.configured > 0 && err == nil {
		j.configured = true
		j.toWrite, err = config.toWrite()
	}
	if err == nil {
		err = c.do(ctx, j)
	}
	if j.closer != nil {
		err = errors.Join(err, j.closer.Close())
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	switch {
	case err == nil:
		return exitOK
	case !errors.Is(err, errDamaged):
		fmt.Fprintf(stderr, "skaldtool: bucket %s %s: %v\n", c.name, operands[0], err)
	}
	return exitFailed
}

// open opens the bucket in dir to read.
func (j *bucketJob) open(ctx context.Context, dir string) (err error) {
	if dir, err = bucketFolder(dir); err != nil {
		return err
	}
	j.toWrite = folderToWrite(dir)
	j.bucket = &bucket{Bucket: readOnly{dir}}
	j.catalog, err = catalog.Open(ctx, j.bucket, catalog.Options{Mode: catalog.Follower})
	return err
}

// bucketFolder returns the folder of the bucket in dir: dir, or a folder bucket there.
func bucketFolder(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is not a folder", dir)
	}
	if info, err := os.Stat(filepath.Join(dir, "bucket")); err == nil && info.IsDir() {
		dir = filepath.Join(dir, "bucket")
	}
	return dir, nil
}

// folderToWrite returns what opens the bucket of a folder to change it, which no
// server does meanwhile.
func folderToWrite(dir string) func(context.Context) (*bucket, func() error, error) {
	return func(ctx context.Context) (*bucket, func() error, error) {
		folder, err := objstore.OpenFolder(vfs.OS, dir)
		if err != nil {
			return nil, nil, err
		}
		b := &bucket{Bucket: folder}
		if b.catalog, err = catalog.Open(ctx, b, catalog.Options{}); err != nil {
			return nil, nil, errors.Join(err, folder.Close())
		}
		return b, folder.Close, nil
	}
}
