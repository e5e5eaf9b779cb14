package grep

import (
	"strings"
	"unicode/utf8"
)

// A Text is what to find in lines, exactly or in whatever case. Where the case
// does not matter it is plain ASCII, in lower case.
type Text struct {
	Text string
	Fold bool
}

// In reports whether t is in line.
func (t Text) In(line string) bool {
	if !t.Fold {
		return strings.Contains(line, t.Text)
	}
	if IndexFold(line, t.Text) >= 0 {
		return true
	}
	if t.Twisted() && (strings.Contains(line, LongS) || strings.Contains(line, Kelvin)) {
		return IndexFold(untwist.Replace(line), t.Text) >= 0
	}
	return false
}

// Twisted reports whether a line can hold t with a letter that is not ASCII:
// two have such a form, which hardly a line holds.
func (t Text) Twisted() bool { return t.Fold && strings.ContainsAny(t.Text, "ks") }

// What an s and a k are as well where the case does not matter.
const (
	LongS  = "\u017f"
	Kelvin = "\u212a"
)

var untwist = strings.NewReplacer(LongS, "s", Kelvin, "k")

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

// IndexFold is the place of lower, which is ASCII in lower case, in s, in
// whatever case of ASCII it is there, or -1.
func IndexFold(s, lower string) int {
	f := NewFinder(lower)
	return f.Index(s, 0)
}

// A Finder finds the places of one text in another, one after the other, in
// whatever case of ASCII they are there. It looks for the rarest letter in both
// cases, and compares around it.
type Finder struct {
	lower    string
	at       int // of the letter
	c, other byte
	// The places of c and other, from the last place looked at on.
	next, nextOther int
}

// NewFinder returns a finder of lower, which is ASCII in lower case.
func NewFinder(lower string) Finder {
	f := Finder{lower: lower, next: -1, nextOther: -1}
	if lower == "" {
		return f
	}
	best := len(rarity)
	for i := range len(lower) {
		if r := strings.IndexByte(rarity, lower[i]); r < best {
			f.at, best = i, r
		}
	}
	f.c = lower[f.at]
	f.other = f.c
	if 'a' <= f.c && f.c <= 'z' {
		f.other -= 'a' - 'A'
	}
	return f
}

// Index is the first place in s from start on, or -1. Calls are for the same s,
// and for starts that do not go back.
func (f *Finder) Index(s string, start int) int {
	if f.lower == "" {
		return start
	}
	for i := start + f.at; ; i++ {
		if f.next < i {
			f.next = indexFrom(s, f.c, i)
		}
		if f.nextOther < i {
			f.nextOther = len(s)
			if f.other != f.c {
				f.nextOther = indexFrom(s, f.other, i)
			}
		}
		i = min(f.next, f.nextOther)
		if i >= len(s) {
			return -1
		}
		if at := i - f.at; at+len(f.lower) <= len(s) && EqualFold(s[at:at+len(f.lower)], f.lower) {
			return at
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

// EqualFold reports whether s is lower in some case of ASCII.
func EqualFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
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
