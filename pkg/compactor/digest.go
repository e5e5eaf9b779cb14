package compactor

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// A digest is what a merge is checked by: how many rows, and the sum of their
// hashes, in which their order does not matter.
type digest struct {
	rows int64
	sum  uint64
}

func (d *digest) add(hash uint64) {
	d.rows++
	d.sum += hash
}

// A hasher hashes rows. It belongs to one goroutine.
type hasher struct {
	h   xxhash.Digest
	buf [8]byte
}

func (h *hasher) number(n uint64) {
	binary.LittleEndian.PutUint64(h.buf[:], n)
	_, _ = h.h.Write(h.buf[:])
}

func (h *hasher) text(s string) {
	h.number(uint64(len(s)))
	_, _ = h.h.WriteString(s)
}

// derived is the metadata that does not make an entry another one: see
// [model.SameMetadata].
const derived = "detected_level"

// hash returns the hash of a row, and that of what tells entries apart, which
// is equal for duplicates. stream is the stable hash of its labels.
func (h *hasher) hash(stream uint64, ts int64, line string, m model.Metadata) (whole, identity uint64) {
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

// digestOf reads all of a segment.
func digestOf(ctx context.Context, r *segment.Reader) (digest, error) {
	var d digest
	var h hasher
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
				whole, _ := h.hash(hashes[run.Stream], b.Timestamps[n], b.Lines[n], m)
				d.add(whole)
			}
		}
	}
	return d, nil
}

// check reports that a segment does not hold the rows of d.
func (d digest) check(ctx context.Context, r *segment.Reader) error {
	got, err := digestOf(ctx, r)
	if err != nil {
		return err
	}
	if got != d {
		return fmt.Errorf("%w: %d rows with sum %016x, want %d with %016x", errMismatch, got.rows, got.sum, d.rows, d.sum)
	}
	return nil
}
