package grep

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// capturesOf is what package regexp finds, in the form of Find.
func capturesOf(re *regexp.Regexp, line string) ([]int, bool) {
	m := re.FindStringSubmatchIndex(line)
	if m == nil {
		return nil, false
	}
	at := []int{}
	for i, name := range re.SubexpNames() {
		if name != "" {
			at = append(at, m[2*i], m[2*i+1])
		}
	}
	return at, true
}

func checkCaptures(t *testing.T, expr, line string) {
	t.Helper()
	re, err := regexp.Compile(expr)
	if err != nil {
		return
	}
	c, err := CompileCaptures(expr, nil)
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	got, ok := c.Find(line, nil)
	want, wantOK := capturesOf(re, line)
	if ok != wantOK || ok && !slices.Equal(got, want) {
		t.Fatalf("%q in %q: groups at %v (%v), want %v (%v)", expr, line, got, ok, want, wantOK)
	}
}

func TestCapturesAreThoseOfRegexp(t *testing.T) {
	for _, tc := range []struct{ expr, line string }{
		{`for (invalid user )?(?P<user>[a-z0-9]+) from`, "Failed password for invalid user maria37 from 1.2.3.4"},
		{`for (invalid user )?(?P<user>[a-z0-9]+) from`, "Failed password for root from 1.2.3.4"},
		{`for (invalid user )?(?P<user>[a-z0-9]+) from`, "for for for a from"},
		{`(?P<a>a*?)(?P<b>a*)`, "aaa"},
		{`(?P<a>a|ab)(?P<b>c|bcd)(?P<d>d*)`, "xabcd"},
		{`(?P<a>(a|b)*)(?P<c>b?)`, "abab"},
		{`(?:(?P<a>a)|(?P<b>b))*`, "abba"},
		{`^(?P<ip>\S+) \S+ (?P<user>\S+) \[(?P<ts>[^\]]+)\] "(?P<method>\S+)`, `1.2.3.4 - bob [1/May/2026] "GET / HTTP/1.1"`},
		{`(?i)(?P<k>[k-s]+)`, "\u212a\u017fAK"},
		{`\b(?P<w>\w+)\b$`, "some words here"},
		{`(?m)^(?P<l>.*)$`, "one\ntwo"},
		{`(?s)(?P<all>.*)(?P<last>.)`, "a\n\xffb\xc3"},
		{"(?P<x>\ufffd+)", "a\xff\xfe\ufffdb"},
		{`(?P<x>)`, "abc"},
		{`x*`, "abc"},
		{`(?P<n>\d{2,4}?)(?P<m>\d*)`, "1234567"},
		{`(?P<n>a{0})b`, "ab"},
	} {
		checkCaptures(t, tc.expr, tc.line)
	}
}

// exprMaker makes expressions with groups.
type exprMaker struct {
	*rand.Rand
	groups int
}

func (m *exprMaker) expr(depth int) string {
	if depth == 0 || m.IntN(3) == 0 {
		return []string{"a", "b", "ab", ".", `\d`, `\w`, `[^a]`, `[ab]`, "1", " ", `\b`, "^", "$", `\S`, "é", "(?i:k)", `\z`, "[^ ]", "x"}[m.IntN(19)]
	}
	switch m.IntN(7) {
	case 0:
		return m.expr(depth-1) + "|" + m.expr(depth-1)
	case 1, 2:
		m.groups++
		return fmt.Sprintf("(?P<g%d>%s)", m.groups, m.expr(depth-1))
	case 3:
		return "(?:" + m.expr(depth-1) + ")" + []string{"*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}?"}[m.IntN(8)]
	default:
		return m.expr(depth-1) + m.expr(depth-1)
	}
}

func randomText(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		b.WriteString([]string{"a", "b", "a", "b", "1", " ", "é", "\n", "\xff", "K", "k", "x", "-", "\u212a"}[r.IntN(14)])
	}
	return b.String()
}

func TestCapturesOfRandomExpressions(t *testing.T) {
	tables, n := 0, 0
	for seed := range seeds.Few(t, 3000) {
		n++
		r := rand.New(rand.NewPCG(seed, 1))
		m := exprMaker{Rand: r}
		expr := m.expr(5)
		if c, err := CompileCaptures(expr, nil); err == nil && c.tabled() != nil {
			tables++
		}
		for range 6 {
			checkCaptures(t, expr, randomText(r, 14))
		}
	}
	if n > 100 && tables < n/2 {
		t.Errorf("%d of %d expressions have a table", tables, n)
	}
}

