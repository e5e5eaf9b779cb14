package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/skald"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A serverConfig names a bucket as a server does.
type serverConfig struct {
	file   string
	expand bool
}

func (c *serverConfig) register(f *flag.FlagSet, operand string) {
	f.StringVar(&c.file, "config.file", "", "Configuration `FILE` of a server, whose bucket is meant, be it a folder or a remote store. "+operand+" is left out then.")
	f.BoolVar(&c.expand, "config.expand-env", false, "Replace ${VAR} in that file by environment variables.")
}

// choose returns the store of a configuration, and the folder of the bucket unless
// it is a remote one.
func (c *serverConfig) choose() (choice backend.Choice, dir string, err error) {
	args := []string{"-config.file=" + c.file}
	if c.expand {
		args = append(args, "-config.expand-env")
	}
	loaded, err := skald.Load(args, os.Getenv)
	if err != nil {
		return choice, "", err
	}
	choice, err = backend.Choose(&loaded.Config.Storage.Config, loaded.Config.Schema)
	if err == nil && !choice.Remote() {
		dir = filepath.Join(loaded.Config.Common.PathPrefix, "bucket")
	}
	return choice, dir, err
}

// openConfigured opens the bucket of a configuration to read.
func (j *bucketJob) openConfigured(ctx context.Context, c *serverConfig) error {
	choice, dir, err := c.choose()
	if err != nil {
		return err
	}
	if dir != "" {
		return j.open(ctx, dir)
	}
	j.toWrite = remoteToWrite(choice)
	remote, closer, err := choice.Open(backend.Options{Logger: log.NewNopLogger()})
	if err != nil {
		return err
	}
	j.bucket = &bucket{Bucket: readOnlyRemote{remote}}
	if j.catalog, err = catalog.Open(ctx, j.bucket, catalog.Options{Mode: catalog.Follower}); err != nil {
		return errors.Join(err, closer.Close())
	}
	j.closer = closer
	return nil
}

// toWrite returns what opens the bucket of a configuration to change it.
func (c *serverConfig) toWrite() (func(context.Context) (*bucket, func() error, error), error) {
	choice, dir, err := c.choose()
	if err != nil {
		return nil, err
	}
	if dir != "" {
		return folderToWrite(dir), nil
	}
	return remoteToWrite(choice), nil
}

// remoteToWrite returns what opens a remote bucket to change it, beside whoever
// else does. What is written waits in a temporary folder until its size is known.
func remoteToWrite(choice backend.Choice) func(context.Context) (*bucket, func() error, error) {
	return func(ctx context.Context) (_ *bucket, _ func() error, err error) {
		dir, err := os.MkdirTemp("", "skaldtool-")
		if err != nil {
			return nil, nil, err
		}
		closers := []func() error{func() error { return os.RemoveAll(dir) }}
		closeAll := func() error {
			var errs []error
			for _, c := range slices.Backward(closers) {
				errs = append(errs, c())
			}
			return errors.Join(errs...)
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, closeAll())
			}
		}()
		spool, err := objstore.OpenSpool(vfs.OS, dir)
		if err != nil {
			return nil, nil, err
		}
		remote, closer, err := choice.Open(backend.Options{Spool: spool, Logger: log.NewNopLogger()})
		if err != nil {
			return nil, nil, err
		}
		closers = append(closers, closer.Close)
		b := &bucket{Bucket: remote}
		if b.catalog, err = catalog.Open(ctx, b, catalog.Options{Mode: catalog.Follower}); err != nil {
			return nil, nil, err
		}
		return b, closeAll, nil
	}
}

// readOnlyRemote is a remote bucket that is not changed.
type readOnlyRemote struct{ objstore.Bucket }

// Put implements [objstore.Bucket].
func (readOnlyRemote) Put(context.Context, string, io.Reader, int64) error { return errReadOnly }

// PutIfAbsent implements [objstore.Bucket].
func (readOnlyRemote) PutIfAbsent(context.Context, string, []byte) error { return errReadOnly }

// Delete implements [objstore.Bucket].
func (readOnlyRemote) Delete(context.Context, string) error { return errReadOnly }
