package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/vfs"
)

const (
	lockName    = "LOCK"
	counterName = "GENERATION"
)

// counterLeap is how far numbers leap when the counter cannot be trusted. No
// log gives out as many while the files of one are still around.
const counterLeap = 1_000_000

func fileName(generation uint64, file uint32) string {
	return fmt.Sprintf("%010d-%06d.wal", generation, file)
}

func parseFileName(name string) (generation uint64, file uint32, ok bool) {
	stem, ok := strings.CutSuffix(name, ".wal")
	if !ok {
		return 0, 0, false
	}
	g, f, ok := strings.Cut(stem, "-")
	if !ok {
		return 0, 0, false
	}
	generation, err := strconv.ParseUint(g, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(f, 10, 32)
	if err != nil || n == 0 {
		return 0, 0, false
	}
	return generation, uint32(n), fileName(generation, uint32(n)) == name
}

func removedName(generation uint64) string { return fmt.Sprintf("%010d.removed", generation) }

func parseRemovedName(name string) (generation uint64, ok bool) {
	stem, ok := strings.CutSuffix(name, ".removed")
	if !ok {
		return 0, false
	}
	generation, err := strconv.ParseUint(stem, 10, 64)
	return generation, err == nil && removedName(generation) == name
}

func counterText(generation uint64) string {
	text := fmt.Sprintf("generation %d", generation)
	return fmt.Sprintf("%s crc %08x\n", text, encbuf.Checksum([]byte(text)))
}

func writeCounter(fsys vfs.FS, dir string, generation uint64) error {
	return vfs.WriteFile(fsys, filepath.Join(dir, counterName), []byte(counterText(generation)))
}

// readCounter returns the number in the counter file. A missing file wraps
// fs.ErrNotExist, and one that is damaged ErrCorrupt.
func readCounter(fsys vfs.FS, dir string) (uint64, error) {
	name := filepath.Join(dir, counterName)
	info, err := fsys.Stat(name)
	if err != nil {
		return 0, err
	}
	const longest = 128
	if info.Size > longest {
		return 0, corruptf("%s: %d bytes long", name, info.Size)
	}
	text, err := vfs.ReadFile(fsys, name, longest)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, corruptf("%s: %q", name, text)
	}
	generation, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil || counterText(generation) != string(text) {
		return 0, corruptf("%s: %q", name, text)
	}
	return generation, nil
}

// nextAfter returns the number above which generations begin: the counter's, or,
// where it cannot be trusted, one that no generation can have had.
func nextAfter(fsys vfs.FS, dir string, seen, after uint64) (last uint64, warning, err error) {
	last, err = readCounter(fsys, dir)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && seen == 0:
		err = nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrCorrupt):
		return max(seen, after) + counterLeap, err, nil
	}
	return max(last, seen, after), nil, err
}
