package index

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// Append appends the index of streams, which are distinct, to dst. The
// reference that stream i has in it is refs[i]. Labels with an empty value are
// left out: they are the same as none.
//
// Streams are numbered so that alike ones lie together, which keeps the lists
// of references short: sorted by the values of their labels, those labels first
// that have the fewest.
func Append(dst []byte, streams []labels.Labels) (out []byte, refs []uint32) {
	streams = slices.Clone(streams)
	for i := range streams {
		streams[i] = streams[i].WithoutEmpty()
	}
	a := newAppender(streams)
	refs = a.number(streams)
	sorted := make([]labels.Labels, len(streams))
	for i, ref := range refs {
		sorted[ref] = streams[i]
	}

	dst = binary.AppendUvarint(dst, uint64(len(a.symbols)))
	for _, s := range a.symbols {
		dst = encbuf.AppendString(dst, s)
	}
	dst = a.appendPostings(dst, sorted)
	dst = binary.AppendUvarint(dst, uint64(len(sorted)))
	for _, l := range sorted {
		dst = binary.LittleEndian.AppendUint64(dst, labels.StableHash(l))
		dst = binary.AppendUvarint(dst, uint64(l.Len()))
		l.Range(func(l labels.Label) {
			dst = binary.AppendUvarint(dst, uint64(a.numbers[l.Name]))
			dst = binary.AppendUvarint(dst, uint64(a.numbers[l.Value]))
		})
	}
	return dst, refs
}

// An appender knows the symbols of a set of streams.
type appender struct {
	symbols []string // sorted
	numbers map[string]uint32
	names   []string // sorted by the number of their values
}

func newAppender(streams []labels.Labels) *appender {
	values := map[string]map[string]struct{}{}
	symbols := map[string]struct{}{}
	for _, s := range streams {
		s.Range(func(l labels.Label) {
			symbols[l.Name], symbols[l.Value] = struct{}{}, struct{}{}
			if values[l.Name] == nil {
				values[l.Name] = map[string]struct{}{}
			}
			values[l.Name][l.Value] = struct{}{}
		})
	}
	a := &appender{symbols: sortedKeys(symbols), numbers: make(map[string]uint32, len(symbols))}
	for i, s := range a.symbols {
		a.numbers[s] = uint32(i)
	}
	for name := range values {
		a.names = append(a.names, name)
	}
	slices.SortFunc(a.names, func(x, y string) int {
		if c := cmp.Compare(len(values[x]), len(values[y])); c != 0 {
			return c
		}
		return strings.Compare(x, y)
	})
	return a
}

// number decides the reference of each stream.
func (a *appender) number(streams []labels.Labels) []uint32 {
	// The values as numbers of symbols, which sort as the symbols do; an absent
	// label comes first.
	width := len(a.names)
	keys := make([]uint32, len(streams)*width)
	for i, s := range streams {
		for j, name := range a.names {
			if v := s.Get(name); v != "" {
				keys[i*width+j] = a.numbers[v] + 1
			}
		}
	}
	order := make([]uint32, len(streams))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		return slices.Compare(keys[int(x)*width:][:width], keys[int(y)*width:][:width])
	})
	refs := make([]uint32, len(streams))
	for ref, i := range order {
		refs[i] = uint32(ref)
	}
	return refs
}

// A span is the references [start, end).
type span struct{ start, end uint32 }

func (a *appender) appendPostings(dst []byte, sorted []labels.Labels) []byte {
	postings := map[string]map[string][]span{}
	for ref, s := range sorted {
		s.Range(func(l labels.Label) {
			byValue := postings[l.Name]
			if byValue == nil {
				byValue = map[string][]span{}
				postings[l.Name] = byValue
			}
			spans := byValue[l.Value]
			if n := len(spans); n > 0 && spans[n-1].end == uint32(ref) {
				spans[n-1].end++
				return
			}
			byValue[l.Value] = append(spans, span{uint32(ref), uint32(ref) + 1})
		})
	}
	names := slices.Sorted(slices.Values(a.names))
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, name := range names {
		byValue := postings[name]
		values := make([]string, 0, len(byValue))
		for v := range byValue {
			values = append(values, v)
		}
		slices.Sort(values)
		dst = binary.AppendUvarint(dst, uint64(a.numbers[name]))
		dst = binary.AppendUvarint(dst, uint64(len(values)))
		for _, v := range values {
			dst = binary.AppendUvarint(dst, uint64(a.numbers[v]))
			dst = binary.AppendUvarint(dst, uint64(len(byValue[v])))
			end := uint32(0)
			for _, s := range byValue[v] {
				dst = binary.AppendUvarint(dst, uint64(s.start-end))
				dst = binary.AppendUvarint(dst, uint64(s.end-s.start-1))
				end = s.end
			}
		}
	}
	return dst
}
