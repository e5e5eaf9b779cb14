package skald

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/agnivade/levenshtein"

	"github.com/skaldlogs/skald/pkg/spell"
)

// A Verdict is what becomes of a key that Loki documents.
type Verdict int

// The verdicts.
const (
	Honoured Verdict = iota // it does what it says
	Mapped                  // its value goes to another key
	Ignored                 // it is accepted, has no effect, and is warned about
)

func (v Verdict) String() string { return [...]string{"honoured", "mapped", "ignored"}[v] }

// An Entry of the ledger is one key, one flag, or both, and its verdict.
type Entry struct {
	// Key is the path in the file, with dots. With a * at the end it stands for
	// the keys that begin so and have no entry themselves. It is empty for a flag
	// without a key.
	Key     string
	Verdict Verdict
	// To is the key that takes the value of a mapped one.
	To string
	// Flags are the flags of a mapped or ignored key, without a dash. With a * at
	// the end one stands for a family. A honoured key's flag is that of its field.
	Flags []string
	// Why is the reason for a verdict other than Honoured, and says of an honoured
	// key which part of its value has no effect.
	Why string
}

// A section of the ledger is some keys under one key that share a verdict.
type section struct {
	under   string
	verdict Verdict
	why     string
	keys    string
}

// entries reads the keys of a section. The text is ours, and a test reads all of it.
func (s section) entries() []Entry {
	var out []Entry
	full := func(key string) string {
		switch {
		case key == "-":
			return ""
		case s.under == "":
			return key
		}
		return s.under + "." + key
	}
	if s.verdict == Honoured {
		for key := range strings.FieldsSeq(s.keys) {
			out = append(out, Entry{Key: full(key), Why: s.why})
		}
		return out
	}
	for line := range strings.Lines(s.keys) {
		from, to, _ := strings.Cut(line, "->")
		words := strings.Fields(from)
		if len(words) == 0 {
			continue
		}
		e := Entry{Key: full(words[0]), Verdict: s.verdict, To: strings.TrimSpace(to), Why: s.why}
		for _, f := range words[1:] {
			e.Flags = append(e.Flags, strings.TrimPrefix(f, "-"))
		}
		out = append(out, e)
	}
	return out
}

// A ledger is every key of Loki's configuration with its verdict.
type ledger struct {
	entries  []Entry
	byKey    map[string]*Entry
	families []*Entry            // keys with a *
	children map[string][]string // names of the keys right below one
}

// theLedger is built once: it is large, and nothing in it changes.
var theLedger = sync.OnceValue(func() *ledger {
	l := &ledger{byKey: map[string]*Entry{}, children: map[string][]string{}}
	for _, s := range slices.Concat(honoured, mapped, ignored) {
		l.entries = append(l.entries, s.entries()...)
	}
	for i := range l.entries {
		e := &l.entries[i]
		switch {
		case e.Key == "":
		case strings.HasSuffix(e.Key, "*"):
			l.families = append(l.families, e)
		default:
			l.byKey[e.Key] = e
			l.adopt(e.Key)
		}
	}
	return l
})

// adopt makes a key and all above it known to their parents.
func (l *ledger) adopt(key string) {
	for key != "" {
		parent, name := "", key
		if dot := strings.LastIndexByte(key, '.'); dot >= 0 {
			parent, name = key[:dot], key[dot+1:]
		}
		if slices.Contains(l.children[parent], name) {
			return
		}
		l.children[parent] = append(l.children[parent], name)
		key = parent
	}
}

// find returns the entry of a key, which may be that of a family.
func (l *ledger) find(key string) *Entry {
	if e := l.byKey[key]; e != nil {
		return e
	}
	if l.isBlock(key) {
		return nil // its keys have verdicts of their own
	}
	for _, e := range l.families {
		prefix := strings.TrimSuffix(e.Key, "*")
		if rest, ok := strings.CutPrefix(key, prefix); ok && !strings.Contains(rest, ".") {
			return e
		}
	}
	return nil
}

// isBlock reports whether there are keys below key.
func (l *ledger) isBlock(key string) bool { return len(l.children[key]) > 0 }

// flagFamily returns the entry of a flag that has none of its own.
func (l *ledger) flagFamily(name string) *Entry {
	for i := range l.entries {
		for _, f := range l.entries[i].Flags {
			if prefix, ok := strings.CutSuffix(f, "*"); ok && strings.HasPrefix(name, prefix) {
				return &l.entries[i]
			}
		}
	}
	return nil
}

// hint is what to say after an unknown key: the nearest known one beside it, or
// the block where a key of that name belongs.
func (l *ledger) hint(parent, name string) string {
	if near := spell.Nearest(name, l.children[parent]); near != "" {
		return fmt.Sprintf(", perhaps %q", near)
	}
	for _, e := range l.entries {
		if e.Key == name || strings.HasSuffix(e.Key, "."+name) {
			return fmt.Sprintf(", perhaps %q", e.Key)
		}
	}
	return ""
}

// misspelt reports whether name is so close to a known sibling that it must be
// meant, in a block where other keys are let through.
func (l *ledger) misspelt(parent, name string) bool {
	return slices.ContainsFunc(l.children[parent], func(c string) bool {
		return len(c) > 4 && levenshtein.ComputeDistance(name, c) <= 2
	})
}
