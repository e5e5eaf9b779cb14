package pipeline

import (
	"strings"

	"github.com/skaldlogs/skald/pkg/model"
)

// decolorizeStage removes ANSI escape sequences from the line.
type decolorizeStage struct{ filter }

func (decolorizeStage) need(*needs) {}

func (decolorizeStage) process(e *entry) bool {
	i := nextEscape(e.line)
	if i < 0 {
		return true
	}
	start := len(e.scratch)
	rest := e.line
	for ; i >= 0; i = nextEscape(rest) {
		e.scratch = append(e.scratch, rest[:i]...)
		n := escapeLen(rest[i:])
		if n == 0 {
			// A lone escape character means nothing and stays.
			n = 1
			e.scratch = append(e.scratch, rest[i])
		}
		rest = rest[i+n:]
	}
	e.scratch = append(e.scratch, rest...)
	e.line = model.Borrow(e.scratch[start:])
	return true
}

// c1CSI is the single character for ESC [, as UTF-8.
const c1CSI = "\u009b"

// nextEscape is the place of the next ESC or CSI character, or -1.
func nextEscape(s string) int {
	i := strings.IndexByte(s, '\x1b')
	if j := strings.Index(s, c1CSI); j >= 0 && (i < 0 || j < i) {
		return j
	}
	return i
}

// escapeLen is the length of the escape sequence that s begins with, or 0.
//
//	ESC [ parameters letter          colours and the cursor (CSI)
//	ESC ] text BEL  or  ESC ] text ESC \    titles and links (OSC)
//	ESC ( B  and others              character sets
func escapeLen(s string) int {
	i := 1
	if strings.HasPrefix(s, c1CSI) {
		i = len(c1CSI)
	} else if len(s) < 2 {
		return 0
	} else if s[1] == ']' {
		for j := 2; j < len(s); j++ {
			if s[j] == '\a' {
				return j + 1
			}
			if strings.HasPrefix(s[j:], "\x1b\\") {
				return j + 2
			}
		}
		return 0
	} else if s[1] == '[' {
		i = 2
	} else if strings.IndexByte("()#", s[1]) >= 0 {
		return min(3, len(s))
	} else if '0' <= s[1] && s[1] <= '~' {
		return 2
	} else {
		return 0
	}
	for i < len(s) && 0x20 <= s[i] && s[i] <= 0x3f {
		i++
	}
	if i < len(s) && 0x40 <= s[i] && s[i] <= 0x7e {
		return i + 1
	}
	return 0
}
