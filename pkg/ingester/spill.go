package ingester

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// A spill is a scratch file for sealed blocks of a generation whose log is
// larger than the memory bound: replay may not take more memory than pushes
// did. The file is of no use to another process, and is not synced.
type spill struct {
	fs   vfs.FS
	name string

	mu   sync.Mutex // guards the fields below
	file vfs.File
	read vfs.File
	off  int64
}

// A spillRef is where bytes lie in a spill file.
type spillRef struct {
	off int64
	n   int
}

func newSpill(fs vfs.FS, dir string, gen uint64) (*spill, error) {
	name := filepath.Join(dir, fmt.Sprintf("generation-%d.spill", gen))
	file, err := fs.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create spill file: %w", err)
	}
	read, err := fs.Open(name)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("open spill file: %w", err)
	}
	return &spill{fs: fs, name: name, file: file, read: read}, nil
}

func (s *spill) put(b []byte) (spillRef, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.Write(b); err != nil {
		return spillRef{}, fmt.Errorf("write %s: %w", s.name, err)
	}
	ref := spillRef{off: s.off, n: len(b)}
	s.off += int64(len(b))
	return ref, nil
}

func (s *spill) get(ref spillRef) ([]byte, error) {
	b := make([]byte, ref.n)
	if _, err := s.read.ReadAt(b, ref.off); err != nil {
		return nil, fmt.Errorf("read %s at offset %d: %w", s.name, ref.off, err)
	}
	return b, nil
}

// close removes the file. Nothing can be done about an error: the next start
// clears the folder.
func (s *spill) close() {
	_ = s.file.Close()
	_ = s.read.Close()
	_ = s.fs.Remove(s.name)
}
