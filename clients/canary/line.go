package canary

import (
	"strconv"
	"strings"
)

// timeDigits is how long the time in a line is: nanoseconds since the epoch.
const timeDigits = 19

// line is the text of an entry, of size bytes with its newline, or as long as
// its time is.
func line(ts int64, size int) string {
	text := strconv.FormatInt(ts, 10) + " "
	return text + strings.Repeat("p", max(0, size-len(text)-1)) + "\n"
}

// parseLine returns the time in a line of a canary.
func parseLine(text string) (int64, bool) {
	digits, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	if len(digits) != timeDigits || digits[0] < '1' || digits[0] > '9' { // a sign, or a number that is shorter than it looks
		return 0, false
	}
	ts, err := strconv.ParseInt(digits, 10, 64)
	return ts, err == nil
}
