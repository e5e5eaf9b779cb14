package pipeline

import (
	"strings"
	"unicode/utf8"
)

// A needle is text to find in lines, exactly or in whatever case.
type needle struct {
	text string // in lower case where fold is set
	fold bool
}

// in reports whether n is in line. Where the case does not matter, n is plain
// ASCII.
func (n needle) in(line string) bool {
	if !n.fold {
		return strings.Contains(line, n.text)
	}
	if containsFold(line, n.text) {
		return true
	}
	// Two letters have a form outside of ASCII, which hardly a line holds.
	if strings.ContainsAny(n.text, "ks") && (strings.Contains(line, longS) || strings.Contains(line, kelvin)) {
		return containsFold(untwist.Replace(line), n.text)
	}
	return false
}

// What a k and an s are as well where the case does not matter.
const (
	longS  = "\u017f"
	kelvin = "\u212a"
)

var untwist = strings.NewReplacer(longS, "s", kelvin, "k")

// foldable reports whether s, in lower case, can be a needle that is found in
// whatever case.
func foldable(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return s != ""
}

// rarity are the letters from the rarest to the commonest in text. Others are
// rarer still, or as rare.
const rarity = "qjxzvbpygwfmucldrhnioate"

// containsFold looks for the rarest letter of lower in both cases, and compares
// around it.
func containsFold(s, lower string) bool {
	at, best := 0, len(rarity)
	for i := range len(lower) {
		if r := strings.IndexByte(rarity, lower[i]); r < best {
			at, best = i, r
		}
	}
	c := lower[at]
	other := c
	if 'a' <= c && c <= 'z' {
		other -= 'a' - 'A'
	}
	// next and nextOther are the places of c and other from i on.
	next, nextOther := -1, -1
	for i := at; ; i++ {
		if next < i {
			next = indexFrom(s, c, i)
		}
		if nextOther < i {
			nextOther = len(s)
			if other != c {
				nextOther = indexFrom(s, other, i)
			}
		}
		i = min(next, nextOther)
		if i >= len(s) {
			return false
		}
		if start := i - at; start+len(lower) <= len(s) && equalFold(s[start:start+len(lower)], lower) {
			return true
		}
	}
}

// indexFrom is the place of c in s from i on, or len(s).
func indexFrom(s string, c byte, i int) int {
	if i >= len(s) {
		return len(s)
	}
	if n := strings.IndexByte(s[i:], c); n >= 0 {
		return i + n
	}
	return len(s)
}

// equalFold reports whether s is lower in some case; both are as long.
func equalFold(s, lower string) bool {
	for i := range len(lower) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
