package skald

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"

	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/objstore/pagecache"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// How often the bucket is swept, and how old must be what is swept: longer dead
// than any query runs, and longer begun than any put takes.
const (
	sweepEvery = time.Hour
	deadFor    = time.Hour
	orphanFor  = 24 * time.Hour
)

// initStore opens the bucket: a folder that belongs to this process alone, or a
// remote store that it shares with others.
func (s *Skald) initStore() (services.Service, error) {
	var err error
	if s.remote, err = backend.Choose(&s.cfg.Storage.Config, s.cfg.Schema); err != nil {
		return nil, err
	}
	if err := s.checkFolder(); err != nil {
		return nil, err
	}
	bucket, closer, err := s.openBucket()
	if err != nil {
		return nil, err
	}
	mode := catalog.Owner
	if s.remote.Remote() {
		mode = catalog.Follower
	}
	c, err := catalog.Open(context.Background(), bucket, catalog.Options{Mode: mode, Name: s.cfg.Ingester.Ring.InstanceID + "/" + s.cfg.Target.String(), Logger: s.logger, Registerer: s.reg})
	if err != nil {
		_ = closer.Close()
		return nil, err
	}
	s.bucket = bucket
	var pages *pagecache.Cache
	if s.remote.Remote() {
		if pages, err = s.openCache(bucket); err != nil {
			_ = closer.Close()
			return nil, err
		}
	}
	s.store = storage.New(bucket, c, storage.Options{
		IndexCacheBytes: int64(s.cfg.Storage.IndexCache), HotBytes: int64(s.cfg.Storage.ColumnCache), Cache: pages, Warm: s.queries,
		Compile: deletes.Compile, Fault: killAt(), Logger: s.logger, Registerer: s.reg,
	})
	sweep := func(ctx context.Context) error {
		if !s.compacts() {
			return nil
		}
		if err := s.store.Sweep(ctx, s.ages()); err != nil && ctx.Err() == nil {
			level.Error(s.logger).Log("msg", "the bucket was not swept; what is left waits for the next time", "err", err)
		}
		return nil
	}
	stop := func(error) error {
		err := closer.Close()
		if pages != nil {
			err = errors.Join(err, pages.Close())
		}
		return err
	}
	return services.NewTimerService(sweepEvery, nil, sweep, stop), nil
}

// openCache opens the cache that queries read a remote bucket through.
func (s *Skald) openCache(bucket objstore.Bucket) (*pagecache.Cache, error) {
	return pagecache.Open(vfs.OS, filepath.Join(s.cfg.Common.PathPrefix, "cache", "pages"), bucket, pagecache.Options{
		Memory: int64(s.cfg.Storage.CacheMemory), Disk: int64(s.cfg.Storage.CacheDisk), Logger: s.logger, Registerer: s.reg,
	})
}

// openBucket opens the bucket, counted.
func (s *Skald) openBucket() (objstore.Bucket, io.Closer, error) {
	if !s.remote.Remote() {
		folder, err := objstore.OpenFolder(vfs.OS, s.bucketDir())
		if err != nil {
			return nil, nil, err
		}
		return objstore.NewMetered(folder, "folder", "store", s.reg), folder, nil
	}
	spool, err := objstore.OpenSpool(vfs.OS, filepath.Join(s.cfg.Common.PathPrefix, "cache", "upload"))
	if err != nil {
		return nil, nil, err
	}
	bucket, closer, err := s.remote.Open(backend.Options{Spool: spool, Logger: s.logger})
	if err != nil {
		return nil, nil, err
	}
	level.Info(s.logger).Log("msg", "segments are kept in a remote store", "store", s.remote)
	return objstore.NewMetered(bucket, s.remote.Bucket, "store", s.reg), closer, nil
}

// ages say how old must be what is swept.
func (s *Skald) ages() storage.Ages {
	return storage.Ages{Replaced: deadFor, Dropped: s.cfg.Compactor.RetentionDeleteDelay, Orphaned: orphanFor}
}

// checkFolder reports whether a folder can be the bucket. Processes cannot share
// one, so what an ingester puts there is found by queries of its own process only.
func (s *Skald) checkFolder() error {
	if s.remote.Remote() || s.cfg.Ingester.Ring.Alone() {
		return nil
	}
	if s.ingests {
		level.Warn(s.logger).Log("msg", "the bucket is a folder of this process: what other ingesters have flushed is not found by queries here, unless every stream lies on every ingester")
		return nil
	}
	return fmt.Errorf("target %s reads what ingesters of other processes have flushed, and a folder is of one process only: it and the ingesters need a shared object store (storage_config: S3, GCS or Azure), or the same process (target all)", s.cfg.Target.String())
}

// compacts reports whether the bucket is this process's to compact and to sweep.
// Of processes that hold entries and compact both, which several may share a
// bucket, it is the first of the ring; a compactor apart is the only one.
func (s *Skald) compacts() bool {
	if !s.compacting {
		return !s.remote.Remote()
	}
	if !s.remote.Remote() || !s.ingests {
		return true
	}
	healthy, err := s.ring.GetAllHealthy(ring.Reporting)
	if err != nil {
		return false // until the ring is there
	}
	first := ""
	for _, i := range healthy.Instances {
		if first == "" || i.Id < first {
			first = i.Id
		}
	}
	return first == s.cfg.Ingester.Ring.InstanceID
}

// initCompactor builds the compactor of the bucket.
func (s *Skald) initCompactor() (services.Service, error) {
	o := compactor.Options{
		Store:      s.store,
		Limits:     s.overrides,
		Defaults:   &s.cfg.Limits,
		Ingesters:  allIngesters{s},
		Mine:       s.compacts,
		Busy:       s.busy,
		Fault:      killAt(),
		Logger:     s.logger,
		Registerer: s.reg,
	}
	if s.remote.Remote() {
		o.Ages = s.ages()
		if s.cfg.Compactor.MinFreeDisk > 0 {
			level.Warn(s.logger).Log("msg", "setting is ignored", "setting", "compactor.min_free_disk", "why", "the bucket is not on a disk of this process")
		}
	} else {
		o.Usage = func() (vfs.Usage, error) { return vfs.OS.Usage(s.bucketDir()) }
	}
	s.compactor = compactor.New(s.cfg.Compactor, o)
	return s.compactor, nil
}

// busy reports whether queries run here, or entries wait for being sealed.
func (s *Skald) busy() bool {
	return s.frontend != nil && s.frontend.Running() > 0 || s.ingester != nil && s.ingester.Behind()
}

// bucketDir is the folder of the bucket.
func (s *Skald) bucketDir() string { return filepath.Join(s.cfg.Common.PathPrefix, "bucket") }
