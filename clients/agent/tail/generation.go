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
	name   string // where it was last found; empty while it is looked for
	origin string // where it lay before it was rotated
	format Format
	id     identity // as it was last seen
	prefix prefix
	// learned says that the track does not have the prefix yet.
	learned bool

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

// unread is how many bytes are known to be left, at least. Of a compressed file
// only the size before it was compressed tells, if it was seen.
func (g *generation) unread() int64 {
	size := g.id.size
	if g.format != Plain {
		size = g.track.Name().Size
	}
	return max(0, size-g.next)
}

// blank reports whether nothing was seen of the file but that it is empty.
func (g *generation) blank() bool {
	return g.format == Plain && g.prefix.bytes == 0 && g.next == 0
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
	case g.format == Plain && prefixOf(f, g.prefix.bytes) != g.prefix:
		err = errTruncated
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	g.file, g.id = f, id
	return nil
}

// firstBytes is what the file's prefix is now.
func (g *generation) firstBytes() prefix {
	if g.file != nil {
		return prefixOf(g.file, g.prefix.bytes)
	}
	at := sibling{name: g.name, id: g.id, format: g.format}
	return at.prefix(g.prefix.bytes)
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

// confirm checks that data, which fill just returned, is of the file that was
// read before, and extends the prefix by it; learned says that it did. As long
// as the prefix is what it was, now that data was read, so is data. When it is
// not, but the anchor was, and is no more, the file was truncated after data was read.
func (g *generation) confirm(data, buf []byte) (learned bool, err error) {
	if g.format != Plain {
		return false, nil
	}
	head := data
	if g.next > 0 || int64(len(data)) < g.prefix.bytes {
		n, err := g.file.ReadAt(buf[:min(max(g.next+int64(len(data)), g.prefix.bytes), prefixBytes)], 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		head = buf[:n]
	}
	head = head[:min(len(head), prefixBytes)]
	same := int64(len(head)) >= g.prefix.bytes && hashed(head[:g.prefix.bytes]) == g.prefix
	if both := int64(len(head)) - g.next; same && both > 0 {
		both = min(both, int64(len(data)))
		same = bytes.Equal(head[g.next:g.next+both], data[:both])
	}
	switch {
	case !same && len(g.anchor) > 0 && !g.anchored(buf):
		return false, nil // the next look sees it
	case !same:
		return false, errTruncated
	case int64(len(head)) <= g.prefix.bytes:
		return false, nil
	}
	g.prefix = hashed(head)
	return true, nil
}

// anchored reports whether the anchor is where it was.
func (g *generation) anchored(buf []byte) bool {
	n, _ := g.file.ReadAt(buf[:len(g.anchor)], g.next-int64(len(g.anchor)))
	return bytes.Equal(buf[:n], g.anchor)
}

// sight extends the prefix to bytes that are not read yet, so that a copy of
// the file is known as one even when it is truncated before it is read.
func (g *generation) sight() (learned bool, err error) {
	if g.format != Plain || g.file == nil || g.prefix.bytes >= leastPrefix || g.prefix.bytes >= g.id.size {
		return false, nil
	}
	buf := make([]byte, prefixBytes)
	n, err := g.file.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if int64(n) < g.prefix.bytes || hashed(buf[:g.prefix.bytes]) != g.prefix {
		return false, errTruncated
	}
	p := hashed(buf[:n])
	learned = p.bytes > g.prefix.bytes
	g.prefix = p
	return learned, nil
}
