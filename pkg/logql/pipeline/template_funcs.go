package pipeline

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	texttemplate "text/template"
	"unicode"
	"unicode/utf8"
)

// textFuncs work on text. Names in capitals have Go's order of arguments, the
// others take the text last, so that it can be piped in.
var textFuncs = texttemplate.FuncMap{
	"ToLower":    strings.ToLower,
	"ToUpper":    strings.ToUpper,
	"lower":      strings.ToLower,
	"upper":      strings.ToUpper,
	"title":      title,
	"Replace":    replace,
	"replace":    func(old, with, s string) (string, error) { return replace(s, old, with, -1) },
	"Trim":       strings.Trim,
	"TrimLeft":   strings.TrimLeft,
	"TrimRight":  strings.TrimRight,
	"TrimPrefix": strings.TrimPrefix,
	"TrimSuffix": strings.TrimSuffix,
	"TrimSpace":  strings.TrimSpace,
	"trim":       strings.TrimSpace,
	"trimAll":    func(cut, s string) string { return strings.Trim(s, cut) },
	"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
	"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
	"contains":   func(sub, s string) bool { return strings.Contains(s, sub) },
	"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
	"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
	"substr":     substr,
	"trunc":      trunc,
	"indent":     indent,
	"nindent":    func(n int, s string) (string, error) { t, err := indent(n, s); return "\n" + t, err },
	"repeat":     repeat,
	"alignLeft":  alignLeft,
	"alignRight": alignRight,
	"b64enc":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"b64dec":     decodeBase64,
	"urlencode":  url.QueryEscape,
	"urldecode":  url.QueryUnescape,
	"default":    withDefault,
	"fromJson":   fromJSON,

	// Go's own, with a bound on what they write.
	"print":    func(vs ...any) (string, error) { return printed(fmt.Sprint, vs) },
	"println":  func(vs ...any) (string, error) { return printed(fmt.Sprintln, vs) },
	"printf":   printf,
	"html":     texttemplate.HTMLEscaper,
	"js":       texttemplate.JSEscaper,
	"urlquery": texttemplate.URLQueryEscaper,
}

// replace replaces the first n places of old in s, or all when n is negative.
func replace(s, old, with string, n int) (string, error) {
	places := strings.Count(s, old)
	if n >= 0 {
		places = min(places, n)
	}
	if err := fitsReplaced(s, with, places, 0); err != nil {
		return "", err
	}
	return strings.Replace(s, old, with, n), nil
}

// fitsReplaced is an error if s with some places replaced by with, which stands
// for parts of s so many times, may be too long.
func fitsReplaced(s, with string, places, parts int) error {
	if len(s)+places*len(with)+parts*len(s) > maxTemplateText {
		return errTooLong
	}
	return nil
}

func printed(print func(...any) string, vs []any) (string, error) {
	if err := fitsAll(vs); err != nil {
		return "", err
	}
	return print(vs...), nil
}

// printf formats its arguments.
func printf(format string, vs ...any) (string, error) {
	if err := fitsAll(append([]any{format}, vs...)); err != nil {
		return "", err
	}
	if err := fitsFormat(format, vs); err != nil {
		return "", err
	}
	return fmt.Sprintf(format, vs...), nil
}

// fitsFormat is an error if the widths and precisions of a format may make a text
// that is too long, or arguments that it uses several times.
func fitsFormat(format string, vs []any) error {
	total, number, verbs := 0, 0, 0
	inVerb, again := false, false
	for i := range len(format) {
		c := format[i]
		if inVerb && isDigit(c) {
			number = min(10*number+int(c-'0'), maxTemplateText)
			continue
		}
		total += number
		number = 0
		switch {
		case c == '%':
			inVerb = !inVerb
			verbs++
		case !inVerb:
		case c == '*':
			for _, v := range vs {
				if n, ok := v.(int); ok && n != 0 {
					total += min(max(n, -n), maxTemplateText)
				}
			}
		case c == '[':
			again = true
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			inVerb = false
		}
	}
	if again {
		longest := 0
		for _, v := range vs {
			longest = max(longest, len(fmt.Sprint(v)))
		}
		total += verbs * longest
	}
	if total > maxTemplateText {
		return errTooLong
	}
	return nil
}

// fitsAll is an error if the texts among vs are too long together.
func fitsAll(vs []any) error {
	n := 0
	for _, v := range vs {
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	if n > maxTemplateText {
		return errTooLong
	}
	return nil
}

// title makes the first letter of each word large.
func title(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		inWord := unicode.IsLetter(before) || unicode.IsDigit(before) || before == '_' || before == '\''
		before = r
		if inWord {
			return r
		}
		return unicode.ToTitle(r)
	}, s)
}

// substr is the characters from start up to end. A negative start is the first
// of s, a negative end or one too far is the end of s.
func substr(start, end int, s string) (string, error) {
	rs := []rune(s)
	start = max(start, 0)
	if end < 0 || end > len(rs) {
		end = len(rs)
	}
	if start > end {
		return "", fmt.Errorf("substr: start %d is behind the end %d", start, end)
	}
	return string(rs[start:end]), nil
}

// trunc is the first n characters of s, or the last when n is negative.
func trunc(n int, s string) string {
	rs := []rune(s)
	switch {
	case n >= 0 && n < len(rs):
		return string(rs[:n])
	case n < 0 && n > -len(rs):
		return string(rs[len(rs)+n:])
	default:
		return s
	}
}

func indent(n int, s string) (string, error) {
	if n < 0 {
		return "", errors.New("negative indentation")
	}
	if n > maxTemplateText || (strings.Count(s, "\n")+1)*n > maxTemplateText {
		return "", errTooLong
	}
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad), nil
}

func repeat(n int, s string) (string, error) {
	if n < 0 {
		return "", errors.New("negative count")
	}
	if len(s) > 0 && n > maxTemplateText/len(s) {
		return "", errTooLong
	}
	return strings.Repeat(s, n), nil
}

// alignLeft is s with spaces behind it, or its first characters: n in all.
func alignLeft(n int, s string) (string, error) {
	return align(n, s, func(s, pad string) string { return s + pad }, func(rs []rune) []rune { return rs[:n] })
}

// alignRight is s with spaces before it, or its last characters: n in all.
func alignRight(n int, s string) (string, error) {
	return align(n, s, func(s, pad string) string { return pad + s }, func(rs []rune) []rune { return rs[len(rs)-n:] })
}

func align(n int, s string, pad func(s, pad string) string, cut func([]rune) []rune) (string, error) {
	if n > maxTemplateText {
		return "", errTooLong
	}
	length := utf8.RuneCountInString(s)
	switch {
	case n < 0 || n == length:
		return s, nil
	case n > length:
		return pad(s, strings.Repeat(" ", n-length)), nil
	default:
		return string(cut([]rune(s))), nil
	}
}

// decodeBase64 is what s encodes, or says what is wrong with it: as text, since lines
// of which some are encoded are common.
func decodeBase64(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// withDefault is the value, or d when the value is empty.
func withDefault(d any, value ...any) any {
	if len(value) == 0 {
		return d
	}
	if truth, ok := texttemplate.IsTrue(value[0]); !ok || !truth {
		return d
	}
	return value[0]
}

// fromJSON is the value that s holds, or nothing when s is not JSON.
func fromJSON(s string) any {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil
	}
	return v
}
