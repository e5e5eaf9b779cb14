package loghttp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decompress reads the body and undoes its encoding; snappy is left, since it
// belongs to the format. The result lies in a buffer of p.
func (p *Push) decompress(body PushBody, lim PushLimits) ([]byte, error) {
	src := &bodyReader{src: body.Reader, limit: lim.Received}
	defer func() { p.ReceivedBytes = src.read }()
	p.received, p.body = p.received[:0], p.body[:0]

	var inflate func(*Push, *bodyReader, int64) error
	encoding := strings.ToLower(body.ContentEncoding)
	switch encoding {
	case "", "snappy":
		var err error
		p.received, err = p.appendAll(p.received, src, src, lim.Received)
		if err = src.explain(err, "read body"); err != nil {
			return nil, err
		}
		return p.received, nil
	case "gzip":
		inflate = (*Push).gunzip
	case "deflate":
		inflate = (*Push).inflate
	case "zstd":
		inflate = (*Push).unzstd
	case "lz4":
		inflate = (*Push).unlz4
	default:
		return nil, notSupported(body.ContentEncoding)
	}
	if err := src.explain(inflate(p, src, lim.Decompressed), encoding); err != nil {
		return nil, err
	}
	return p.body, nil
}

func notSupported(encoding string) error {
	return unsupportedError(fmt.Sprintf("Content-Encoding %q not supported", encoding))
}

// A bodyReader bounds what is read of a body, and keeps the error of the
// connection apart from those of the decompressor above it.
type bodyReader struct {
	src   io.Reader
	limit int64
	read  int64
	err   error // other than the end
}

func (r *bodyReader) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	// One byte beyond the limit tells a body at the limit from one past it.
	n, err := r.src.Read(b[:min(int64(len(b)), r.limit-r.read+1)])
	r.read += int64(n)
	if r.read > r.limit {
		err = tooLargef("body of more than %d bytes", r.limit)
	}
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// explain turns an error met while reading into what it is for the client: the
// connection's error, a limit, or bytes that do not decompress.
func (r *bodyReader) explain(err error, what string) error {
	switch {
	case r.err != nil && errors.Is(r.err, ErrTooLarge):
		return r.err
	case r.err != nil:
		return fmt.Errorf("read body: %w", r.err)
	case err == nil || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrBusy):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return malformedf("%s: the body is cut short", what)
	default:
		return malformedf("%s: %v", what, err)
	}
}

// Logs compress five to fifty times. A body that has made ratioFrom bytes and
// still grows must not have made maxRatio bytes of each that came in: the limit
// on decompressed bodies is far beyond what a few compressed megabytes may cost.
const (
	maxRatio  = 100
	ratioFrom = 64 << 20
)

// appendAll reads r to its end, or until there are more than limit bytes. The
// buffer grows as they come, whatever anyone announced.
//
// A growing body of which src has read much less is a bomb: see [maxRatio].
func (p *Push) appendAll(dst []byte, r io.Reader, src *bodyReader, limit int64) ([]byte, error) {
	const first = 64 << 10
	for {
		if len(dst) == cap(dst) {
			if len(dst) >= ratioFrom && int64(len(dst)) > maxRatio*src.read {
				return dst, tooLargef("body that grows more than %d times by decompression: %d bytes after decompression, and not at its end", maxRatio, len(dst))
			}
			size := max(first, 2*cap(dst))
			if err := p.hold(int64(size - cap(dst))); err != nil {
				return dst, err
			}
			grown := make([]byte, len(dst), size)
			copy(grown, dst)
			dst = grown
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if int64(len(dst)) > limit {
			return dst, tooLargef("body of more than %d bytes after decompression", limit)
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// A zipReader is a decompressor for gzip or deflate and the buffer below it,
// both of which are costly to make.
type zipReader struct {
	in    *bufio.Reader
	gzip  gzip.Reader
	flate io.ReadCloser
}

var zipReaders = sync.Pool{New: func() any {
	in := bufio.NewReaderSize(nil, 32<<10)
	return &zipReader{in: in, flate: flate.NewReader(in)}
}}

func (p *Push) gunzip(src *bodyReader, limit int64) error {
	z := zipReaders.Get().(*zipReader)
	defer z.release()
	z.in.Reset(src)
	err := z.gzip.Reset(z.in)
	if err == nil {
		p.body, err = p.appendAll(p.body, &z.gzip, src, limit)
	}
	return err
}

// inflate reads raw DEFLATE, which is what clients of this API call deflate.
func (p *Push) inflate(src *bodyReader, limit int64) error {
	z := zipReaders.Get().(*zipReader)
	defer z.release()
	z.in.Reset(src)
	err := z.flate.(flate.Resetter).Reset(z.in, nil)
	if err == nil {
		p.body, err = p.appendAll(p.body, z.flate, src, limit)
	}
	return err
}

func (z *zipReader) release() {
	z.in.Reset(nil)
	zipReaders.Put(z)
}

// maxZstdWindow is the window that every decoder of zstd over HTTP must take,
// and so the largest that an encoder may use (RFC 9659).
const maxZstdWindow = 8 << 20

var zstdReaders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		panic(err) // the options are wrong
	}
	return d
}}

func (p *Push) unzstd(src *bodyReader, limit int64) error {
	d := zstdReaders.Get().(*zstd.Decoder)
	defer func() {
		_ = d.Reset(nil)
		zstdReaders.Put(d)
	}()
	err := d.Reset(src)
	if err == nil {
		p.body, err = p.appendAll(p.body, d, src, limit)
	}
	return err
}

var lz4Readers = sync.Pool{New: func() any { return lz4.NewReader(nil) }}

func (p *Push) unlz4(src *bodyReader, limit int64) error {
	z := lz4Readers.Get().(*lz4.Reader)
	defer func() {
		z.Reset(nil)
		lz4Readers.Put(z)
	}()
	z.Reset(src)
	var err error
	p.body, err = p.appendAll(p.body, z, src, limit)
	return err
}
