package objstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// A Spool is a folder of a file system where objects lie until they are whole:
// stores want to know a size before they take an object, and a second try wants
// to read it again. What is in it is worth nothing after a crash; [OpenSpool]
// removes it. The zero value is memory, for tests and small objects.
type Spool struct {
	fs  vfs.FS
	dir string
	seq *atomic.Uint64
}

const spoolPrefix = "object-"

// OpenSpool makes dir a spool, which belongs to this process alone.
func OpenSpool(fsys vfs.FS, dir string) (Spool, error) {
	s := Spool{fs: fsys, dir: dir, seq: new(atomic.Uint64)}
	if err := s.open(); err != nil {
		return Spool{}, fmt.Errorf("open spool in %s: %w", dir, err)
	}
	return s, nil
}

func (s Spool) open() error {
	if err := s.fs.MkdirAll(s.dir); err != nil {
		return err
	}
	infos, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, i := range infos {
		if !i.Dir && strings.HasPrefix(i.Name, spoolPrefix) {
			if err := s.fs.Remove(filepath.Join(s.dir, i.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// spooled is a whole object.
type spooled struct {
	section *io.SectionReader
	drop    func() error
}

// take reads r to its end.
func (s Spool) take(ctx context.Context, r io.Reader) (spooled, error) {
	r = contextReader{ctx, r}
	if s.fs == nil {
		data, err := io.ReadAll(r)
		if err != nil {
			return spooled{}, err
		}
		return spooled{io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))), func() error { return nil }}, nil
	}
	name := filepath.Join(s.dir, spoolPrefix+strconv.FormatUint(s.seq.Add(1), 10))
	file, err := s.fs.Create(name)
	if err != nil {
		return spooled{}, err
	}
	drop := func() error {
		err := file.Close()
		if rerr := s.fs.Remove(name); err == nil {
			err = rerr
		}
		return err
	}
	n, err := io.Copy(file, r)
	if err != nil {
		_ = drop() // the next open removes it should this not succeed
		return spooled{}, err
	}
	return spooled{io.NewSectionReader(file, 0, n), drop}, nil
}
