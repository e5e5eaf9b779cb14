package encbuf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// maxFrameHeader bounds the first line of a framed object, in bytes.
const maxFrameHeader = 64

// Frame puts a line before a small body of text, by which readers know what it
// is and that it is whole: magic, version, the length of the body and its
// CRC-32C.
func Frame(magic string, version int, body []byte) []byte {
	return slices.Concat([]byte(frameHeader(magic, version, body)), []byte("\n"), body)
}

func frameHeader(magic string, version int, body []byte) string {
	return fmt.Sprintf("%s %d %d %08x", magic, version, len(body), Checksum(body))
}

// Unframe returns the body of what Frame made; it is a part of data.
func Unframe(magic string, version int, data []byte) ([]byte, error) {
	header, body, ok := bytes.Cut(data, []byte("\n"))
	if !ok || len(header) > maxFrameHeader {
		return nil, errors.New("no header")
	}
	var v, length int
	if _, err := fmt.Sscanf(string(header), magic+" %d %d", &v, &length); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if v != version {
		return nil, fmt.Errorf("version %d, this program knows version %d", v, version)
	}
	// Scanning is lenient where a checksum is not.
	if want := frameHeader(magic, version, body); string(header) != want {
		return nil, fmt.Errorf("header is %q, what follows it makes %q", header, want)
	}
	return body, nil
}