// Whatever is in the unknown parts of a text, the groups are where the trace says.
func TestTracesHoldForAllTexts(t *testing.T) {
	sets := []string{"1", "ab", "a1", "b ", "é", "ab1 -", "Kk"}
	known, n := 0, 0
	for seed := range seeds.Few(t, 3000) {
		n++
		r := rand.New(rand.NewPCG(seed, 2))
		m := exprMaker{Rand: r}
		expr := m.expr(5)
		c, err := CompileCaptures(expr, nil)
		if err != nil || c.Trace() == nil {
			continue
		}
		// Known and unknown parts in turn; part i begins at place 100*i.
		type part struct {
			text, set string
			empty     bool
		}
		parts := make([]part, 1+r.IntN(4))
		trace := c.Trace()
		for i := range parts {
			p := &parts[i]
			if i%2 == 0 {
				p.text = randomText(r, 4)
				trace.At(100 * i)
				trace.Text(p.text, 100*i)
				continue
			}
			p.set, p.empty = sets[r.IntN(len(sets))], r.IntN(3) == 0
			has := func(b byte) bool { return b < 0x80 && strings.IndexByte(p.set, b) >= 0 || b >= 0x80 && p.set == "é" }
			trace.At(100 * i)
			trace.Unknown(has, p.empty)
		}
		trace.At(100 * len(parts))
		at, matched, sure := trace.End()
		if !sure {
			continue
		}
		for range 20 {
			// Where each place of the line is for the trace. One place may have several
			// names, of which the trace has one: at the end of a part that of the next.
			var line strings.Builder
			places := map[int][]int{}
			for i, p := range parts {
				start := line.Len()
				places[start] = append(places[start], 100*i)
				if i%2 == 0 {
					line.WriteString(p.text)
					for j := 1; j < len(p.text); j++ {
						places[start+j] = append(places[start+j], 100*i+j)
					}
					continue
				}
				n := r.IntN(4)
				if !p.empty {
					n++
				}
				for range n {
					set := []rune(p.set)
					line.WriteRune(set[r.IntN(len(set))])
				}
			}
			places[line.Len()] = append(places[line.Len()], 100*len(parts))
			want, wantMatch := c.Find(line.String(), nil)
			if wantMatch != matched {
				t.Fatalf("%q in %+v: a match %v, but %v in %q", expr, parts, matched, wantMatch, line.String())
			}
			for k, p := range at {
				switch {
				case p == Inside:
				case p == None && want[k] != None, p != None && !slices.Contains(places[want[k]], p):
					t.Fatalf("%q in %+v: end %d is at %d, but at %d in %q", expr, parts, k, p, want[k], line.String())
				default:
					known++
				}
			}
		}
	}
	if n > 100 && known == 0 {
		t.Error("no group is known")
	}
}

func FuzzCaptures(f *testing.F) {
	f.Add(`for (invalid user )?(?P<user>[a-z0-9]+) from`, "Failed password for invalid user maria37 from 1.2.3.4")
	f.Add(`(?P<a>a|ab)(?P<b>c|bcd)(?P<d>d*)`, "xabcd")
	f.Add(`(?i)\b(?P<k>k+?)\B`, "K\u212a\xff")
	f.Fuzz(func(t *testing.T, expr, line string) {
		if len(expr) > 200 || len(line) > 1000 {
			t.Skip("large")
		}
		checkCaptures(t, expr, line)
	})
}

func TestCapturesAllocateNothing(t *testing.T) {
	c, err := CompileCaptures(`for (invalid user )?(?P<user>[a-z0-9]+) from (?P<ip>\S+)`, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := make([]int, 0, 8)
	if n := testing.AllocsPerRun(100, func() {
		at, _ = c.Find("Failed password for invalid user maria37 from 1.2.3.4 port 22", at)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// How fast is a table beside package regexp, for an expression of the suite?
func BenchmarkCaptures(b *testing.B) {
	const expr = `for (invalid user )?(?P<user>[a-z0-9]+) from`
	const line = "May  1 10:00:00 bastion-3 sshd[1234]: Failed password for invalid user maria37 from 10.0.0.1 port 4022 ssh2"
	c, err := CompileCaptures(expr, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		at := make([]int, 0, 2)
		for b.Loop() {
			at, _ = c.Find(line, at)
		}
	})
	b.Run("regexp", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.re.FindStringSubmatchIndex(line)
		}
	})
}
