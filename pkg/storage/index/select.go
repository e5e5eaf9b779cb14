package index

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/prometheus/prometheus/model/labels"
)

// lookup is what selecting needs of an index.
type lookup interface {
	// streams is the number of streams; references are below it.
	streams() uint32
	// one adds the streams with that label to dst.
	one(dst *roaring.Bitmap, name, value string)
	// some adds to dst the streams with the label name whose value has keep
	// true. A nil keep keeps all.
	some(dst *roaring.Bitmap, name string, keep func(value string) bool)
	// labels returns the labels of a stream.
	labels(ref uint32) labels.Labels
}

// selectStreams returns the streams that all matchers select.
func selectStreams(ix lookup, matchers []*labels.Matcher) *roaring.Bitmap {
	n := ix.streams()
	var found *roaring.Bitmap
	for _, m := range matchers {
		// A matcher that the empty value passes selects streams without the
		// label too: those are found by what it leaves out.
		if m.Matches("") {
			continue
		}
		with := roaring.New()
		addMatching(ix, with, m)
		if found == nil {
			found = with
		} else {
			found.And(with)
		}
		if found.IsEmpty() {
			return found
		}
	}
	if found == nil {
		found = roaring.New()
		found.AddRange(0, uint64(n))
	}
	for _, m := range matchers {
		if !m.Matches("") || found.IsEmpty() {
			continue
		}
		without := roaring.New()
		addFailing(ix, without, m)
		found.AndNot(without)
	}
	// A head may have grown between two lists.
	found.RemoveRange(uint64(n), 1<<32)
	return found
}

// addMatching adds the streams whose label passes m, which the empty value does not.
func addMatching(ix lookup, dst *roaring.Bitmap, m *labels.Matcher) {
	switch set := m.SetMatches(); {
	case m.Type == labels.MatchEqual:
		ix.one(dst, m.Name, m.Value)
	case m.Type == labels.MatchRegexp && len(set) > 0:
		for _, v := range set {
			ix.one(dst, m.Name, v)
		}
	case m.Type == labels.MatchNotEqual && m.Value == "":
		ix.some(dst, m.Name, nil)
	default:
		ix.some(dst, m.Name, m.Matches)
	}
}

// addFailing adds the streams whose label fails m, which the empty value passes.
func addFailing(ix lookup, dst *roaring.Bitmap, m *labels.Matcher) {
	switch set := m.SetMatches(); {
	case m.Type == labels.MatchEqual: // of the empty value
		ix.some(dst, m.Name, nil)
	case m.Type == labels.MatchNotEqual:
		ix.one(dst, m.Name, m.Value)
	case m.Type == labels.MatchNotRegexp && len(set) > 0:
		for _, v := range set {
			ix.one(dst, m.Name, v)
		}
	default:
		ix.some(dst, m.Name, func(v string) bool { return !m.Matches(v) })
	}
}

// labelNames returns the names that the given streams have, sorted.
func labelNames(ix lookup, refs *roaring.Bitmap) []string {
	seen := map[string]struct{}{}
	refs.Iterate(func(ref uint32) bool {
		ix.labels(ref).Range(func(l labels.Label) {
			seen[l.Name] = struct{}{}
		})
		return true
	})
	return sortedKeys(seen)
}

// labelValues returns the values that the given streams have for a name, sorted.
func labelValues(ix lookup, refs *roaring.Bitmap, name string) []string {
	seen := map[string]struct{}{}
	refs.Iterate(func(ref uint32) bool {
		if v := ix.labels(ref).Get(name); v != "" {
			seen[v] = struct{}{}
		}
		return true
	})
	return sortedKeys(seen)
}

func sortedKeys(set map[string]struct{}) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
