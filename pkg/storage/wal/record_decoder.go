package wal

import (
	"github.com/klauspost/compress/s2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
)

// Fewest bytes that a part of a body can have; counts are held against them.
const (
	minStream = 1 + 8 + 1
	minEntry  = 3
	minPair   = 2
	minState  = 1 + 8 + 1 + 1
)

// A decoder reads records. It owns what its methods return, until the next record.
type decoder struct {
	limit int64

	kind   recordKind
	tenant string
	codec  codec
	body   []byte // of the record, as it lies there

	plain    []byte // the unpacked body
	entries  []model.Entry
	metadata []labels.Label
	states   []StreamState
}

// record looks at what comes before the body.
func (d *decoder) record(b []byte) error {
	in := encbuf.NewDecoder(b)
	d.kind = recordKind(in.U8())
	d.codec = codec(in.U8())
	d.tenant = in.String()
	d.body = in.Rest()
	switch {
	case in.Err() != nil:
		return corruptf("record: %v", in.Err())
	case d.kind != batchRecord && d.kind != streamsRecord:
		return corruptf("record of kind %d is not known", d.kind)
	case d.codec != plainCodec && d.codec != s2Codec:
		return corruptf("codec %d is not known", d.codec)
	}
	return nil
}

// unpack returns the body as it was before compression.
func (d *decoder) unpack() ([]byte, error) {
	if d.codec == plainCodec {
		return d.body, nil
	}
	n, err := s2.DecodedLen(d.body)
	if err != nil {
		return nil, corruptf("unpack: %v", err)
	}
	if int64(n) > d.limit {
		return nil, corruptf("unpack: %d bytes, at most %d allowed", n, d.limit)
	}
	if cap(d.plain) < n {
		d.plain = make([]byte, n)
	}
	plain, err := s2.Decode(d.plain[:cap(d.plain)], d.body)
	if err != nil {
		return nil, corruptf("unpack: %v", err)
	}
	return plain, nil
}

// batch decodes the body into b. Its strings and slices are the decoder's.
func (d *decoder) batch(b *model.Batch) error {
	b.Tenant, b.Streams = d.tenant, b.Streams[:0]
	if err := d.decodeBatch(b); err != nil {
		b.Streams = b.Streams[:0]
		return err
	}
	return nil
}

func (d *decoder) decodeBatch(b *model.Batch) error {
	plain, err := d.unpack()
	if err != nil {
		return err
	}
	in := encbuf.NewDecoder(plain)
	streams := in.Count(len(plain), minStream)
	nEntries := in.Count(len(plain), minEntry)
	nPairs := in.Count(len(plain), minPair)
	entries := resize(&d.entries, nEntries)
	metadata := resize(&d.metadata, nPairs)
	if cap(b.Streams) < streams {
		b.Streams = make([]model.Stream, 0, streams)
	}

	var before int64
	for range streams {
		s := model.Stream{Labels: in.String(), Hash: in.U64()}
		n := in.Count(len(entries), minEntry)
		s.Entries, entries = entries[:n:n], entries[n:]
		for i := range s.Entries {
			before += in.Varint()
			entry := model.Entry{Timestamp: before, Line: in.String()}
			if n := in.Count(len(metadata), minPair); n > 0 {
				entry.Metadata, metadata = metadata[:n:n], metadata[n:]
				for j := range entry.Metadata {
					entry.Metadata[j].Name = in.String()
					entry.Metadata[j].Value = in.String()
				}
			}
			s.Entries[i] = entry
		}
		if in.Err() != nil {
			break
		}
		b.Streams = append(b.Streams, s)
	}
	switch err := in.End(); {
	case err != nil:
		return corruptf("batch: %v", err)
	case len(entries) > 0 || len(metadata) > 0:
		return corruptf("batch: totals do not add up")
	}
	return nil
}

// streams decodes the body of a streams record. The result is the decoder's.
func (d *decoder) streams() ([]StreamState, error) {
	plain, err := d.unpack()
	if err != nil {
		return nil, err
	}
	in := encbuf.NewDecoder(plain)
	states := resize(&d.states, in.Count(len(plain), minState))
	for i := range states {
		states[i] = StreamState{Labels: in.String(), Hash: in.U64(), Newest: in.Varint(), LastSeen: in.Varint()}
	}
	if err := in.End(); err != nil {
		return nil, corruptf("streams: %v", err)
	}
	return states, nil
}

// resize returns (*s)[:n], grown if need be. Its elements hold old values.
func resize[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n)
	}
	return (*s)[:n]
}
