package loghttp

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// docTimes are the layouts of times in documents, once a blank between date and
// time is a T. One without a zone is UTC.
var docTimes = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05"}

// parseDocTime reads the time of a document: text, or a Unix time whose unit its
// size tells.
func parseDocTime(text string, number bool) (int64, bool) {
	if number || text != "" && strings.Trim(text, "0123456789.") == "" {
		return parseUnix(text)
	}
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range docTimes {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixNano(), t.Unix() >= minSeconds && t.Unix() < maxSeconds
		}
	}
	return 0, false
}

// parseUnix reads a Unix time in seconds, or in whichever smaller unit makes it
// one of our age. All of its digits count.
func parseUnix(text string) (int64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return fromFloat(text)
	}
	unit, digits := unitOf(float64(n))
	if n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, false
	}
	ts := n * unit
	if fraction = fraction[:min(len(fraction), digits)]; fraction == "" {
		return ts, true
	}
	part, _ := strconv.ParseInt(fraction+strings.Repeat("0", digits-len(fraction)), 10, 64) // its digits were checked
	if strings.HasPrefix(whole, "-") {
		part = -part
	}
	return ts + part, true
}

// fromFloat reads a Unix time that is written with an exponent.
func fromFloat(text string) (int64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	unit, _ := unitOf(f)
	ns := math.Round(f * float64(unit))
	return int64(ns), math.Abs(ns) < 1<<63-1024
}

// unitOf tells the unit of a Unix time by its size, in nanoseconds, and how many
// digits its fraction has room for.
func unitOf(t float64) (unit int64, digits int) {
	switch t = math.Abs(t); {
	case t < 1e11:
		return 1e9, 9
	case t < 1e14:
		return 1e6, 6
	case t < 1e17:
		return 1e3, 3
	}
	return 1, 0
}
