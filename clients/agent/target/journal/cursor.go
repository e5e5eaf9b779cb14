package journal

import (
	"strconv"
	"strings"
	"time"
)

// cursorTime is the time of the entry that a cursor stands for. A cursor is a
// list of letter=value with semicolons in between, of which t is the time in
// microseconds, in hexadecimal.
func cursorTime(cursor string) (time.Time, bool) {
	for part := range strings.SplitSeq(cursor, ";") {
		if hex, ok := strings.CutPrefix(part, "t="); ok {
			n, err := strconv.ParseInt(hex, 16, 64)
			return time.UnixMicro(n), err == nil
		}
	}
	return time.Time{}, false
}
