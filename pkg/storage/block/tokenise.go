package block

import "bytes"

// The classes of bytes that the tokeniser tells apart.
const (
	isDigit  = 1 << iota
	isHex    // a letter that is a hex digit
	isLetter // any other letter, and bytes beyond ASCII
	isStop   // ends a value after "word="

	isWord = isDigit | isHex | isLetter
)

var classes = func() (c [256]uint8) {
	for b := range c {
		switch {
		case '0' <= b && b <= '9':
			c[b] = isDigit
		case 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F':
			c[b] = isHex
		case 'g' <= b && b <= 'z' || 'G' <= b && b <= 'Z' || b >= 0x80:
			c[b] = isLetter
		}
	}
	for _, b := range []byte(" ,;)]}&\"'|\n\x00") {
		c[b] = isStop
	}
	return c
}()

// The limits on a template. A line beyond them is not taken apart.
const (
	maxSlots       = 400
	maxTemplateLen = 16 << 10
)

// A piece is where a value is in the joined lines.
type piece struct{ start, end uint32 }

// tokens take a value apart: what is static, with a zero byte at each slot, and
// the pieces that belong in the slots. Two slots never touch, so a value of n
// bytes has at most n+1.
type tokens struct {
	static []byte
	slots  []piece

	text []byte // what is taken apart
	base uint32 // where the text begins in the joined lines
	done int    // bytes of text that are in static or in a slot
}

// take takes text apart, and reports whether it could: if not, it has to be
// stored as it is. What it makes of a text decides how small the block gets,
// but never what is read back.
func (t *tokens) take(text []byte, base uint32) bool {
	t.static, t.slots = t.static[:0], t.slots[:0]
	t.text, t.base, t.done = text, base, 0
	n := len(text)
	switch {
	case n >= 2 && text[0] == '{' && text[n-1] == '}':
		t.json()
	case t.looksLogfmt():
		t.logfmt()
	default:
		t.words()
	}
	if len(t.slots) > maxSlots || len(t.static)+n-t.done > maxTemplateLen {
		return false
	}
	t.static = append(t.static, text[t.done:]...)
	// Zero bytes mark slots and nothing else.
	return bytes.Count(t.static, []byte{0}) == len(t.slots)
}

// slot makes text[start:end] a slot, unless it touches the one before.
func (t *tokens) slot(start, end int) {
	if start == t.done && len(t.slots) > 0 {
		t.slots[len(t.slots)-1].end = t.base + uint32(end)
		t.done = end
		return
	}
	if len(t.slots) > maxSlots || len(t.static) > maxTemplateLen {
		return // given up already
	}
	t.static = append(append(t.static, t.text[t.done:start]...), 0)
	t.slots = append(t.slots, piece{t.base + uint32(start), t.base + uint32(end)})
	t.done = end
}

// stringEnd returns the place of the quote that ends the string which begins at
// start, or -1.
func (t *tokens) stringEnd(start int) int {
	s := t.text
	for i := start; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// json makes slots of strings that are no keys, of numbers and of literals.
func (t *tokens) json() {
	s := t.text
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			end := t.stringEnd(i + 1)
			if end < 0 {
				return
			}
			next := end + 1
			for next < len(s) && s[next] == ' ' {
				next++
			}
			if next == len(s) || s[next] != ':' {
				t.slot(i+1, end)
			}
			i = end + 1
		case c == '-' || classes[c]&isWord != 0:
			start := i
			for i++; i < len(s) && (classes[s[i]]&isWord != 0 || s[i] == '.' || s[i] == '-' || s[i] == '+'); i++ {
			}
			t.slot(start, i)
		default:
			i++
		}
	}
}

func (t *tokens) looksLogfmt() bool {
	i := 0
	for i < len(t.text) && (classes[t.text[i]]&isWord != 0 || t.text[i] == '_') {
		i++
	}
	return i > 0 && i < len(t.text) && t.text[i] == '=' && bytes.Count(t.text, []byte{'='}) >= 3
}

// logfmt makes a slot of each value.
func (t *tokens) logfmt() {
	s := t.text
	for i := 0; i < len(s); {
		eq := bytes.IndexByte(s[i:], '=')
		if eq < 0 {
			return
		}
		i += eq + 1
		if i < len(s) && s[i] == '"' {
			end := t.stringEnd(i + 1)
			if end < 0 {
				return
			}
			t.slot(i+1, end)
			i = end + 1
			continue
		}
		start := i
		for i < len(s) && s[i] != ' ' && s[i] != '\n' {
			i++
		}
		t.slot(start, i)
	}
}

