package pipeline

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// A LabelSet is the labels of an entry behind the last stage. It is never
// changed, and owns its strings.
type LabelSet struct {
	// All are the labels of all categories, by name, with the error labels. Where
	// a grouping was asked for, they are those of the group, without empty ones.
	All labels.Labels
	// Hash is labels.StableHash of All.
	Hash uint64
	// Stream, Metadata and Parsed are All by category. They are empty where a
	// grouping was asked for.
	Stream, Metadata, Parsed labels.Labels
	// Error and ErrorDetails say what went wrong; empty when nothing did.
	Error, ErrorDetails string
	// PreserveError says that the error is a label like others.
	PreserveError bool
}

// maxSetBytes bounds what the pipeline of a stream remembers of label sets. It is
// small because streams are many, and because where sets are many too they
// seldom come again.
const maxSetBytes = 64 << 10

// A setCache finds the label set for what an entry holds.
type setCache struct {
	grouping *syntax.Grouping
	// seen finds sets by what entries held, in the order they held it.
	seen map[uint64]*seenSet
	// sets finds them by their labels, so that the order makes no difference.
	sets map[uint64][]*LabelSet
	// plain is the set of entries that have the labels of the stream and no others.
	plain *LabelSet
	bytes int // remembered
	key   []byte
}

// A seenSet remembers the key as well: hashes may be equal by chance.
type seenSet struct {
	key string
	set *LabelSet
}

func newSetCache(g *syntax.Grouping) *setCache {
	return &setCache{grouping: g, seen: map[uint64]*seenSet{}, sets: map[uint64][]*LabelSet{}}
}

// get returns the set of e's labels.
func (c *setCache) get(e *entry) *LabelSet {
	if len(e.fields) == 0 && e.hides == 0 && e.failure == (failure{}) {
		if c.plain == nil {
			c.plain = c.canonical(c.build(e))
		}
		return c.plain
	}
	c.key = c.appendKey(c.key[:0], e)
	hash := xxhash.Sum64(c.key)
	if s, ok := c.seen[hash]; ok && s.key == string(c.key) {
		return s.set
	}
	// A key, the set's labels as such and by category, and the maps' share.
	bytes := 3*len(c.key) + 256
	if bytes > maxSetBytes {
		c.key = nil
		return c.build(e)
	}
	if c.bytes > maxSetBytes {
		clear(c.seen)
		clear(c.sets)
		c.bytes = 0
	}
	set := c.canonical(c.build(e))
	c.seen[hash] = &seenSet{string(c.key), set}
	c.bytes += bytes
	return set
}

// canonical returns the set that was made before for the same labels, or set.
func (c *setCache) canonical(set *LabelSet) *LabelSet {
	for _, s := range c.sets[set.Hash] {
		if labels.Equal(s.All, set.All) && labels.Equal(s.Metadata, set.Metadata) && labels.Equal(s.Parsed, set.Parsed) &&
			s.Error == set.Error && s.ErrorDetails == set.ErrorDetails && s.PreserveError == set.PreserveError {
			return s
		}
	}
	c.sets[set.Hash] = append(c.sets[set.Hash], set)
	return set
}

// appendKey writes all that a set depends on. Lengths keep names and values apart.
func (c *setCache) appendKey(b []byte, e *entry) []byte {
	b = appendText(b, e.class)
	b = appendText(b, e.details)
	b = appendText(b, e.preserve)
	if g := c.grouping; g != nil && !g.Without {
		for _, name := range g.Labels {
			b = appendText(b, e.value(name))
		}
		return b
	}
	for i := range e.hidden {
		if e.hidden[i] {
			b = append(b, byte(i), byte(i>>8))
		}
	}
	b = append(b, 0xff, 0xff)
	for i := range e.fields {
		f := &e.fields[i]
		b = append(b, byte(f.category))
		b = appendText(b, f.name)
		b = appendText(b, f.value)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	n := len(s)
	b = append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return append(b, s...)
}

// build makes the set, with strings of its own.
func (c *setCache) build(e *entry) *LabelSet {
	set := &LabelSet{
		Error:         strings.Clone(e.class),
		ErrorDetails:  strings.Clone(e.details),
		PreserveError: e.preserve == "true",
	}
	if c.grouping != nil {
		set.All = c.group(e)
	} else {
		var all, stream, metadata, parsed []labels.Label
		for i, l := range e.stream {
			if !e.hidden[i] {
				stream = append(stream, l)
			}
		}
		for _, f := range e.fields {
			l := labels.Label{Name: f.name, Value: f.value}
			if f.category == categoryMetadata {
				metadata = append(metadata, l)
			} else {
				parsed = append(parsed, l)
			}
		}
		parsed = e.appendErrors(parsed)
		all = append(append(append(all, stream...), metadata...), parsed...)
		set.All, set.Stream, set.Metadata, set.Parsed = sorted(all), sorted(stream), sorted(metadata), sorted(parsed)
	}
	set.Hash = labels.StableHash(set.All)
	return set
}

// appendErrors appends the error labels that are set.
func (e *entry) appendErrors(ls []labels.Label) []labels.Label {
	for _, name := range []string{ErrorLabel, ErrorDetailsLabel, PreserveErrorLabel} {
		if v := *e.reserved(name); v != "" {
			ls = append(ls, labels.Label{Name: name, Value: v})
		}
	}
	return ls
}

// group returns the labels that the grouping keeps.
func (c *setCache) group(e *entry) labels.Labels {
	var ls []labels.Label
	if !c.grouping.Without {
		for _, name := range c.grouping.Labels {
			if v := e.value(name); v != "" && !slices.Contains(ls, labels.Label{Name: name, Value: v}) {
				ls = append(ls, labels.Label{Name: name, Value: v})
			}
		}
		return sorted(ls)
	}
	keep := func(name, value string) {
		if value != "" && !slices.Contains(c.grouping.Labels, name) {
			ls = append(ls, labels.Label{Name: name, Value: value})
		}
	}
	for i, l := range e.stream {
		if !e.hidden[i] {
			keep(l.Name, l.Value)
		}
	}
	for _, f := range e.fields {
		keep(f.name, f.value)
	}
	for _, l := range e.appendErrors(nil) {
		keep(l.Name, l.Value)
	}
	return sorted(ls)
}

// sorted returns a label set that shares no memory with ls.
func sorted(ls []labels.Label) labels.Labels {
	b := labels.NewScratchBuilder(len(ls))
	for _, l := range ls {
		b.Add(strings.Clone(l.Name), strings.Clone(l.Value))
	}
	b.Sort()
	return b.Labels()
}
