package wal

import (
	"errors"
	"fmt"
)

// ErrCorrupt marks bytes that are not the ones written. It always comes wrapped
// with the file and the offset; test for it with errors.Is.
var ErrCorrupt = errors.New("corrupt")

// ErrClosed is what a [Writer] or [Log] answers after Close.
var ErrClosed = errors.New("closed")

// ErrTooLarge marks a batch that is larger than a record may be.
var ErrTooLarge = errors.New("record is too large")

// corruptf says what is wrong with a record; where it is, the caller adds.
func corruptf(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrCorrupt)...)
}
