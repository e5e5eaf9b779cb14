package loghttp

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

var (
	// ErrMalformed marks a body or parameter that does not follow its format.
	ErrMalformed = logproto.ErrMalformed
	// ErrTooLarge marks a body beyond a limit, compressed or not.
	ErrTooLarge = errors.New("too large")
	// ErrUnsupported marks a media type or encoding that is not one of ours.
	ErrUnsupported = errors.New("unsupported")
)

// A PushBody is a push as it came in.
type PushBody struct {
	Reader          io.Reader
	ContentType     string // as in the header; JSON or, for any other type, protobuf
	ContentEncoding string // as in the header; none, snappy, gzip, deflate or zstd
}

// PushLimits bound a push, in bytes.
type PushLimits struct {
	Received     int64 // of the body as it came in
	Decompressed int64 // of the body as it is read
	// Budget bounds all pushes together that are being read or not released yet.
	// Nil is no bound.
	Budget *Budget
}

// A Push is a body that was read. Its batch is valid until Release.
type Push struct {
	Batch model.Batch
	// ReceivedBytes is the length of the body as it came in, and BodyBytes
	// after decompression.
	ReceivedBytes, BodyBytes int64

	decoder  logproto.PushDecoder
	json     jsonPush
	received []byte
	body     []byte

	budget *Budget
	held   int64 // of the budget
}

var pushes = sync.Pool{New: func() any { return new(Push) }}

// keptBytes is how large a buffer may be to be kept for the next push.
const keptBytes = 8 << 20

// Release gives the buffers of p to other pushes. Neither p nor its batch may
// be used afterwards.
func (p *Push) Release() {
	p.Batch = model.Batch{}
	p.decoder.Release()
	p.json.release()
	p.received, p.body = kept(p.received), kept(p.body)
	p.budget.give(p.held)
	p.budget, p.held = nil, 0
	pushes.Put(p)
}

func kept(b []byte) []byte {
	if cap(b) > keptBytes {
		return nil
	}
	return b[:0]
}

// ReadPush reads the body of /loki/api/v1/push. What is not JSON by its content
// type is a protobuf PushRequest under snappy, whatever encoding is around it;
// under zstd, which needs no snappy, it may also be bare.
//
// Lines are taken as they are, valid UTF-8 or not. A push without streams is no
// error here. The caller releases the push.
func ReadPush(body PushBody, lim PushLimits) (*Push, error) {
	return readPush(body, lim, (*jsonPush).modern)
}

// ReadLegacyPush is ReadPush for /api/prom/push, which differs in its JSON.
func ReadLegacyPush(body PushBody, lim PushLimits) (*Push, error) {
	return readPush(body, lim, (*jsonPush).legacy)
}

// ReadBarePush reads a PushRequest that has no snappy around it, as gRPC carries
// it. Of the body only the reader counts.
func ReadBarePush(body PushBody, lim PushLimits) (*Push, error) {
	p := pushes.Get().(*Push)
	p.budget = lim.Budget
	err := p.hold(int64(cap(p.received) + cap(p.body)))
	var wire []byte
	if err == nil {
		wire, err = p.decompress(PushBody{Reader: body.Reader}, lim)
	}
	if err == nil {
		p.BodyBytes = int64(len(wire))
		err = p.decoder.Decode(wire, &p.Batch)
	}
	if err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

func readPush(body PushBody, lim PushLimits, decodeJSON func(*jsonPush, []byte) error) (*Push, error) {
	media, _, err := mime.ParseMediaType(body.ContentType)
	if err != nil {
		return nil, unsupportedError(err.Error())
	}
	if strings.EqualFold(body.ContentEncoding, "lz4") {
		return nil, notSupported(body.ContentEncoding) // which is for OpenTelemetry alone
	}
	p := pushes.Get().(*Push)
	p.budget = lim.Budget
	if err := p.read(body, lim, media == "application/json", decodeJSON); err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

func (p *Push) read(body PushBody, lim PushLimits, isJSON bool, decodeJSON func(*jsonPush, []byte) error) error {
	// What the pool had is held as well.
	if err := p.hold(int64(cap(p.received) + cap(p.body))); err != nil {
		return err
	}
	text, err := p.decompress(body, lim)
	if err != nil {
		return err
	}
	if isJSON {
		p.BodyBytes = int64(len(text))
		if err := decodeJSON(&p.json, text); err != nil {
			return err
		}
		p.Batch.Streams = p.json.build.Streams()
		return nil
	}

	wire, err := p.unsnap(text, lim.Decompressed)
	if err != nil && strings.EqualFold(body.ContentEncoding, "zstd") && !errors.Is(err, ErrTooLarge) {
		wire, err = text, nil
	}
	if err != nil {
		return err
	}
	p.BodyBytes = int64(len(wire))
	return p.decoder.Decode(wire, &p.Batch)
}

// maxSnappyRatio is how many bytes a byte of a snappy block can stand for: a
// copy takes three and makes at most 64.
const maxSnappyRatio = 22

// unsnap decompresses a snappy block into whichever buffer of p does not hold it.
func (p *Push) unsnap(block []byte, limit int64) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, malformedf("snappy: the block's length is unreadable")
	}
	if int64(n) > limit {
		return nil, tooLargef("body of %d bytes after decompression, more than %d", n, limit)
	}
	if n > maxSnappyRatio*len(block) {
		return nil, malformedf("snappy: a block of %d bytes claims to hold %d", len(block), n)
	}
	dst := &p.body
	if len(p.body) > 0 { // the block is what another encoding held
		dst = &p.received
	}
	if cap(*dst) < n {
		if err := p.hold(int64(n - cap(*dst))); err != nil {
			return nil, err
		}
		*dst = make([]byte, n)
	}
	out, err := s2.Decode((*dst)[:cap(*dst)], block)
	if err != nil {
		return nil, malformedf("snappy: the block is damaged")
	}
	return out, nil
}

// kindError is an error of one of the sentinels whose text says all.
type kindError struct {
	text string
	kind error
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

func malformedf(format string, args ...any) error {
	return &kindError{fmt.Sprintf(format, args...), ErrMalformed}
}

func tooLargef(format string, args ...any) error {
	return &kindError{fmt.Sprintf(format, args...), ErrTooLarge}
}

func unsupportedError(text string) error { return &kindError{text, ErrUnsupported} }
