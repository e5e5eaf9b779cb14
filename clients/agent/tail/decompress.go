package tail

import (
	"bufio"
	"compress/bzip2"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// A Format is how a file is compressed. The empty one is not at all.
type Format string

// The formats.
const (
	Plain Format = ""
	Gzip  Format = "gz"
	Zlib  Format = "z"
	Bzip2 Format = "bz2"
	Zstd  Format = "zst"
)

// formatOf tells from a name how a file is compressed.
func formatOf(name string) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".gz", ".gzip":
		return Gzip
	case ".z":
		return Zlib
	case ".bz2":
		return Bzip2
	case ".zst", ".zstd":
		return Zstd
	}
	return Plain
}

// maxWindow bounds the memory that a zstd stream may ask for.
const maxWindow = 32 << 20

// decompress returns a reader of what f holds.
func decompress(f *os.File, format Format) (io.ReadCloser, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	buffered := bufio.NewReaderSize(f, 64<<10)
	switch format {
	case Gzip:
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, err // and no reader that is nil inside
		}
		return z, nil
	case Zlib:
		return zlib.NewReader(buffered)
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(buffered)), nil
	case Zstd:
		d, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("unknown compression %q: use gz, z, bz2 or zst", format)
}
