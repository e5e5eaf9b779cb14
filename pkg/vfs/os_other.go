//go:build !linux && !darwin && !freebsd

package vfs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const errNotDir = syscall.ENOTDIR

// SyncDir does nothing where folders cannot be synced.
func (osFS) SyncDir(string) error { return nil }

func (osFS) Usage(dir string) (Usage, error) {
	return Usage{}, fmt.Errorf("usage of %s: %w", dir, errors.ErrUnsupported)
}

func flock(f *os.File) error {
	return fmt.Errorf("lock %s: %w", f.Name(), errors.ErrUnsupported)
}

func funlock(*os.File) error { return nil }
