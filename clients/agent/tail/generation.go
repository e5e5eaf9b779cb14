package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// anchorBytes is how many bytes before the next line are compared with what was
// read, to see that the file is still the one it was.
const anchorBytes = 64

// errTruncated says that a file no longer holds what was read of it.
var errTruncated = errors.New("truncated")

// A generation is one file that lay at a stream's path.
type generation struct {
	track  *position.Track
	name   string // where it was last found
	origin string // where it lay before it was rotated
	format Format
	id     identity // as it was last seen
	prefix prefix

	file *os.File // nil while it is closed
	// next is the offset of the first line that was not handed on.
	next   int64
	anchor []byte // the bytes before next

	inflated io.ReadCloser // of a compressed file
	rest     []byte        // what was read of it beyond next

	// rotated says that the file no longer lies at the path: it will not grow for long.
	rotated bool
	// quiet is since when a rotated file has not grown.
	quiet time.Time
	// drained says that nothing is to be read of it any more.
	drained bool
	noted   int64 // the time of modification that the track has
	failed  int   // reads that failed since the last good one
}

// pending reports whether there may be something to read.
func (g *generation) pending() bool {
	return !g.drained && (g.format != Plain || g.rotated || g.id.size > g.next)
}

// open opens the file where it was last found, and checks that it is still the
// same one.
func (g *generation) open() error {
	if g.file != nil {
		return nil
	}
	f, err := os.Open(g.name)
	if err != nil {
		return err
	}
	id, err := statFile(f)
	switch {
	case err != nil:
	case !id.same(g.id):
		err = &fs.PathError{Op: "open", Path: g.name, Err: fs.ErrNotExist}
	case g.format == Plain && id.size >= g.prefix.bytes && prefixOf(f, g.prefix.bytes) != g.prefix:
		err = errTruncated
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	g.file = f
	return nil
}

func (g *generation) close() {
	if g.inflated != nil {
		_ = g.inflated.Close()
		g.inflated, g.rest = nil, nil
	}
	if g.file != nil {
		_ = g.file.Close()
		g.file = nil
	}
}

// fill reads what follows next into buf, which belongs to the caller, and
// returns it; for a compressed file the bytes are the generation's. eof says
// that there is no more for now.
func (g *generation) fill(buf []byte) (data []byte, eof bool, err error) {
	if g.format != Plain {
		return g.inflate(len(buf))
	}
	n, err := g.file.ReadAt(buf, g.next-int64(len(g.anchor)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if n < len(g.anchor) || !bytes.Equal(buf[:len(g.anchor)], g.anchor) {
		return nil, false, errTruncated
	}
	return buf[len(g.anchor):n], n < len(buf), nil
}

// inflate is fill for compressed files.
func (g *generation) inflate(room int) (data []byte, eof bool, err error) {
	if g.inflated == nil {
		if g.inflated, err = decompress(g.file, g.format); err != nil {
			return nil, false, fmt.Errorf("decompress: %w", err)
		}
		if _, err = io.CopyN(io.Discard, g.inflated, g.next); err != nil {
			return nil, false, fmt.Errorf("decompress: %w", err)
		}
		g.rest = g.rest[:0]
	}
	if have := len(g.rest); have < room {
		if cap(g.rest) < room {
			g.rest = append(make([]byte, 0, room), g.rest...)
		}
		n, err := io.ReadFull(g.inflated, g.rest[have:room])
		g.rest = g.rest[:have+n]
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF) && g.atEnd(), errors.Is(err, io.EOF):
			eof = true
		case err != nil:
			return nil, false, fmt.Errorf("decompress: %w", err)
		}
	}
	return g.rest, eof, nil
}

// atEnd tells an end of the text from one of the file in the midst of it, which
// io.ReadFull gives the same name.
func (g *generation) atEnd() bool {
	var one [1]byte
	_, err := g.inflated.Read(one[:])
	return errors.Is(err, io.EOF)
}

// advance moves next past bytes of what fill returned.
func (g *generation) advance(data []byte, n int) {
	g.next += int64(n)
	if g.format != Plain {
		if len(g.rest) >= n { // it was closed meanwhile, otherwise
			g.rest = append(g.rest[:0], g.rest[n:]...)
		}
		return
	}
	if n >= anchorBytes {
		g.anchor = append(g.anchor[:0], data[n-anchorBytes:n]...)
		return
	}
	keep := min(len(g.anchor), anchorBytes-n)
	g.anchor = append(append(g.anchor[:0], g.anchor[len(g.anchor)-keep:]...), data[:n]...)
}

// learn extends the prefix to what has been read by now.
func (g *generation) learn() bool {
	if g.format != Plain || g.prefix.bytes >= prefixBytes || g.prefix.bytes >= g.next || g.file == nil {
		return false
	}
	p := prefixOf(g.file, min(g.next, prefixBytes))
	if p.bytes <= g.prefix.bytes {
		return false
	}
	g.prefix = p
	return true
}
