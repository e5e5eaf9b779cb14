package logproto

import (
	"github.com/prometheus/prometheus/model/labels"
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

// The fewest bytes that something useful takes on the wire. More things than
// would fit at these sizes are not a push but an attempt to fill our memory: an
// empty message takes two bytes there and up to fifty here.
const (
	leastEntryBytes  = 8 // two bytes of frame, and a timestamp's seconds
	leastPairBytes   = 6
	leastStreamBytes = 4

	// fewThings is how many of each are taken whatever their size.
	fewThings = 64
)

// A PushDecoder reads PushRequests. The zero value is ready to use; it is meant
// to be kept and used for many pushes, one at a time.
type PushDecoder struct {
	// TrustHash keeps the hash that comes with each stream. It is for pushes
	// from another role; what clients send there means nothing.
	TrustHash bool

	wireReader
	entries []model.Entry
	pairs   []labels.Label
	// The arrays above move while they grow, so streams and entries note which
	// part is theirs, and get it in the end.
	streams []part // of entries, one for each stream
	rows    []row  // of entries that have metadata
}

type part struct{ start, end int }

type row struct {
	entry int
	pairs part
}

// Decode reads the PushRequest in src into dst, whose streams it replaces;
// their labels are the text as sent. Lines are taken as they are, valid UTF-8 or
// not. The strings of dst point into src, and its slices belong to the decoder:
// all is valid until src changes or Decode is called again.
//
// An error wraps [ErrMalformed], and leaves dst without streams.
func (d *PushDecoder) Decode(src []byte, dst *model.Batch) error {
	d.wireReader = wireReader{src: src}
	d.entries, d.pairs = d.entries[:0], d.pairs[:0]
	d.streams, d.rows = d.streams[:0], d.rows[:0]
	dst.Streams = dst.Streams[:0]
	for d.pos < len(src) {
		num, typ := d.field(len(src))
		switch {
		case num == 1 && typ == protowire.BytesType:
			if len(dst.Streams) >= len(src)/leastStreamBytes+fewThings {
				d.fail(d.pos, "too many streams")
				break
			}
			dst.Streams = append(dst.Streams, model.Stream{})
			d.stream(d.length(len(src)), &dst.Streams[len(dst.Streams)-1])
		case num == 0:
		default:
			d.skip(len(src), num, typ)
		}
		if d.err != nil {
			clear(dst.Streams)
			dst.Streams = dst.Streams[:0]
			return d.err
		}
	}
	for _, r := range d.rows {
		d.entries[r.entry].Metadata = model.Metadata(d.pairs[r.pairs.start:r.pairs.end:r.pairs.end])
	}
	for i, p := range d.streams {
		dst.Streams[i].Entries = d.entries[p.start:p.end:p.end]
	}
	return nil
}

// Release lets go of what the last push was decoded from, so that a decoder
// that waits for the next one does not keep it alive.
func (d *PushDecoder) Release() {
	clear(d.entries)
	clear(d.pairs)
	d.wireReader = wireReader{}
}

func (d *PushDecoder) stream(end int, s *model.Stream) {
	p := part{start: len(d.entries)}
	for d.pos < end {
		num, typ := d.field(end)
		switch {
		case num == 2 && typ == protowire.BytesType:
			if len(d.entries) >= len(d.src)/leastEntryBytes+fewThings {
				d.fail(d.pos, "too many entries")
				return
			}
			d.entries = append(d.entries, model.Entry{})
			d.entry(d.length(end), len(d.entries)-1)
		case num == 1 && typ == protowire.BytesType:
			s.Labels = model.Borrow(d.bytes(end, MaxLabelsBytes, "label text"))
		case num == 3 && typ == protowire.VarintType:
			if hash := d.uvarint(end); d.TrustHash {
				s.Hash = hash
			}
		case num == 0:
		default:
			d.skip(end, num, typ)
		}
		if d.err != nil {
			return
		}
	}
	p.end = len(d.entries)
	d.streams = append(d.streams, p)
}

func (d *PushDecoder) entry(end, index int) {
	var (
		begin   = d.pos
		seconds int64
		nanos   int32
		line    []byte
		pairs   = part{start: len(d.pairs)}
		size    int
	)
	for d.pos < end {
		num, typ := d.field(end)
		switch {
		case num == 1 && typ == protowire.BytesType:
			d.timestamp(d.length(end), &seconds, &nanos)
		case num == 2 && typ == protowire.BytesType:
			line = d.bytes(end, MaxRowBytes, "line")
		case num == 3 && typ == protowire.BytesType:
			if len(d.pairs) >= len(d.src)/leastPairBytes+fewThings {
				d.fail(d.pos, "too much metadata")
				return
			}
			l := d.pair(d.length(end))
			if size += len(l.Name) + len(l.Value); size > MaxRowBytes {
				d.fail(begin, "an entry whose metadata has more than %d bytes", MaxRowBytes)
			}
			d.pairs = append(d.pairs, l)
		case num == 0:
		default:
			d.skip(end, num, typ)
		}
		if d.err != nil {
			return
		}
	}
	ts, ok := unixNano(seconds, nanos)
	if !ok {
		d.fail(begin, "timestamp of %d s and %d ns is out of range", seconds, nanos)
		return
	}
	e := &d.entries[index]
	e.Timestamp, e.Line = ts, model.Borrow(line)
	if pairs.end = len(d.pairs); pairs.end > pairs.start {
		d.rows = append(d.rows, row{index, pairs})
	}
}

func (d *PushDecoder) pair(end int) (l labels.Label) {
	for d.pos < end {
		num, typ := d.field(end)
		switch {
		case num == 1 && typ == protowire.BytesType:
			l.Name = model.Borrow(d.bytes(end, MaxRowBytes, "metadata name"))
		case num == 2 && typ == protowire.BytesType:
			l.Value = model.Borrow(d.bytes(end, MaxRowBytes, "metadata value"))
		case num == 0:
			return l
		default:
			d.skip(end, num, typ)
		}
	}
	return l
}
