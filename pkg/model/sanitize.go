package model

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrMetadataName marks structured metadata whose name has no letter or digit:
// nothing would be left of it. It comes wrapped with the name.
var ErrMetadataName = errors.New("metadata name holds no letter or digit")

// SanitizeMetadata brings names and values into the form they are stored in,
// and drops pairs without a value. It changes m in place and returns the part
// that is left; where nothing had to change, it allocates nothing. After an
// error m is partly changed.
func SanitizeMetadata(m Metadata) (Metadata, error) {
	kept := m[:0]
	for _, l := range m {
		if l.Value == "" {
			continue
		}
		name, err := SanitizeName(l.Name)
		if err != nil {
			return m, err
		}
		l.Name, l.Value = name, SanitizeValue(l.Value)
		kept = append(kept, l)
	}
	return kept, nil
}

// SanitizeName returns the name under which metadata called name is stored.
// ASCII letters and digits stay; each run of anything else becomes one
// underscore; a leading digit gets "key_" before it. Names in double
// underscores, __like_this__, are reserved and keep those.
func SanitizeName(name string) (string, error) {
	if isCleanName(name) {
		return name, nil
	}
	inner, frame := name, ""
	if len(name) >= 4 && strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		inner, frame = name[2:len(name)-2], "__"
	}
	var b strings.Builder
	b.Grow(len(name) + len("key_"))
	b.WriteString(frame)
	if frame == "" && inner != "" && isDigit(inner[0]) {
		b.WriteString("key_")
	}
	good, last := false, byte(0)
	for i := range len(inner) {
		c := inner[i]
		if isAlphanumeric(c) {
			good = true
		} else if c = '_'; last == '_' {
			continue
		}
		b.WriteByte(c)
		last = c
	}
	if !good {
		return "", fmt.Errorf("%q: %w", name, ErrMetadataName)
	}
	b.WriteString(frame)
	return b.String(), nil
}

// isCleanName reports whether SanitizeName would return name as it is; it may
// miss some reserved ones.
func isCleanName(name string) bool {
	if name == "" || isDigit(name[0]) {
		return false
	}
	good := false
	for i := range len(name) {
		switch c := name[i]; {
		case isAlphanumeric(c):
			good = true
		case c != '_' || i > 0 && name[i-1] == '_':
			return false
		}
	}
	return good
}

// SanitizeValue returns v with a space for each byte that is not part of valid
// UTF-8 and for each U+FFFD, which stands for such bytes.
func SanitizeValue(v string) string {
	if isASCII(v) || utf8.ValidString(v) && !strings.ContainsRune(v, utf8.RuneError) {
		return v
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError {
			return ' '
		}
		return r
	}, v)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlphanumeric(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z'
}
