// Package guard keeps a mistake that one task brings to light from ending a
// process that holds the entries of all tenants.
//
// Goroutines that work for one query, one merge or one buffer run that through
// [Do]. Nothing else is to rely on it: bytes from disk or network are errors, and
// a panic says that a programmer was wrong.
package guard

import (
	"fmt"
	"runtime/debug"
)

// Do calls fn and makes an error of a panic, with where it came from.
func Do(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn()
}
