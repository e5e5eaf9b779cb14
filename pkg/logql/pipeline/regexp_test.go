package pipeline_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
)

// TestRegexpTwin holds line filters to the standard library on expressions that
// are looked for as literals, wholly or first, and on the letters that have
// another case outside of ASCII.
func TestRegexpTwin(t *testing.T) {
	expressions := []string{
		`(?i)risk`, `(?i)timeout|reset`, `timeout.*\d+ms|panic`, `(?i)task[0-9]+`, `(?i:s)k`, `error|warn|k`, `(pan(ic|el)|disk)s?`,
		`(?i)(kernel|sk).*x`, `a(bc)+|sk{2}`, `ſ`, `(?i)ſ`, `(?i)K`, `x*|y`, `(?i)straße`,
	}
	words := []string{
		"risk", "RISK", "riſK", "ri\u017fk", "RI\u017f\u212a", "timeout after 30ms", "TIMEOUT", "connection re\u017fet", "panic", "panel", "task12", "TA\u017f\u212a12",
		"\u212aernel x", "skk", "abcabc", "sK", "s\u212a", "", "straße", "STRASSE", "STRAẞE", "\xc5", "\xe2\x84", "k", "\u212a",
	}
	for _, expr := range expressions {
		re := regexp.MustCompile(expr)
		p := compile(t, "|~ `"+expr+"`", pipeline.Options{}).ForStream(stream)
		for _, a := range words {
			for _, line := range []string{a, "x " + a, strings.Repeat("k s ", 5) + a + " end"} {
				if _, _, got := p.Process(0, line, nil); got != re.MatchString(line) {
					t.Errorf("|~ %q on %q is %v", expr, line, got)
				}
			}
		}
	}
}
