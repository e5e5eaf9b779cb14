package api

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// minCompressed is how many bytes an answer must have to be worth it.
const minCompressed = 1 << 10

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is one there is
	return w
}}

// compressed answers in gzip where the client takes it.
func compressed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !takesGzip(r.Header.Values("Accept-Encoding")) {
			next(w, r)
			return
		}
		c := &compressor{ResponseWriter: w}
		defer c.close()
		next(c, r)
	}
}

// takesGzip reports whether a list of encodings has gzip, with a quality that
// is not 0.
func takesGzip(accepted []string) bool {
	for _, list := range accepted {
		for item := range strings.SplitSeq(list, ",") {
			name, params, _ := strings.Cut(item, ";")
			if name = strings.TrimSpace(name); name != "*" && !strings.EqualFold(name, "gzip") {
				continue
			}
			_, quality, ok := strings.Cut(params, "q=")
			q, err := strconv.ParseFloat(strings.TrimSpace(quality), 64)
			if !ok || err == nil && q > 0 {
				return true
			}
		}
	}
	return false
}

// A compressor writes a body in gzip if its first part is large: handlers write
// their bodies whole.
type compressor struct {
	http.ResponseWriter
	gzip    *gzip.Writer // nil while nothing is compressed
	status  int          // held back until the first byte
	started bool
}

func (c *compressor) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

func (c *compressor) Write(b []byte) (int, error) {
	if !c.started {
		c.begin(len(b) >= minCompressed)
	}
	if c.gzip != nil {
		return c.gzip.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

func (c *compressor) begin(compress bool) {
	c.started = true
	if compress {
		c.Header().Set("Content-Encoding", "gzip")
		c.Header().Del("Content-Length")
		c.gzip = gzipWriters.Get().(*gzip.Writer)
		c.gzip.Reset(c.ResponseWriter)
	}
	if c.status != 0 {
		c.ResponseWriter.WriteHeader(c.status)
	}
}

func (c *compressor) close() {
	if !c.started {
		c.begin(false)
	}
	if c.gzip != nil {
		_ = c.gzip.Close() // a client that is gone has nobody to tell
		gzipWriters.Put(c.gzip)
	}
}
