package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/skald"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// configured names a bucket as a server does.
type configured struct {
	file   string
	expand bool
}

func (c *configured) register(f *flag.FlagSet) {
	f.StringVar(&c.file, "config.file", "", "Configuration `FILE` of a server, whose bucket is meant, be it a folder or a remote store. DIR is left out then.")
	f.BoolVar(&c.expand, "config.expand-env", false, "Replace ${VAR} in that file by environment variables.")
}

// openConfigured opens the bucket of a configuration to read.
func (j *bucketJob) openConfigured(ctx context.Context, c configured) error {
	args := []string{"-config.file=" + c.file}
	if c.expand {
		args = append(args, "-config.expand-env")
	}
	loaded, err := skald.Load(args, os.Getenv)
	if err != nil {
		return err
	}
	choice, err := backend.Choose(&loaded.Config.Storage.Config, loaded.Config.Schema)
	if err != nil {
		return err
	}
	if !choice.Remote() {
		return j.open(ctx, filepath.Join(loaded.Config.Common.PathPrefix, "bucket"))
	}
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

// readOnlyRemote is a remote bucket that is not changed.
type readOnlyRemote struct{ objstore.Bucket }

// Put implements [objstore.Bucket].
func (readOnlyRemote) Put(context.Context, string, io.Reader, int64) error { return errReadOnly }

// PutIfAbsent implements [objstore.Bucket].
func (readOnlyRemote) PutIfAbsent(context.Context, string, []byte) error { return errReadOnly }

// Delete implements [objstore.Bucket].
func (readOnlyRemote) Delete(context.Context, string) error { return errReadOnly }
