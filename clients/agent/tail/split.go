package tail

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"

	"github.com/skaldlogs/skald/pkg/model"
)

// An Encoding is how the text of a file is encoded. A nil one is UTF-8.
type Encoding struct {
	name    string
	decoder encoding.Encoding
	newline []byte
	unit    int // lines begin at multiples of it
}

// ParseEncoding finds an encoding by its IANA name. The empty name is UTF-8.
func ParseEncoding(name string) (*Encoding, error) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8":
		return nil, nil
	}
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		if enc, err = htmlindex.Get(name); err != nil || enc == nil {
			return nil, fmt.Errorf("unknown encoding %q: give the name that IANA has for it, such as ISO-8859-1 or UTF-16LE", name)
		}
	}
	e := &Encoding{name: name, decoder: enc, newline: []byte{'\n'}, unit: 1}
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)) {
	case "utf16", "utf16be":
		// A file is read from its middle, so the mark at its beginning cannot say.
		e.decoder, e.newline, e.unit = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), []byte{0, '\n'}, 2
	case "utf16le":
		e.decoder, e.newline, e.unit = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), []byte{'\n', 0}, 2
	case "utf32", "utf32be":
		e.decoder, e.newline, e.unit = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), []byte{0, 0, 0, '\n'}, 4
	case "utf32le":
		e.decoder, e.newline, e.unit = utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), []byte{'\n', 0, 0, 0}, 4
	}
	return e, nil
}

// cut returns the first line of b without its end, and how many bytes it takes
// with it; 0 when the line does not end in b.
func (e *Encoding) cut(b []byte) (line []byte, n int) {
	if e == nil {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return b[:i], i + 1
		}
		return nil, 0
	}
	for from := 0; ; {
		i := bytes.Index(b[from:], e.newline)
		if i < 0 {
			return nil, 0
		}
		if i += from; i%e.unit == 0 {
			return b[:i], i + len(e.newline)
		}
		from = i + 1
	}
}

// whole is how many bytes of b are whole lines.
func (e *Encoding) whole(b []byte) int {
	if e == nil {
		return bytes.LastIndexByte(b, '\n') + 1
	}
	for end := len(b); ; {
		i := bytes.LastIndex(b[:end], e.newline)
		switch {
		case i < 0:
			return 0
		case i%e.unit == 0:
			return i + len(e.newline)
		}
		end = i + len(e.newline) - 1
	}
}

// text returns a line as UTF-8, appended to buf where it had to be converted.
// What cannot be converted becomes U+FFFD, and is reported.
func (e *Encoding) text(buf, line []byte) (out []byte, text string, good bool) {
	if e == nil {
		return buf, model.Borrow(line), true
	}
	n := len(buf)
	buf, _, err := transform.Append(e.decoder.NewDecoder(), buf, line)
	good = err == nil && !bytes.ContainsRune(buf[n:], utf8.RuneError)
	return buf, strings.TrimPrefix(model.Borrow(buf[n:]), "\ufeff"), good
}
