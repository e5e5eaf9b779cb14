package scan

import "errors"

// ErrDamaged marks rows that exist and cannot be read: their bytes are not the
// ones that were written, or are gone. It comes wrapped with what and where.
var ErrDamaged = errors.New("damaged")
