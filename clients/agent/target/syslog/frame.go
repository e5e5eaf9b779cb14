package syslog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A framer cuts a stream into messages. Each says by its first byte how it is
// framed (RFC 6587): a digit begins its length, anything else a message up to
// the end of its line.
type framer struct {
	in      *bufio.Reader
	max     int    // bytes of a message
	message []byte // reused from one to the next
}

// errFraming marks a stream whose frames cannot be told apart any more.
var errFraming = errors.New("the frames cannot be told apart")

func newFramer(in io.Reader, maxMessage int) *framer {
	return &framer{in: bufio.NewReader(in), max: maxMessage}
}

// next returns the next message, valid until the call after, and how many of
// its bytes were left out because it is too long. At the end of the stream it is
// io.EOF; what a stream holds last needs no end of line.
func (f *framer) next() (message []byte, cut int, err error) {
	for {
		c, err := f.in.ReadByte()
		if err != nil {
			return nil, 0, err
		}
		switch {
		case '1' <= c && c <= '9':
			return f.counted(int(c - '0'))
		case c == '\n' || c == '\r' || c == 0:
			// Between messages, and the empty lines that some senders write.
		default:
			return f.line(c)
		}
	}
}

// counted reads a message whose length begins with the digit n.
func (f *framer) counted(n int) (message []byte, cut int, err error) {
	for {
		c, err := f.in.ReadByte()
		if err != nil {
			return nil, 0, unexpected(err)
		}
		if c == ' ' {
			break
		}
		if c < '0' || c > '9' || n > 1<<28 {
			return nil, 0, fmt.Errorf("want the length of a message and a space: %w", errFraming)
		}
		n = 10*n + int(c-'0')
	}
	kept := min(n, f.max)
	if cap(f.message) < kept {
		// A length that is only claimed costs no more than what has come.
		f.message = make([]byte, 0, min(kept, 64<<10))
	}
	f.message = f.message[:0]
	for len(f.message) < kept {
		if len(f.message) == cap(f.message) {
			grown := make([]byte, len(f.message), min(2*cap(f.message), kept))
			copy(grown, f.message)
			f.message = grown
		}
		free := f.message[len(f.message):min(cap(f.message), kept)]
		read, err := io.ReadFull(f.in, free)
		f.message = f.message[:len(f.message)+read]
		if err != nil {
			return nil, 0, unexpected(err)
		}
	}
	if _, err := f.in.Discard(n - kept); err != nil {
		return nil, 0, unexpected(err)
	}
	// Some senders end a message with a line as well: it is none of its text.
	return bytes.TrimSuffix(f.message, []byte("\n")), n - kept, nil
}

// line reads a message that begins with first and ends with its line.
func (f *framer) line(first byte) (message []byte, cut int, err error) {
	f.message = append(f.message[:0], first)
	for {
		c, err := f.in.ReadByte()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		if err != nil || c == '\n' || c == 0 {
			break
		}
		if len(f.message) < f.max {
			f.message = append(f.message, c)
		} else {
			cut++
		}
	}
	if n := len(f.message); f.message[n-1] == '\r' {
		f.message = f.message[:n-1]
	}
	return f.message, cut, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
