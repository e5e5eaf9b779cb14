package main

import (
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

const bucketAbout = "DIR is the\nfolder of the bucket, or the data folder that it lies in."

// bucketCommands work on a bucket that is a folder, or that of a configuration. Unless
// they say otherwise they only read, so that a server may be running over it.
var bucketCommands = []command{
	{
		"list", "[options] DIR",
		"Says what is in a bucket: tenants, their segments by level, and each segment. " + bucketAbout + " Reads the catalog only.",
		onBucket(0, nil, listBucket, "DIR"),
	},
	{
		"verify", "[options] DIR",
		"Reads every byte of a bucket, checks every entry of the catalog, every checksum and every\ncount of every segment, and names what is damaged, what is missing, and what belongs to\nnothing. DIR is the folder of the bucket, or the data folder that it lies in.",
		onBucket(0, nil, verifyBucket, "DIR"),
	},
	{
		"repair", "[options] DIR",
		"Says what of the damage in a bucket can be repaired, how, and what is lost by it; with\n-write it does so, which takes a bucket that no server runs over, or, of a remote store, no\ncompactor. " + bucketAbout,
		onBucket(0, repairOptions, repairBucket, "DIR"),
	},
	{
		"snapshot", "[options] DIR SNAPSHOT",
		"Copies what a bucket has of some tenants and times to a new folder, which is a bucket itself.\nWhat delete requests hide is left out. What a server has in memory is not in its bucket:\nPOST /flush puts it there. " + bucketAbout,
		onBucket(0, copyOptions, snapshotBucket, "DIR", "SNAPSHOT"),
	},
	{
		"restore", "[options] SNAPSHOT DIR",
		"Copies what a snapshot, or any bucket, has of some tenants and times into another bucket. Where\nthat is a folder no server may run over it. Entries that are there already still count once. " + bucketAbout,
		onBucket(1, copyOptions, restoreBucket, "SNAPSHOT", "DIR"),
	},
	{
		"receipts", "[options] DIR",
		"Lists the delete requests that were finished, and what they removed. " + bucketAbout,
		onBucket(0, nil, listReceipts, "DIR"),
	},
	{
		"verify-receipt", "[options] DIR TENANT REQUEST",
		"Compares the receipt of a delete request with the bucket: whether its sums agree, what was\nwritten is there as it was written, what it replaced is gone, and no entry is left that the\nrequest covers. " + bucketAbout,
		onBucket(0, nil, verifyReceipt, "DIR", "TENANT", "REQUEST"),
	},
}

// A bucket is a bucket on the local disk and its catalog, as they were when it was opened.
type bucket struct {
	objstore.Bucket
	catalog *catalog.Catalog
}

// onBucket opens the bucket that is named behind the options: of the operands, a
// configuration may be named in the place of the one at configured.
func onBucket(configured int, options func(*flag.FlagSet) *bucketOptions, do func(context.Context, *bucketJob) error, operands ...string) flags {
	return func(fs *flag.FlagSet) func(context.Context, []string, io.Writer, io.Writer) error {
		j := &bucketJob{}
		if options != nil {
			j.options = options(fs)
		}
		var config serverConfig
		config.register(fs, operands[configured])
		return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
			if config.file != "" {
				args = slices.Insert(args, min(configured, len(args)), config.file)
			}
			if len(args) != len(operands) {
				return usageError(fmt.Sprintf("want %s, where -config.file stands for %s; have %q", strings.Join(operands, ", "), operands[configured], args))
			}
			j.args, j.stdout, j.stderr = args, stdout, stderr
			err := j.run(ctx, &config, configured, do)
			if err != nil && !errors.Is(err, errReported) {
				err = fmt.Errorf("%s: %w", args[0], err)
			}
			return err
		}
	}
}

func (j *bucketJob) run(ctx context.Context, config *serverConfig, configured int, do func(context.Context, *bucketJob) error) (err error) {
	if config.file != "" && configured == 0 {
		err = j.openConfigured(ctx, config)
	} else {
		err = j.open(ctx, j.args[0])
	}
	if err != nil {
		return err
	}
	if j.closer != nil {
		defer func() { err = errors.Join(err, j.closer.Close()) }()
	}
	if config.file != "" && configured > 0 {
		j.configured = true
		if j.toWrite, err = config.toWrite(); err != nil {
			return err
		}
	}
	return do(ctx, j)
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
