package fields

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// A Discoverer fills metadata fields that an operator asked for. Each has a
// list of candidates, preferred first, that are looked for in the stream's
// labels, then the entry's metadata, then the line as JSON (a dot leads into an
// object, or is part of a name), then the line as logfmt.
type Discoverer struct {
	fields     []discoveredField
	candidates nameSet // of all fields, to pass over logfmt pairs that nobody wants
}

type discoveredField struct {
	name       string
	candidates []string
}

// NewDiscoverer returns a discoverer of the fields in want, which maps the name
// of each to its candidates.
func NewDiscoverer(want map[string][]string) *Discoverer {
	d := &Discoverer{}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		d.fields = append(d.fields, discoveredField{name, want[name]})
		all = append(all, want[name]...)
	}
	d.candidates = newNameSet(all, true)
	return d
}

// Append appends to md the fields that were found, by name, and returns it.
// Fields that md has already are left as the client sent them.
func (d *Discoverer) Append(md model.Metadata, lbls labels.Labels, line string) model.Metadata {
	given := len(md)
	for i := range d.fields {
		f := &d.fields[i]
		if metadataValue(md[:given], f.name) != "" {
			continue
		}
		if v := f.find(md[:given], lbls, line, &d.candidates); v != "" {
			md = append(md, labels.Label{Name: f.name, Value: v})
		}
	}
	return md
}

func (f *discoveredField) find(md model.Metadata, lbls labels.Labels, line string, wanted *nameSet) string {
	for _, c := range f.candidates {
		if v := lbls.Get(c); v != "" {
			return v
		}
	}
	for _, c := range f.candidates {
		if v := metadataValue(md, c); v != "" {
			return v
		}
	}
	if start, end, ok := jsonObject(line); ok {
		for _, c := range f.candidates {
			if v := jsonPath(line[start:end], c); v != "" {
				return v
			}
		}
	}
	if strings.IndexByte(line, '=') < 0 {
		return ""
	}
	best, value := len(f.candidates), ""
	for s := (logfmtScan{text: line}); s.next(); {
		if _, ok := wanted.find(s.key); !ok || s.raw == "" {
			continue
		}
		for i, c := range f.candidates[:best] {
			if asciiEqualFold(c, s.key) {
				best, value = i, s.value()
				break
			}
		}
	}
	return value
}

// jsonPath returns the text of the first string, number or boolean in object
// whose names from the outside in, joined by dots, are path.
func jsonPath(object, path string) string {
	w := jsonWalk{text: object, maxDepth: maxJSONDepth}
	rest := path // what is left of the path below the objects entered for it
	depth := 1   // of the object whose members may continue the path
	for w.next() {
		if w.depth < depth {
			// The object that led down the path has ended without the value;
			// the next one to begin like the path starts over.
			rest, depth = path, 1
		}
		if w.depth != depth {
			continue
		}
		key := w.key()
		switch {
		case key == rest && w.kind == jsonString:
			return w.value()
		case key == rest && w.kind == jsonLiteral && w.value() != "null":
			return w.value()
		case w.kind == jsonOpen && len(rest) > len(key) && rest[len(key)] == '.' && strings.HasPrefix(rest, key):
			rest, depth = rest[len(key)+1:], depth+1
		}
	}
	return ""
}
