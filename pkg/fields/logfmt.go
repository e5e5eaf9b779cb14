package fields

import "strings"

// A logfmtScan goes over the key=value pairs of a line. Words without a value
// are passed over; so is what stands before a key and is no key, since log
// lines mix prose with pairs.
type logfmtScan struct {
	text string
	pos  int

	key      string
	keyStart int    // its place in the text
	raw      string // the value, without its quotes
	escaped  bool   // raw holds escapes
}

// value is the value of the current pair.
func (s *logfmtScan) value() string { return unescaped(s.raw, s.escaped) }

// next goes to the next pair and reports whether there is one.
func (s *logfmtScan) next() bool {
	for s.pos < len(s.text) {
		// The next pair has an equals sign; its key is what stands before it,
		// back to a space. Searching for the sign skips prose at full speed.
		n := strings.IndexByte(s.text[s.pos:], '=')
		if n < 0 {
			s.pos = len(s.text)
			return false
		}
		eq := s.pos + n
		start := eq
		for start > s.pos && s.text[start-1] > ' ' {
			start--
		}
		if q := openQuote(s.text[s.pos:start]); q >= 0 {
			// The sign stands inside of quotes that opened in the prose before it.
			end, _ := stringEnd(s.text, s.pos+q+1)
			if end > eq {
				s.pos = end + 1
				continue
			}
		}
		s.key, s.keyStart = s.text[start:eq], start
		s.readValue(eq + 1)
		if s.key != "" && strings.IndexByte(s.key, '"') < 0 {
			return true
		}
	}
	return false
}

// openQuote returns the place of the last quote in prose that opens a quoted
// word and is not closed, or a negative number.
func openQuote(prose string) int {
	open := -1
	for i := 0; ; i++ {
		n := strings.IndexByte(prose[i:], '"')
		if n < 0 {
			return open
		}
		i += n
		switch {
		case open >= 0:
			open = -1
		case i == 0 || prose[i-1] <= ' ':
			open = i
		}
	}
}

// readValue reads the value that begins at i, quoted or up to the next space.
func (s *logfmtScan) readValue(i int) {
	s.escaped = false
	if i < len(s.text) && s.text[i] == '"' {
		if end, escaped := stringEnd(s.text, i+1); end >= 0 {
			s.raw, s.escaped, s.pos = s.text[i+1:end], escaped, end+1
			return
		}
	}
	end := i
	for end < len(s.text) && s.text[end] > ' ' {
		end++
	}
	s.raw, s.pos = s.text[i:end], end
}
