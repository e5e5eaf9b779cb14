package index

import (
	"slices"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/prometheus/prometheus/model/labels"
)

// A Head is an index in memory that grows. Use [NewHead].
type Head struct {
	mu    sync.RWMutex // guards the fields below
	sets  []labels.Labels
	refs  map[uint64][]uint32 // by hash of the labels
	names map[string]*headLabel
	bytes int64
}

// A headLabel is the values of one name.
type headLabel struct {
	values  []*headValue // in the order of arrival; only appended to
	byValue map[string]*headValue
}

// A headValue is the streams with one value.
type headValue struct {
	value string // never changes
	// Ascending, and only appended to: whoever noted its length under the lock
	// may read that far without it.
	refs []uint32
}

// What a stream, a value and a posting take beside the text of the labels, a
// little more than was measured with 100,000 streams.
const (
	streamBytes  = 80
	valueBytes   = 110
	postingBytes = 6
)

// NewHead returns an index without streams.
func NewHead() *Head {
	return &Head{refs: map[uint64][]uint32{}, names: map[string]*headLabel{}}
}

// Add returns the reference of the stream with these labels, which is the next
// free one if the stream is new. The head keeps lbls, and with them the string
// they are made of.
func (h *Head) Add(lbls labels.Labels) uint32 {
	hash := lbls.Hash()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ref := range h.refs[hash] {
		if labels.Equal(h.sets[ref], lbls) {
			return ref
		}
	}
	ref := uint32(len(h.sets))
	h.sets = append(h.sets, lbls)
	h.refs[hash] = append(h.refs[hash], ref)
	h.bytes += streamBytes + int64(lbls.ByteSize())
	lbls.Range(func(l labels.Label) {
		if l.Value == "" {
			return // the same as not having it
		}
		byName := h.names[l.Name]
		if byName == nil {
			byName = &headLabel{byValue: map[string]*headValue{}}
			h.names[l.Name] = byName
			h.bytes += valueBytes
		}
		v := byName.byValue[l.Value]
		if v == nil {
			v = &headValue{value: l.Value}
			byName.byValue[l.Value] = v
			byName.values = append(byName.values, v)
			h.bytes += valueBytes
		}
		v.refs = append(v.refs, ref)
		h.bytes += postingBytes
	})
	return ref
}

// Len is the number of streams.
func (h *Head) Len() int { return int(h.streams()) }

// Labels returns the labels of a stream. It panics for a reference that Add
// did not return.
func (h *Head) Labels(ref uint32) labels.Labels { return h.labels(ref) }

// Select returns the streams that all matchers select, as of now; without
// matchers that is all of them.
func (h *Head) Select(matchers []*labels.Matcher) *roaring.Bitmap {
	return selectStreams(h, matchers)
}

// LabelNames returns the label names of the streams that the matchers select, sorted.
func (h *Head) LabelNames(matchers []*labels.Matcher) []string {
	if len(matchers) > 0 {
		return labelNames(h, h.Select(matchers))
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	names := make([]string, 0, len(h.names))
	for name := range h.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// LabelValues returns the values of a label among the streams that the matchers
// select, sorted.
func (h *Head) LabelValues(name string, matchers []*labels.Matcher) []string {
	if len(matchers) > 0 {
		return labelValues(h, h.Select(matchers), name)
	}
	all := h.valuesOf(name)
	values := make([]string, len(all))
	for i, v := range all {
		values[i] = v.value
	}
	slices.Sort(values)
	return values
}

// Bytes estimates the memory that the head takes.
func (h *Head) Bytes() int64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.bytes
}

func (h *Head) streams() uint32 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return uint32(len(h.sets))
}

func (h *Head) labels(ref uint32) labels.Labels {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.sets[ref]
}

func (h *Head) one(dst *roaring.Bitmap, name, value string) {
	h.mu.RLock()
	var refs []uint32
	if l := h.names[name]; l != nil {
		if v := l.byValue[value]; v != nil {
			refs = v.refs
		}
	}
	h.mu.RUnlock()
	dst.AddMany(refs)
}

// valuesOf returns the values of a name that there are now.
func (h *Head) valuesOf(name string) []*headValue {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if l := h.names[name]; l != nil {
		return l.values
	}
	return nil
}

// some matches the values without the lock: a regular expression over many
// values must not keep new streams waiting.
func (h *Head) some(dst *roaring.Bitmap, name string, keep func(string) bool) {
	values := h.valuesOf(name)
	if keep != nil {
		var kept []*headValue
		for _, v := range values {
			if keep(v.value) {
				kept = append(kept, v)
			}
		}
		values = kept
	}
	lists := make([][]uint32, len(values))
	h.mu.RLock()
	for i, v := range values {
		lists[i] = v.refs
	}
	h.mu.RUnlock()
	for _, refs := range lists {
		dst.AddMany(refs)
	}
}
