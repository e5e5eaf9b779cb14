package fields

import (
	"strings"

	"github.com/skaldlogs/skald/pkg/model"
)

// nameHints tell at a glance that a line holds none of a list of names, so that
// most lines need not be taken apart. Of each name three letters are looked
// for; names that share them, like level and log.level, share a hint.
type nameHints struct {
	all   bool // a name is too short to look for: every line may hold it
	begin trigramSet
	words []string // of three bytes each
}

func newNameHints(names []string) *nameHints {
	h := new(nameHints)
	for _, name := range names {
		switch {
		case name == "" || h.in(name):
		case len(name) < 3:
			h.all = true
		default:
			h.words = append(h.words, name[:3])
			h.begin.add(name)
		}
	}
	return h
}

// in reports whether text may hold one of the names, in any case.
func (h *nameHints) in(text string) bool {
	if h.all {
		return true
	}
	b := model.BorrowBytes(text)
	for i := h.begin.next(b, 0); i >= 0; i = h.begin.next(b, i+1) {
		for _, w := range h.words {
			if asciiEqualFold(text[i:i+3], w) {
				return true
			}
		}
	}
	return false
}

// inJSON is in for the text of JSON, where letters may be written as escapes.
func (h *nameHints) inJSON(text string) bool {
	return h.in(text) || strings.Contains(text, `\u`)
}
