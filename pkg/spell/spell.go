// Package spell guesses which known word was meant by an unknown one, for the
// messages of whoever reads what people write: queries, configurations, flags.
package spell

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the known word most like word, the first in the alphabet of
// several, or "" when none is close enough to be a likely slip of the pen. Case does
// not count; known words are in lower case.
func Nearest(word string, known []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), k); d < distance || d == distance && best != "" && k < best {
			best, distance = k, d
		}
	}
	return best
}

// Perhaps is the nearest known word as the end of a message, or "".
func Perhaps(word string, known []string) string {
	n := Nearest(word, known)
	if n == "" {
		return ""
	}
	return fmt.Sprintf(", perhaps %q", n)
}
