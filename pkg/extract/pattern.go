package extract

import "strings"

// A PatternPart is a literal, or a capture where Capture is set. A capture without
// name is not kept. Captures and literals take turns.
type PatternPart struct {
	Capture bool
	Text    string // of the literal, or the name of the capture
}

// FindPattern finds the captures of a pattern in a line: each literal at its first
// place behind the one before. Where a literal is not found, the capture before it
// takes the rest of the line, and those behind it get nothing. An empty line has
// nothing for any.
//
// Appended to at[:0] are two places for each capture that has a name: where in the
// line it begins and ends, or -1 where it gets nothing.
func FindPattern(parts []PatternPart, line string, at []int) []int {
	at = at[:0]
	pos, more := 0, line != ""
	for i, p := range parts {
		if !p.Capture {
			// Literals behind a capture are consumed with it; this is the first part.
			if i == 0 && more {
				if more = strings.HasPrefix(line, p.Text); more {
					pos = len(p.Text)
				}
			}
			continue
		}
		if !more {
			if p.Text != "" {
				at = append(at, -1, -1)
			}
			continue
		}
		start, end, next := pos, len(line), len(line)
		more = false
		if i+1 < len(parts) {
			if n := strings.Index(line[pos:], parts[i+1].Text); n >= 0 {
				end, next, more = pos+n, pos+n+len(parts[i+1].Text), true
			}
		}
		if p.Text != "" {
			at = append(at, start, end)
		}
		pos = next
	}
	return at
}
