package block

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Lines that someone made are answered from columns as from lines, too.
func FuzzFields(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for seed := range uint64(20) {
		var lines []string
		for _, row := range trickyRows(r)[:1] {
			lines = append(lines, row.Line)
		}
		for i := range families {
			lines = append(lines, familyRows(i, seed, 100)[0].Line)
		}
		f.Add(strings.Join(lines, "\x1e"), seed)
	}
	for _, text := range []string{
		`{" a ":1,"b":{"":2," ":{"c ":"3"}},"":{"d":4,"":5}}`, `{"a":1,"a":2}` + "\x1e" + `{"a":null,"a":"x"}`, `{"a":"\u00e9\q"}`, `{"a":{"b":1,"c":[1,{"d":2}]},"a_b":3}`, `{"a" : tru}`, `{"a":1}}`, `{"a":"x"5}`, `{ "a":01.50,}`,
		`a= b="" c=1=2 d`, `a="x\"y" b=\ c=3`, "a=1\tb=2 c=3 d=4", `x a=1,b=2 c="3"`, `a="1"b="2"c=3`,
	} {
		f.Add(text, uint64(3))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		if len(text) > 2<<10 {
			t.Skip("large")
		}
		r := rand.New(rand.NewPCG(seed, 7))
		lines := strings.Split(text, "\x1e")
		if len(lines) > 12 {
			t.Skip("many")
		}
		var rows []Row
		for i := range 20 * len(lines) {
			line := lines[i%len(lines)]
			if i >= len(lines) {
				line = vary(r, line)
			}
			rows = append(rows, Row{Stream: uint32(r.IntN(3)), Timestamp: int64(i) * 1e9, Line: line})
		}
		compareTwins(t, r, rows, 4)
	})
}

// vary changes digits of a line, so that it has columns.
func vary(r *rand.Rand, line string) string {
	b := []byte(line)
	for i, c := range b {
		if '1' <= c && c <= '9' && r.IntN(2) == 0 {
			b[i] = fmt.Sprint(1 + r.IntN(9))[0]
		}
	}
	return string(b)
}
