package logproto

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/skaldlogs/skald/pkg/model"
)

const (
	// MaxLabelsBytes is how long the label text of a stream may be.
	MaxLabelsBytes = 16 << 20
	// MaxRowBytes is how long the line of an entry may be, and all names and
	// values of its metadata together.
	MaxRowBytes = 64 << 20
)

// A PushDecoder reads PushRequests. The zero value is ready to use; it is meant
// to be kept and used for many pushes, one at a time.
type PushDecoder struct {
	// TrustHash keeps the hash that comes with each stream. It is for pushes
	// from another role; what clients send there means nothing.
	TrustHash bool

	r     wireReader
	build BatchBuilder
}

// Decode reads the PushRequest in src into dst, whose streams it replaces;
// their labels are the text as sent. Lines are taken as they are, valid UTF-8 or
// not. The strings of dst point into src, and its slices belong to the decoder:
// all is valid until src changes or Decode or Release is called.
//
// An error wraps [ErrMalformed], and leaves dst without streams.
func (d *PushDecoder) Decode(src []byte, dst *model.Batch) error {
	d.r = wireReader{src: src}
	d.build.Reset(len(src))
	dst.Streams = nil
	for d.r.pos < len(src) && d.r.err == nil {
		num, typ := d.r.field(len(src))
		switch {
		case num == 1 && typ == protowire.BytesType:
			d.stream(d.r.length(len(src)))
		case num != 0:
			d.r.other(len(src), num, typ, 1)
		}
	}
	if d.r.err != nil {
		return d.r.err
	}
	dst.Streams = d.build.Streams()
	return nil
}

// Release lets go of what the last push was decoded from, so that a decoder
// that waits for the next one does not keep it alive.
func (d *PushDecoder) Release() {
	d.build.Release()
	d.r = wireReader{}
}

func (d *PushDecoder) stream(end int) {
	var (
		r    = &d.r
		at   = r.pos
		lbls []byte
		hash uint64
	)
	for r.pos < end && r.err == nil {
		num, typ := r.field(end)
		switch {
		case num == 2 && typ == protowire.BytesType:
			d.entry(r.length(end))
		case num == 1 && typ == protowire.BytesType:
			lbls = r.bytes(end, MaxLabelsBytes, "label text")
		case num == 3 && typ == protowire.VarintType:
			if h := r.uvarint(end); d.TrustHash {
				hash = h
			}
		case num != 0:
			r.other(end, num, typ, 3)
		}
	}
	if !d.build.Stream(model.Borrow(lbls), hash) {
		r.fail(at, "too many streams for a push of %d bytes", len(r.src))
	}
}

func (d *PushDecoder) entry(end int) {
	var (
		r       = &d.r
		at      = r.pos
		seconds int64
		nanos   int32
		line    []byte
		size    int // of the metadata
	)
	for r.pos < end && r.err == nil {
		num, typ := r.field(end)
		switch {
		case num == 1 && typ == protowire.BytesType:
			r.timestamp(r.length(end), &seconds, &nanos)
		case num == 2 && typ == protowire.BytesType:
			line = r.bytes(end, MaxRowBytes, "line")
		case num == 3 && typ == protowire.BytesType:
			if size += d.pair(r.length(end)); size > MaxRowBytes {
				r.fail(at, "metadata of more than %d bytes", MaxRowBytes)
			}
		case num != 0:
			r.other(end, num, typ, 3)
		}
	}
	ts, ok := unixNano(seconds, nanos)
	if !ok {
		r.fail(at, "timestamp of %d s and %d ns is out of range", seconds, nanos)
	}
	if !d.build.Entry(ts, model.Borrow(line)) {
		r.fail(at, "too many entries for a push of %d bytes", len(r.src))
	}
}

// pair reads a LabelPair and returns the length of its name and value.
func (d *PushDecoder) pair(end int) int {
	var (
		r           = &d.r
		at          = r.pos
		name, value []byte
	)
	for r.pos < end && r.err == nil {
		num, typ := r.field(end)
		switch {
		case num == 1 && typ == protowire.BytesType:
			name = r.bytes(end, MaxRowBytes, "metadata name")
		case num == 2 && typ == protowire.BytesType:
			value = r.bytes(end, MaxRowBytes, "metadata value")
		case num != 0:
			r.other(end, num, typ, 2)
		}
	}
	if !d.build.Pair(model.Borrow(name), model.Borrow(value)) {
		r.fail(at, "too much metadata for a push of %d bytes", len(r.src))
	}
	return len(name) + len(value)
}
