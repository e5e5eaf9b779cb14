package logproto

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
)

// MaxLabels is how many labels a stream may have, whatever a tenant's limits say.
const MaxLabels = 1 << 14

// ParseLabels reads the labels of a stream, as in {app="web", env="prod"}.
// Values are Go strings, in double quotes with escapes or in backquotes. Labels
// without a value are dropped, and bytes of a value that are not UTF-8 are
// replaced, so that the result is one that [labels.Labels.String] writes and
// ParseLabels reads back.
//
// An error wraps [ErrMalformed], and begins with line and column: 1:5: parse error: …
// It is a [*DuplicateLabelError] where the text is well formed otherwise.
func ParseLabels(text string) (labels.Labels, error) {
	p := labelParser{text: text}
	if len(text) > MaxLabelsBytes {
		return labels.EmptyLabels(), p.errorf(0, "label text of %d bytes, more than %d", len(text), MaxLabelsBytes)
	}
	b := labels.NewScratchBuilder(16)
	if err := p.parse(&b); err != nil {
		return labels.EmptyLabels(), err
	}
	b.Sort()
	ls := b.Labels()
	if name, dup := ls.HasDuplicateLabelNames(); dup {
		return labels.EmptyLabels(), &DuplicateLabelError{name, p.errorf(p.second(name), "label %q is there twice", name)}
	}
	// Dropped only now: of two labels with one name, neither may be empty.
	return ls.WithoutEmpty(), nil
}

// A DuplicateLabelError says that a label text has a name twice.
type DuplicateLabelError struct {
	Name string
	err  error
}

func (e *DuplicateLabelError) Error() string { return e.err.Error() }
func (e *DuplicateLabelError) Unwrap() error { return e.err }

type labelParser struct {
	text string
	pos  int
}

func (p *labelParser) errorf(at int, format string, args ...any) error {
	before := p.text[:at]
	line := 1 + strings.Count(before, "\n")
	col := at - strings.LastIndexByte(before, '\n')
	return malformedError(fmt.Sprintf("%d:%d: parse error: %s", line, col, fmt.Sprintf(format, args...)))
}

func (p *labelParser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// expect takes c, after white space.
func (p *labelParser) expect(c byte, what string) error {
	p.space()
	if p.pos == len(p.text) || p.text[p.pos] != c {
		return p.errorf(p.pos, "expected %s, found %s", what, p.found())
	}
	p.pos++
	return nil
}

// found names what stands at the current position.
func (p *labelParser) found() string {
	if p.pos == len(p.text) {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return strconv.QuoteRune(r)
}

func (p *labelParser) parse(b *labels.ScratchBuilder) error {
	if err := p.expect('{', "'{'"); err != nil {
		return err
	}
	p.space()
	n := 0
	for more := p.pos < len(p.text) && p.text[p.pos] != '}'; more; {
		if n++; n > MaxLabels {
			return p.errorf(p.pos, "more than %d labels", MaxLabels)
		}
		name, err := p.name()
		if err != nil {
			return err
		}
		if err := p.expect('=', "'='"); err != nil {
			return err
		}
		value, err := p.value()
		if err != nil {
			return err
		}
		b.Add(name, value)
		p.space()
		if more = p.pos < len(p.text) && p.text[p.pos] == ','; more {
			p.pos++
		}
	}
	if err := p.expect('}', "',' or '}'"); err != nil {
		return err
	}
	if p.space(); p.pos < len(p.text) {
		return p.errorf(p.pos, "expected the end, found %s", p.found())
	}
	return nil
}

func (p *labelParser) name() (string, error) {
	p.space()
	start := p.pos
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9' || p.pos == start) {
			break
		}
		p.pos++
	}
	if p.pos == start {
		return "", p.errorf(start, "expected a label name, found %s", p.found())
	}
	return p.text[start:p.pos], nil
}

func (p *labelParser) value() (string, error) {
	p.space()
	start := p.pos
	if start == len(p.text) || p.text[start] != '"' && p.text[start] != '`' {
		return "", p.errorf(start, "expected a value in quotes, found %s", p.found())
	}
	quote := p.text[start]
	simple := true // no escapes
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.pos = i + 1
			return p.unquote(start, simple)
		case c == '\\' && quote == '"':
			simple = false
			i++
		case c == '\n' && quote == '"':
			return "", p.errorf(start, "value does not end on its line")
		}
	}
	return "", p.errorf(start, "value does not end")
}

// unquote returns the value whose quotes are at start and before the position.
func (p *labelParser) unquote(start int, simple bool) (string, error) {
	v := p.text[start+1 : p.pos-1]
	if !simple {
		b := make([]byte, 0, len(v))
		for v != "" {
			r, wide, rest, err := strconv.UnquoteChar(v, '"')
			if err != nil {
				return "", p.errorf(p.pos-1-len(v), "unknown escape %q", v[:min(2, len(v))])
			}
			if v = rest; wide {
				b = utf8.AppendRune(b, r)
			} else {
				b = append(b, byte(r))
			}
		}
		v = string(b)
	}
	v = strings.ToValidUTF8(v, "\ufffd")
	// Replacing makes a value longer, and labels have a bound of their own.
	if len(v) >= MaxLabelsBytes {
		return "", p.errorf(start, "value of %d bytes", len(v))
	}
	return v, nil
}

// second returns where the label name stands for the second time.
func (p *labelParser) second(name string) int {
	q := labelParser{text: p.text, pos: strings.IndexByte(p.text, '{') + 1}
	seen := false
	for {
		q.space()
		at := q.pos
		n, err := q.name()
		if err != nil {
			return 0
		}
		if n == name && seen {
			return at
		}
		seen = seen || n == name
		_ = q.expect('=', "'='")
		_, _ = q.value()
		_ = q.expect(',', "','")
	}
}
