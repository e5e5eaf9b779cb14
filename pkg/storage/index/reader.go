package index

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Reader answers from the bytes that [Append] wrote. It borrows them.
type Reader struct {
	symbols []string
	names   []readerLabel // ascending
	sets    []byte        // the label sets of all streams
	offsets []uint32      // of each set in sets
}

// A readerLabel is the values of one name, ascending.
type readerLabel struct {
	name   string
	values []readerValue
}

// A readerValue is the streams with one value: ranges, as they are stored.
type readerValue struct {
	value  string
	ranges []byte
}

// Open checks all of data, so that no later question can fail. An error wraps
// [scan.ErrDamaged].
func Open(data []byte) (*Reader, error) {
	r := &Reader{}
	d := encbuf.NewDecoder(data)
	r.readSymbols(&d)
	r.readNames(&d)
	r.readSets(&d)
	if err := d.End(); err != nil {
		return nil, fmt.Errorf("stream index: %w: %w", err, scan.ErrDamaged)
	}
	// Ranges can only be checked now that the number of streams is known.
	for _, l := range r.names {
		for _, v := range l.values {
			if end, ok := lastOf(v.ranges); !ok || end > uint64(len(r.offsets)) {
				return nil, fmt.Errorf("stream index: references of %s=%q end at %d of %d streams: %w", l.name, v.value, end, len(r.offsets), scan.ErrDamaged)
			}
		}
	}
	return r, nil
}

func (r *Reader) readSymbols(d *encbuf.Decoder) {
	r.symbols = make([]string, d.Count(d.Len(), 1))
	for i := range r.symbols {
		r.symbols[i] = d.String()
		if i > 0 && r.symbols[i] <= r.symbols[i-1] {
			d.Fail(fmt.Errorf("symbol %d is out of order", i))
			return
		}
	}
}

// symbol reads the number of a symbol.
func (r *Reader) symbol(d *encbuf.Decoder) string {
	n := d.Uvarint()
	if n >= uint64(len(r.symbols)) {
		d.Fail(fmt.Errorf("symbol %d of %d", n, len(r.symbols)))
		return ""
	}
	return r.symbols[n]
}

func (r *Reader) readNames(d *encbuf.Decoder) {
	r.names = make([]readerLabel, d.Count(d.Len(), 2))
	for i := range r.names {
		l := &r.names[i]
		l.name = r.symbol(d)
		if i > 0 && l.name <= r.names[i-1].name {
			d.Fail(fmt.Errorf("label name %q is out of order", l.name))
		}
		l.values = make([]readerValue, d.Count(d.Len(), 4))
		for j := range l.values {
			v := &l.values[j]
			v.value = r.symbol(d)
			if j > 0 && v.value <= l.values[j-1].value {
				d.Fail(fmt.Errorf("value %q of label %q is out of order", v.value, l.name))
			}
			v.ranges = readRanges(d)
			if d.Err() != nil {
				return
			}
		}
	}
}

// readRanges returns the bytes of ranges, without their count.
func readRanges(d *encbuf.Decoder) []byte {
	n := d.Count(d.Len(), 2)
	start := *d
	from := d.Offset()
	for range n {
		d.Uvarint()
		d.Uvarint()
	}
	if n == 0 {
		d.Fail(fmt.Errorf("a value without streams"))
	}
	if d.Err() != nil {
		return nil
	}
	return start.Bytes(d.Offset() - from)
}

// eachRange calls fn for each range [start, end) of references. It stops when
// fn returns false.
func eachRange(ranges []byte, fn func(start, end uint64) bool) {
	d := encbuf.NewDecoder(ranges)
	end := uint64(0)
	for d.Len() > 0 {
		start := end + d.Uvarint()
		end = start + d.Uvarint() + 1
		if !fn(start, end) {
			return
		}
	}
}

// lastOf returns the end of the last range, and false if ranges overflow.
func lastOf(ranges []byte) (last uint64, ok bool) {
	ok = true
	eachRange(ranges, func(start, end uint64) bool {
		ok = last <= start && start < end && end <= 1<<32
		last = end
		return ok
	})
	return last, ok
}

// A set takes its hash and the number of its labels.
const minSetLen = 8 + 1

