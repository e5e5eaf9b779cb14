package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// maxFieldBytes is how much of a field is kept; the journal itself would hold
	// hundreds of megabytes.
	maxFieldBytes = 16 << 20
	// maxEntryBytes is how much of an entry's fields is kept together.
	maxEntryBytes = 32 << 20
	// maxFields is how many fields of an entry are kept.
	maxFields = 4096
	// maxNameBytes is how long the name of a field may be.
	maxNameBytes = 64 << 10
)

// errMalformed marks bytes that are not the journal's export format.
var errMalformed = errors.New("not the journal's export format")

// A field is one name and value of an entry.
type field struct{ name, value string }

// A record is an entry of the journal. Times are in microseconds, as the
// journal's are.
type record struct {
	cursor   string
	realtime int64
	fields   []field // without those that are about the entry, __LIKE_THIS
}

// get returns the last value of a field.
func (r *record) get(name string) (string, bool) {
	for i := len(r.fields) - 1; i >= 0; i-- {
		if r.fields[i].name == name {
			return r.fields[i].value, true
		}
	}
	return "", false
}

// An exportReader reads what `journalctl --output=export` writes: entries with
// an empty line between them, whose fields are
//
//	NAME=value\n                            for text
//	NAME\n<length: 8 bytes><value>\n        for anything, lengths little-endian
type exportReader struct {
	in    *bufio.Reader
	kept  int // bytes of the current entry
	large []byte
}

func newExportReader(in io.Reader) *exportReader {
	return &exportReader{in: bufio.NewReaderSize(in, 64<<10)}
}

// next returns the next entry. The end of the stream is io.EOF; an entry that
// it cuts short is io.ErrUnexpectedEOF.
func (x *exportReader) next() (*record, error) {
	r := &record{}
	x.kept = 0
	for begun := false; ; {
		name, value, sep, err := x.fieldStart()
		switch {
		case err != nil && begun && errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case sep == 0 && name == "":
			if begun {
				return r, nil
			}
			continue
		case sep == 0:
			if value, err = x.binary(); err != nil {
				return nil, fmt.Errorf("field %q: %w", name, err)
			}
		}
		begun = true
		if err := x.add(r, name, value); err != nil {
			return nil, err
		}
	}
}

// add puts a field into its place in the entry.
func (x *exportReader) add(r *record, name, value string) error {
	switch {
	case name == "__CURSOR":
		r.cursor = value
	case name == "__REALTIME_TIMESTAMP":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || n > int64(1)<<62/1000 {
			return fmt.Errorf("realtime %q: %w", clip(value), errMalformed)
		}
		r.realtime = n
	case len(name) > 2 && name[:2] == "__":
	case len(r.fields) < maxFields && x.kept+len(name)+len(value) <= maxEntryBytes:
		x.kept += len(name) + len(value)
		r.fields = append(r.fields, field{name, value})
	}
	return nil
}

// fieldStart reads a line: a name and a value when sep is '=', a name alone, or
// nothing at the end of an entry.
func (x *exportReader) fieldStart() (name, value string, sep byte, err error) {
	line, err := x.line()
	if err != nil {
		return "", "", 0, err
	}
	if eq := bytes.IndexByte(line, '='); eq >= 0 {
		if eq == 0 || eq > maxNameBytes {
			return "", "", 0, fmt.Errorf("line %q: %w", clip(string(line)), errMalformed)
		}
		return string(line[:eq]), string(line[eq+1:]), '=', nil
	}
	if len(line) > maxNameBytes {
		return "", "", 0, fmt.Errorf("a name of %d bytes: %w", len(line), errMalformed)
	}
	return string(line), "", 0, nil
}

// line reads a line, of which at most maxFieldBytes are kept, without its end.
func (x *exportReader) line() ([]byte, error) {
	part, err := x.in.ReadSlice('\n')
	if err == nil {
		return part[:len(part)-1], nil
	}
	x.large = x.large[:0]
	for {
		room := maxFieldBytes - len(x.large)
		x.large = append(x.large, part[:min(len(part), room)]...)
		if err == nil {
			return bytes.TrimSuffix(x.large, []byte{'\n'}), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) && len(x.large) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		part, err = x.in.ReadSlice('\n')
	}
}

// binary reads a length, so many bytes, and the end of the line.
func (x *exportReader) binary() (string, error) {
	var head [8]byte
	if _, err := io.ReadFull(x.in, head[:]); err != nil {
		return "", unexpected(err)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > 1<<40 {
		return "", fmt.Errorf("a length of %d bytes: %w", n, errMalformed)
	}
	kept := min(int64(n), maxFieldBytes)
	var b bytes.Buffer
	// CopyN grows the buffer by what has come, not by what is claimed.
	if _, err := io.CopyN(&b, x.in, kept); err != nil {
		return "", unexpected(err)
	}
	if _, err := io.CopyN(io.Discard, x.in, int64(n)-kept); err != nil {
		return "", unexpected(err)
	}
	if end, err := x.in.ReadByte(); err != nil {
		return "", unexpected(err)
	} else if end != '\n' {
		return "", fmt.Errorf("no end of line behind %d bytes: %w", n, errMalformed)
	}
	return b.String(), nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// clip is the beginning of a text that is too long for an error.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
