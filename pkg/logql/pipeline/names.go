package pipeline

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/model"
)

// A parsedName is what becomes of the name of a parsed label in a stream.
type parsedName struct {
	own     string // valid, before the stream's labels are looked at
	final   string // with a suffix if own is taken
	clashes bool   // own is taken
	needed  bool   // somebody may look at it

	key  string      // as found in lines
	next *parsedName // that was looked up behind it last
}

// maxNames bounds a name table: a stream whose lines hold ever new names must
// not fill memory.
const maxNames = 1 << 10

// A nameTable remembers what becomes of names, so that looking at a name again
// writes no memory.
type nameTable struct {
	stream []labels.Label
	needs  *needs
	parsed map[string]*parsedName
	suffix map[string]string
	// last is the name looked up last. Lines are alike, so its next is the best guess.
	last *parsedName
}

func newNameTable(stream []labels.Label, needs *needs) *nameTable {
	return &nameTable{stream: stream, needs: needs, parsed: map[string]*parsedName{}, last: &parsedName{}}
}

// taken reports whether a label must give way. The names that tell of errors
// always are: a line cannot say that it failed.
func (t *nameTable) taken(name string) bool {
	if name == ErrorLabel || name == ErrorDetailsLabel || name == PreserveErrorLabel {
		return true
	}
	for i := range t.stream {
		if t.stream[i].Name == name {
			return true
		}
	}
	return false
}

// lookup is the name for a key found in a line. The key may be borrowed.
func (t *nameTable) lookup(key []byte) *parsedName {
	if n, ok := t.parsed[string(key)]; ok {
		return n
	}
	return t.add(string(key))
}

// lookupString is lookup for a key that is a string.
func (t *nameTable) lookupString(key string) *parsedName {
	n := t.last.next
	if n == nil || n.key != key {
		var ok bool
		if n, ok = t.parsed[key]; !ok {
			n = t.lookup(model.BorrowBytes(key))
		}
		t.last.next = n
	}
	t.last = n
	return n
}

func (t *nameTable) add(key string) *parsedName {
	n := &parsedName{own: extract.Name(key), key: key}
	n.clashes = t.taken(n.own)
	n.final = n.own
	if n.clashes {
		n.final += duplicateSuffix
	}
	n.needed = t.needs.has(n.final) || t.needs.has(n.own+duplicateSuffix)
	if len(t.parsed) >= maxNames {
		clear(t.parsed)
		t.last = &parsedName{}
	}
	t.parsed[key] = n
	return n
}

// metadata is the name of structured metadata in the stream.
func (t *nameTable) metadata(name string) string {
	if t.taken(name) {
		return t.suffixed(name)
	}
	return name
}

// suffixed is the name with the suffix of labels that gave way.
func (t *nameTable) suffixed(name string) string {
	if s, ok := t.suffix[name]; ok {
		return s
	}
	if t.suffix == nil || len(t.suffix) >= maxNames {
		t.suffix = map[string]string{}
	}
	// name may be a part of a line that is soon gone.
	s := name + duplicateSuffix
	t.suffix[s[:len(name)]] = s
	return s
}