func (r *Reader) readSets(d *encbuf.Decoder) {
	n := d.Count(d.Len(), minSetLen)
	if d.Err() != nil {
		return
	}
	start := *d
	from := d.Offset()
	r.offsets = make([]uint32, n)
	for i := range r.offsets {
		r.offsets[i] = uint32(d.Offset() - from)
		d.U64()
		prev := ""
		for j := range d.Count(d.Len(), 2) {
			name, value := r.symbol(d), r.symbol(d)
			if d.Err() != nil {
				return
			}
			if value == "" || j > 0 && name <= prev {
				d.Fail(fmt.Errorf("stream %d has label %q=%q out of order", i, name, value))
			}
			prev = name
		}
	}
	r.sets = start.Bytes(d.Offset() - from)
}

// Len is the number of streams.
func (r *Reader) Len() int { return len(r.offsets) }

// Labels returns the labels of a stream, and their stable hash. It panics for a
// reference that is not below Len.
func (r *Reader) Labels(ref uint32) (labels.Labels, uint64) {
	d := encbuf.NewDecoder(r.sets[r.offsets[ref]:])
	hash := d.U64()
	n := d.Count(d.Len(), 2)
	b := labels.NewScratchBuilder(n)
	for range n {
		name, value := r.symbol(&d), r.symbol(&d)
		b.Add(name, value)
	}
	return b.Labels(), hash
}

// Select returns the streams that all matchers select; without matchers that is
// all of them.
func (r *Reader) Select(matchers []*labels.Matcher) *roaring.Bitmap {
	return selectStreams(r, matchers)
}

// LabelNames returns the label names of the given streams, sorted; nil means of all.
func (r *Reader) LabelNames(refs *roaring.Bitmap) []string {
	if refs != nil && refs.GetCardinality() <= fewRefs {
		return labelNames(r, refs)
	}
	names := make([]string, 0, len(r.names))
	for i := range r.names {
		if refs == nil || slices.ContainsFunc(r.names[i].values, func(v readerValue) bool { return v.in(refs) }) {
			names = append(names, strings.Clone(r.names[i].name))
		}
	}
	return names
}

// fewRefs is how many streams are looked at one by one for their label names.
// Beyond that, and for values where there are as many streams as values, postings
// are compared with the streams instead.
const fewRefs = 16

// LabelValues returns the values that the given streams have for a label,
// sorted; nil means all streams.
func (r *Reader) LabelValues(name string, refs *roaring.Bitmap) []string {
	all := r.valuesOf(name)
	if refs != nil && refs.GetCardinality() < uint64(len(all)) {
		return labelValues(r, refs, name)
	}
	values := make([]string, 0, len(all))
	for i := range all {
		if refs == nil || all[i].in(refs) {
			values = append(values, strings.Clone(all[i].value))
		}
	}
	return values
}

// in reports whether one of the streams with the value is among refs.
func (v *readerValue) in(refs *roaring.Bitmap) (found bool) {
	eachRange(v.ranges, func(start, end uint64) bool {
		found = refs.IntersectsWithInterval(start, end)
		return !found
	})
	return found
}

// Bytes estimates the memory that the reader takes beside the bytes it borrows.
func (r *Reader) Bytes() int64 {
	n := 16*len(r.symbols) + 40*len(r.names) + 4*len(r.offsets)
	for i := range r.names {
		n += 40 * len(r.names[i].values)
	}
	return int64(n)
}

func (r *Reader) streams() uint32 { return uint32(len(r.offsets)) }

func (r *Reader) labels(ref uint32) labels.Labels {
	l, _ := r.Labels(ref)
	return l
}

func (r *Reader) valuesOf(name string) []readerValue {
	i, ok := slices.BinarySearchFunc(r.names, name, func(l readerLabel, name string) int { return strings.Compare(l.name, name) })
	if !ok {
		return nil
	}
	return r.names[i].values
}

func (r *Reader) one(dst *roaring.Bitmap, name, value string) {
	values := r.valuesOf(name)
	i := sort.Search(len(values), func(i int) bool { return values[i].value >= value })
	if i < len(values) && values[i].value == value {
		values[i].addTo(dst)
	}
}

func (r *Reader) some(dst *roaring.Bitmap, name string, keep func(string) bool) {
	for _, v := range r.valuesOf(name) {
		if keep == nil || keep(v.value) {
			v.addTo(dst)
		}
	}
}

func (v *readerValue) addTo(dst *roaring.Bitmap) {
	eachRange(v.ranges, func(start, end uint64) bool {
		dst.AddRange(start, end)
		return true
	})
}
