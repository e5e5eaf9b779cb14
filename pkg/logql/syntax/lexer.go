package syntax

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lex cuts a query into tokens; the last is always tokEnd.
func lex(query string) ([]token, *ParseError) {
	l := lexer{src: query}
	if i := invalidUTF8(query); i >= 0 {
		return nil, l.fail(Pos(i), Pos(i+1), "invalid UTF-8 encoding")
	}
	tokens := make([]token, 0, len(query)/4+1)
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == tokEnd {
			return tokens, nil
		}
	}
}

// A lexer walks over a query that is valid UTF-8.
type lexer struct {
	src string
	pos int
}

func (l *lexer) fail(pos, end Pos, msg string) *ParseError {
	return newError(l.src, pos, end, msg)
}

func (l *lexer) token(k kind, start int, text string) token {
	return token{kind: k, pos: Pos(start), end: Pos(l.pos), text: text}
}

// puncts are tried in order, so longer ones stand before their prefixes.
var puncts = []string{
	"|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=",
	"{", "}", "(", ")", ",", "|", "=", ">", "<", "+", "-", "*", "/", "%", "^",
}

func (l *lexer) next() (token, *ParseError) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	start := l.pos
	rest := l.src[start:]
	if rest == "" {
		return l.token(tokEnd, start, ""), nil
	}
	switch c := rest[0]; {
	case c == '"':
		return l.quoted()
	case c == '`':
		return l.raw()
	case c == '\'':
		return token{}, l.fail(Pos(start), Pos(start+1), "invalid char literal: strings are written \"…\" or `…`")
	case c == '[':
		return l.bracketed()
	case isDigit(c), c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.number()
	case c == '-' && len(rest) > 2 && rest[1] == '-' && isLetter(rest[2]):
		l.pos += 2
		for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || l.src[l.pos] == '-') {
			l.pos++
		}
		return l.token(tokFlag, start, l.src[start:l.pos]), nil
	}
	if n := identLen(rest); n > 0 {
		l.pos += n
		if word := strings.ToLower(rest[:n]); reserved[word] {
			return l.token(tokWord, start, word), nil
		}
		return l.token(tokIdent, start, rest[:n]), nil
	}
	for _, p := range puncts {
		if strings.HasPrefix(rest, p) {
			l.pos += len(p)
			return l.token(tokPunct, start, p), nil
		}
	}
	r, n := utf8.DecodeRuneInString(rest)
	return token{}, l.fail(Pos(start), Pos(start+n), "syntax error: unexpected character "+strconv.QuoteRune(r))
}

// skipSpace moves over white space and comments: from # or // to the end of the
// line, and from /* to */.
func (l *lexer) skipSpace() *ParseError {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case rest[0] == ' ', rest[0] == '\t', rest[0] == '\r', rest[0] == '\n':
			l.pos++
		case rest[0] == '#', strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return l.fail(Pos(l.pos), Pos(l.pos+2), "comment not terminated")
			}
			l.pos += n + 4
		default:
			return nil
		}
	}
	return nil
}

// quoted reads a string with Go's escapes. It may hold any bytes by way of \x.
func (l *lexer) quoted() (token, *ParseError) {
	start := l.pos
	for i := start + 1; i < len(l.src); i++ {
		switch l.src[i] {
		case '\\':
			i++
		case '\n':
			return token{}, l.fail(Pos(start), Pos(i), "literal not terminated")
		case '"':
			l.pos = i + 1
			text, err := strconv.Unquote(l.src[start:l.pos])
			if err != nil {
				return token{}, l.badEscape(start)
			}
			return l.token(tokString, start, text), nil
		}
	}
	return token{}, l.fail(Pos(start), Pos(len(l.src)), "literal not terminated")
}

// badEscape finds the escape that makes the string at start invalid.
func (l *lexer) badEscape(start int) *ParseError {
	rest := l.src[start+1 : l.pos-1]
	for rest != "" {
		_, _, tail, err := strconv.UnquoteChar(rest, '"')
		if err != nil {
			at := l.pos - 1 - len(rest)
			return l.fail(Pos(at), Pos(min(at+2, l.pos-1)), "invalid char escape")
		}
		rest = tail
	}
	return l.fail(Pos(start), Pos(l.pos), "invalid string")
}

// raw reads a string without escapes.
func (l *lexer) raw() (token, *ParseError) {
	start := l.pos
	n := strings.IndexByte(l.src[start+1:], '`')
	if n < 0 {
		return token{}, l.fail(Pos(start), Pos(len(l.src)), "literal not terminated")
	}
	l.pos = start + n + 2
	return l.token(tokString, start, l.src[start+1:l.pos-1]), nil
}

// bracketed reads a range. Its text is judged by the parser, which knows that a
// range was wanted.
func (l *lexer) bracketed() (token, *ParseError) {
	start := l.pos
	n := strings.IndexByte(l.src[start:], ']')
	if n < 0 {
		return token{}, l.fail(Pos(start), Pos(start+1), "missing closing ']' in duration")
	}
	l.pos = start + n + 1
	return l.token(tokRange, start, l.src[start+1:l.pos-1]), nil
}

// number reads a number, a duration or a size: they begin alike, and their
// units stand directly behind the digits.
func (l *lexer) number() (token, *ParseError) {
	start := l.pos
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		if r != '.' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != 'µ' {
			if !l.atExponentSign(start) {
				break
			}
		}
		l.pos += n
	}
	text := l.src[start:l.pos]
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return l.token(tokNumber, start, text), nil
	} else if numErr, ok := err.(*strconv.NumError); ok && numErr.Err == strconv.ErrRange {
		return token{}, l.fail(Pos(start), Pos(l.pos), "number "+text+" is out of range")
	}
	if _, err := strconv.ParseUint(text, 0, 64); err == nil {
		return l.token(tokNumber, start, text), nil
	}
	if _, err := parseDuration(text); err == nil {
		return l.token(tokDuration, start, text), nil
	}
	if _, err := parseBytes(text); err == nil {
		return l.token(tokBytes, start, text), nil
	}
	return token{}, l.fail(Pos(start), Pos(l.pos), badNumber(text))
}

// atExponentSign reports whether the lexer stands at the sign of 1e-3, with the
// number begun at start.
func (l *lexer) atExponentSign(start int) bool {
	if c := l.src[l.pos]; c != '+' && c != '-' || l.pos+1 >= len(l.src) || !isDigit(l.src[l.pos+1]) {
		return false
	}
	mantissa := l.src[start : l.pos-1]
	if e := l.src[l.pos-1]; e != 'e' && e != 'E' || mantissa == "" {
		return false
	}
	for i := range len(mantissa) {
		if !isDigit(mantissa[i]) && mantissa[i] != '.' {
			return false
		}
	}
	return true
}

// identLen is the length of the identifier that s begins with, or 0.
func identLen(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return i
		}
	}
	return len(s)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// invalidUTF8 is the offset of the first byte that is not valid UTF-8, or -1.
func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}
