package fields

import "github.com/skaldlogs/skald/pkg/model"

// keywordLevel returns the level of the first keyword in line, whatever its
// case, that stands alone: after the start or one of ␠ ⇥ ⏎ [ ( { " = and before
// the end or one of ␠ ⇥ ⏎ [ ] ( ) { } : , ! " =.
func keywordLevel(line string) string {
	text := model.BorrowBytes(line)
	for i := keywords.next(text, 0); i >= 0; i = keywords.next(text, i+1) {
		if level := keywordAt(line, i); level != "" {
			return level
		}
	}
	return LevelUnknown
}

// keywordAt returns the level of the keyword that stands alone at line[i:], if
// one does. At least three bytes are there.
func keywordAt(line string, i int) string {
	if i > 0 && neighbours[line[i-1]]&before == 0 {
		return ""
	}
	rest := line[i:]
	switch rest[0] | 0x20 {
	case 'i':
		if keywordEnds(rest, "info") {
			return LevelInfo
		}
	case 'e':
		if keywordEnds(rest, "error") || keywordEnds(rest, "err") {
			return LevelError
		}
	case 'w':
		if keywordEnds(rest, "warn") || keywordEnds(rest, "warning") {
			return LevelWarn
		}
	case 'd':
		if keywordEnds(rest, "debug") {
			return LevelDebug
		}
	case 't':
		if keywordEnds(rest, "trace") {
			return LevelTrace
		}
	case 'f':
		if keywordEnds(rest, "fatal") {
			return LevelFatal
		}
	case 'c':
		if keywordEnds(rest, "critical") {
			return LevelCritical
		}
	}
	return ""
}

// keywordEnds reports whether rest begins with word and the word ends there.
func keywordEnds(rest, word string) bool {
	return len(rest) >= len(word) && asciiEqualFold(rest[:len(word)], word) &&
		(len(rest) == len(word) || neighbours[rest[len(word)]]&after != 0)
}

// Which side of a keyword a byte may stand on.
const (
	before = 1 << iota
	after
)

var neighbours = func() (t [256]byte) {
	for _, c := range []byte(" \t\n[({\"=") {
		t[c] |= before
	}
	for _, c := range []byte(" \t\n[](){}:,!\"=") {
		t[c] |= after
	}
	return t
}()

// keywords are the beginnings of what keywordAt knows.
var keywords = func() *trigramSet {
	s := new(trigramSet)
	for _, word := range []string{"trace", "debug", "fatal", "critical", "err", "warn", "info"} {
		s.add(word)
	}
	return s
}()
