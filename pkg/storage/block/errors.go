package block

import (
	"errors"
	"fmt"

	"github.com/skaldlogs/skald/pkg/scan"
)

// ErrTooLarge marks rows that do not fit a block: the writer should have begun
// another.
var ErrTooLarge = errors.New("too large for a block")

// ErrUnsupported marks bytes that this version cannot read, though they may be
// sound: a newer version wrote them.
var ErrUnsupported = errors.New("not supported by this version")

// damagedf is for bytes that cannot be what an encoder wrote.
func damagedf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), scan.ErrDamaged)
}

// damagedErr adds ErrDamaged to err, unless err already says of which kind it is.
func damagedErr(err error) error {
	if errors.Is(err, scan.ErrDamaged) || errors.Is(err, ErrUnsupported) {
		return err
	}
	return fmt.Errorf("%w: %w", err, scan.ErrDamaged)
}

func unsupportedf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrUnsupported)
}
