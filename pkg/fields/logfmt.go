package fields

import "strings"

// A logfmtScan goes over the key=value pairs of a line. Words without a value
// are passed over. What is no logfmt ends the scan: a line that is prose with
// quotes in it says nothing by its pairs.
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
	// The next pair has an equals sign; its key is what stands before it, back to
	// a space. Searching for the sign skips words at full speed.
	n := strings.IndexByte(s.text[s.pos:], '=')
	if n < 0 {
		return false
	}
	eq := s.pos + n
	start := eq
	for start > s.pos && s.text[start-1] > ' ' {
		start--
	}
	if start == eq || strings.IndexByte(s.text[s.pos:eq], '"') >= 0 {
		return s.end()
	}
	s.key, s.keyStart = s.text[start:eq], start
	return s.readValue(eq + 1)
}

func (s *logfmtScan) end() bool {
	s.pos = len(s.text)
	return false
}

// readValue reads the value that begins at i, quoted or up to the next space.
func (s *logfmtScan) readValue(i int) bool {
	s.escaped = false
	if i < len(s.text) && s.text[i] == '"' {
		end, escaped := stringEnd(s.text, i+1)
		if end < 0 || escaped && !validEscapes(s.text[i+1:end]) {
			return s.end()
		}
		s.raw, s.escaped, s.pos = s.text[i+1:end], escaped, end+1
		return true
	}
	end := i
	for ; end < len(s.text) && s.text[end] > ' '; end++ {
		if c := s.text[end]; c == '"' || c == '=' {
			return s.end()
		}
	}
	s.raw, s.pos = s.text[i:end], end
	return true
}

// validEscapes reports whether each backslash in a quoted value escapes what can
// be escaped.
func validEscapes(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i++; i == len(s) || strings.IndexByte(`"\/'bfnrtu`, s[i]) < 0 {
			return false
		}
		if s[i] == 'u' {
			if _, ok := hex4(s[i+1:]); !ok {
				return false
			}
		}
	}
	return true
}
