// Package digest tells whether two sets of rows are the same, whatever segments
// and blocks they lie in: a merge is checked by it before its inputs go, and the
// receipt of a delete names what went by it.
//
// The digest of rows is how many they are and the sum of their hashes, each over
// stream, time, line and metadata. So digests add up: that of a whole is the sum
// of those of its parts.
package digest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// ErrMismatch is wrapped when rows are not those that they should be.
var ErrMismatch = errors.New("the segment does not hold the rows that it should")

// A Digest is how many rows there are, and the sum of their hashes, in which
// their order does not matter. The zero value is that of no rows.
type Digest struct {
	Rows int64
	Sum  uint64
}

// Add counts a row, by its hash.
func (d *Digest) Add(hash uint64) {
	d.Rows++
	d.Sum += hash
}

// Plus returns the digest of the rows of both.
func (d Digest) Plus(o Digest) Digest { return Digest{d.Rows + o.Rows, d.Sum + o.Sum} }

// Minus returns the digest of the rows of d without those of o.
func (d Digest) Minus(o Digest) Digest { return Digest{d.Rows - o.Rows, d.Sum - o.Sum} }

func (d Digest) String() string { return fmt.Sprintf("%d rows with sum %016x", d.Rows, d.Sum) }

// A Hasher hashes rows. It belongs to one goroutine.
type Hasher struct {
	h   xxhash.Digest
	buf [8]byte
}

func (h *Hasher) number(n uint64) {
	binary.LittleEndian.PutUint64(h.buf[:], n)
	_, _ = h.h.Write(h.buf[:])
}

func (h *Hasher) text(s string) {
	h.number(uint64(len(s)))
	_, _ = h.h.WriteString(s)
}

// derived is the metadata that does not make an entry another one: see
// [model.SameMetadata].
const derived = "detected_level"

// Hash returns the hash of a row, and that of what tells entries apart, which
// is equal for duplicates. stream is the stable hash of its labels.
func (h *Hasher) Hash(stream uint64, ts int64, line string, m model.Metadata) (whole, identity uint64) {
	h.h.Reset()
	h.number(stream)
	h.number(uint64(ts))
	h.text(line)
	extra := false
	for i := range m {
		if m[i].Name == derived {
			extra = true
			continue
		}
		h.text(m[i].Name)
		h.text(m[i].Value)
	}
	identity = h.h.Sum64()
	if !extra {
		return identity, identity
	}
	for i := range m {
		if m[i].Name == derived {
			h.number(uint64(i))
			h.text(m[i].Value)
		}
	}
	return h.h.Sum64(), identity
}

// Of reads all of a segment. It calls rest, unless that is nil, after each block,
// and ends with its error.
func Of(ctx context.Context, r *segment.Reader, rest func(context.Context) error) (Digest, error) {
	var d Digest
	var h Hasher
	hashes := make([]uint64, r.Summary().Streams)
	for n := range hashes {
		hashes[n] = labels.StableHash(r.Stream(uint32(n)).Labels)
	}
	for i := range r.Blocks() {
		b, err := r.ReadBlock(ctx, i)
		if err != nil {
			return d, err
		}
		for _, run := range b.Runs {
			for n := run.Start; n < run.End; n++ {
				var m model.Metadata
				if b.Metadata != nil {
					m = b.Metadata[n]
				}
				whole, _ := h.Hash(hashes[run.Stream], b.Timestamps[n], b.Lines[n], m)
				d.Add(whole)
			}
		}
		if rest == nil {
			continue
		}
		if err := rest(ctx); err != nil {
			return d, err
		}
	}
	return d, nil
}

// Check reports that a segment does not hold the rows of d. It reads it as [Of] does.
func (d Digest) Check(ctx context.Context, r *segment.Reader, rest func(context.Context) error) error {
	got, err := Of(ctx, r, rest)
	if err != nil {
		return err
	}
	if got != d {
		return fmt.Errorf("%w: %s, want %s", ErrMismatch, got, d)
	}
	return nil
}
