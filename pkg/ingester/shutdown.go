package ingester

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/go-kit/log/level"
)

// shutdownMarker is the file in shutdown_marker_path that says that the next
// stop has been prepared.
const shutdownMarker = "shutdown-requested.txt"

// PrepareShutdown makes the next stop one for good, or takes that back: the
// ingester then hands everything to the store before it stops. With a
// shutdown_marker_path that holds over restarts.
func (i *Ingester) PrepareShutdown(yes bool) error {
	if dir := i.cfg.ShutdownMarkerPath; dir != "" {
		if err := i.mark(dir, yes); err != nil {
			return fmt.Errorf("prepare the shutdown: %w", err)
		}
	}
	i.leaving.Store(yes)
	return nil
}

// ShutdownPrepared reports whether the next stop is one for good.
func (i *Ingester) ShutdownPrepared() bool { return i.leaving.Load() }

// mark creates or removes the marker.
func (i *Ingester) mark(dir string, yes bool) error {
	name := filepath.Join(dir, shutdownMarker)
	if !yes {
		if err := i.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return i.fs.SyncDir(dir)
	}
	if err := i.fs.MkdirAll(dir); err != nil {
		return err
	}
	f, err := i.fs.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return i.fs.SyncDir(dir)
}

// readMarker finds out whether a stop was prepared before this start.
func (i *Ingester) readMarker() {
	dir := i.cfg.ShutdownMarkerPath
	if dir == "" {
		return
	}
	if _, err := i.fs.Stat(filepath.Join(dir, shutdownMarker)); err == nil {
		level.Info(i.logger).Log("msg", "a shutdown is prepared: everything will be flushed at the next stop", "marker", filepath.Join(dir, shutdownMarker))
		i.leaving.Store(true)
	}
}
