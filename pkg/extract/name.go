package extract

import "strings"

// Name makes a name a label can have: other characters than letters, digits
// and _ become _, and a digit in front gets one before it.
func Name(key string) string {
	if validName(key) {
		return key
	}
	out := make([]byte, 0, len(key)+1)
	for i, r := range key {
		switch {
		case r == '_', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
			out = append(out, byte(r))
		case '0' <= r && r <= '9':
			if i == 0 {
				out = append(out, '_')
			}
			out = append(out, byte(r))
		default:
			out = append(out, '_')
		}
	}
	return string(out)
}

// Member is what the name of a member of a JSON object adds to the name of a label:
// the spaces around it do not count, and one that is nothing else adds nothing.
func Member(key string) string {
	if n := len(key); n > 0 && isPlain(key[0]) && isPlain(key[n-1]) {
		return key
	}
	return strings.TrimSpace(key)
}

// isPlain reports whether a byte is no space, and no part of one.
func isPlain(c byte) bool { return ' ' < c && c < 0x80 }

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || 'z' < c|0x20) && (c < '0' || '9' < c || i == 0) {
			return false
		}
	}
	return s != ""
}