// words makes slots of what looks like a variable in a sentence. What comes
// after the first line is one slot.
func (t *tokens) words() {
	s := t.text
	for i := 0; i < len(s); {
		c := s[i]
		if classes[c]&isWord == 0 {
			i++
			switch {
			case c == '\n':
				t.slot(i, len(s))
				return
			case c == '"' && (i == 1 || classes[s[i-2]]&isWord == 0):
				if end := bytes.IndexByte(s[i:], '"'); end >= 0 {
					t.slot(i, i+end)
					i += end + 1
				}
			}
			continue
		}
		start, seen := i, uint8(0)
		for i < len(s) && classes[s[i]]&isWord != 0 {
			seen |= classes[s[i]]
			i++
		}
		switch {
		case i < len(s) && s[i] == '=':
			i = t.assigned(i + 1)
		case seen&isDigit != 0:
			i = t.variable(start, i, seen)
		case i-start == 3 && i < len(s) && s[i] == ' ':
			if n := matchTime(s[start:]); n > 0 {
				i = start + n
				t.slot(start, i)
			}
		}
	}
}

// assigned makes a slot of the value that begins at start, and returns its end.
func (t *tokens) assigned(start int) int {
	end := start
	for end < len(t.text) && classes[t.text[end]]&isStop == 0 {
		end++
	}
	if end > start {
		t.slot(start, end)
	}
	return end
}

// variable makes a slot of the word [start, end), which has a digit, or of a
// part of it, or of it and what follows. It returns where to go on.
func (t *tokens) variable(start, end int, seen uint8) int {
	s := t.text
	if classes[s[start]]&isDigit == 0 {
		return t.lettersFirst(start, end, seen)
	}
	if n := matchTime(s[start:]); n > 0 {
		t.slot(start, start+n)
		return start + n
	}
	switch {
	case seen == isDigit:
		return t.number(start, end)
	case end-start > 2 && s[start] == '0' && s[start+1] == 'x' && allHex(s[start+2:end]):
		t.slot(start+2, end)
		return end
	case end-start == 8 && isUUID(s[start:]):
		t.slot(start, start+36)
		return start + 36
	}
	digits := start
	for classes[s[digits]]&isDigit != 0 {
		digits++
	}
	if isUnit(s[digits:end]) {
		t.slot(t.signed(start), digits)
		return end
	}
	t.slot(start, end)
	return end
}

// lettersFirst handles a word with digits that begins with a letter.
func (t *tokens) lettersFirst(start, end int, seen uint8) int {
	s := t.text
	if end-start == 8 && isUUID(s[start:]) {
		t.slot(start, start+36)
		return start + 36
	}
	letters := start
	for classes[s[letters]]&isDigit == 0 {
		letters++
	}
	if letters == start+1 && end-letters == 4 {
		if n := matchTime(s[letters:]); n > 0 { // as klog begins its lines
			t.slot(letters, letters+n)
			return letters + n
		}
	}
	digits := letters
	for digits < end && classes[s[digits]]&isDigit != 0 {
		digits++
	}
	if digits == end && (seen&isLetter != 0 || end-start < 6) {
		t.slot(letters, end)
	} else {
		t.slot(start, end)
	}
	return end
}

// number makes a slot of the digits [start, end) and of a fraction after them,
// or of an address.
func (t *tokens) number(start, end int) int {
	s := t.text
	var ends [5]int
	groups := 1
	ends[0] = end
	at := end
	for groups < len(ends) && at+1 < len(s) && s[at] == '.' && classes[s[at+1]]&isDigit != 0 {
		at++
		for at < len(s) && classes[s[at]]&isDigit != 0 {
			at++
		}
		ends[groups] = at
		groups++
	}
	if last := ends[groups-1]; groups > 1 && last < len(s) && classes[s[last]]&isWord != 0 {
		word := last
		for word < len(s) && classes[s[word]]&isWord != 0 {
			word++
		}
		if groups != 2 || !isUnit(s[last:word]) {
			groups--
		}
	}
	if groups != 2 && groups != 4 {
		groups = 1
	}
	if groups < 4 {
		start = t.signed(start)
	}
	t.slot(start, ends[groups-1])
	return ends[groups-1]
}

// signed moves start to a minus sign before it that is no hyphen.
func (t *tokens) signed(start int) int {
	if start > t.done && t.text[start-1] == '-' && (start == 1 || classes[t.text[start-2]]&isWord == 0) {
		return start - 1
	}
	return start
}

// isUnit reports whether s is what may follow a number: ms, KiB, s.
func isUnit(s []byte) bool {
	if len(s) == 0 || len(s) > 3 {
		return false
	}
	seen := uint8(0)
	for _, b := range s {
		seen |= classes[b]
	}
	return seen&isDigit == 0 && seen&isLetter != 0
}

func allHex(s []byte) bool {
	for _, b := range s {
		if classes[b]&(isDigit|isHex) == 0 {
			return false
		}
	}
	return true
}

// isUUID reports whether s begins with a UUID that no word byte follows.
func isUUID(s []byte) bool {
	if len(s) < 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	return allHex(s[:8]) && allHex(s[9:13]) && allHex(s[14:18]) && allHex(s[19:23]) && allHex(s[24:36]) &&
		(len(s) == 36 || classes[s[36]]&isWord == 0)
}
