package grep

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// randomExpr makes an expression of the given depth over few characters, so
// that it matches now and then.
func randomExpr(r *rand.Rand, depth int) string {
	atoms := []string{
		"a", "b", "k", "s", "ab", "err", "0", "7", " ", "é", "ſ", "K", `\x{FFFD}`, ".", `\d`, `\w`, `\s`, `\W`, "[a-k]", "[^a]", "[^a-zé]", `[\x00-\x7f]`, `\pL`, "(?s:.)", "(?i:k)", "(?i:és)",
		"^", "$", `\b`, `\B`, `\A`, `\z`, "(?m:^)", "(?m:$)", "", `\n`,
	}
	if depth == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	sub := func() string { return randomExpr(r, depth-1) }
	switch r.IntN(7) {
	case 0:
		return "(?:" + sub() + ")" + []string{"*", "+", "?", "{2}", "{1,3}", "*?", "{0,2}"}[r.IntN(7)]
	case 1:
		return "(" + sub() + "|" + sub() + ")"
	case 2:
		return "(?i:" + sub() + ")"
	case 3:
		return sub()
	default:
		return sub() + sub()
	}
}

// randomLine makes a line of pieces that such expressions know.
func randomLine(r *rand.Rand) string {
	pieces := []string{"a", "b", "k", "K", "s", "S", "ab", "AB", "err", "Err", "0", "7", " ", "é", "É", "ſ", "K", "\ufffd", "\xc3", "\xff", "\xe2\x84", "\n", "_", "日"}
	var b strings.Builder
	for range r.IntN(8) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// check compares an expression with the engine of the standard library.
func check(expr, line string) error {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil
	}
	e, err := Compile(expr)
	if err != nil {
		return fmt.Errorf("compile %q: %w", expr, err)
	}
	want := re.MatchString(line)
	if got := e.Match(line); got != want {
		return fmt.Errorf("%q on %q is %v, want %v", expr, line, got, want)
	}
	for _, list := range e.Required() {
		if want && !anyIn(list, line) {
			return fmt.Errorf("%q matches %q, which has none of %v", expr, line, list)
		}
	}
	a := e.Automaton()
	if a == nil {
		return nil
	}
	if got := a.Final(a.Run(a.Start(), line)); got != want {
		return fmt.Errorf("automaton of %q on %q is %v, want %v", expr, line, got, want)
	}
	return nil
}

func TestExpressionsMeanWhatTheEngineSays(t *testing.T) {
	for seed := range seeds.Few(t, 1500) {
		r := rand.New(rand.NewPCG(seed, 1))
		expr := randomExpr(r, 1+r.IntN(5))
		for range 20 {
			if err := check(expr, randomLine(r)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add(`(?i)timeout|reset`, "connection RESET by peer")
	f.Add(`timeout.*\d+ms$`, "timeout after 30ms")
	f.Add(`(?i)task`, "TA\u017f\u212a")
	f.Add(`[^a]{2}\b.`, "\xc3\xa9\xc3")
	f.Fuzz(func(t *testing.T, expr, line string) {
		if len(expr) > 60 {
			return // the engine itself takes long over some
		}
		if err := check(expr, line); err != nil {
			t.Fatal(err)
		}
	})
}

// An automaton can be stopped between any two characters, and knows what texts
// could do to it.
func TestAutomatonInPieces(t *testing.T) {
	for seed := range seeds.Few(t, 1000) {
		r := rand.New(rand.NewPCG(seed, 2))
		e, err := Compile(randomExpr(r, 1+r.IntN(4)))
		if err != nil || e.Automaton() == nil {
			continue
		}
		a := e.Automaton()
		line := []rune(randomLine(r))
		cut := r.IntN(len(line) + 1)
		before, after := string(line[:cut]), string(line[cut:])
		s := a.Run(a.Start(), before)
		if got, want := a.Run(s, after), a.Run(a.Start(), before+after); got != want {
			t.Fatalf("seed %d: %q and %q lead to %d, together to %d", seed, before, after, got, want)
		}
		set := a.NewSet(s)
		a.Reach(set, func(b byte) bool { return b >= 0x80 || strings.IndexByte(after, b) >= 0 })
		if end := a.Run(s, after); set.Add(end) {
			t.Fatalf("seed %d: %q leads from %d to %d, which is out of reach", seed, after, s, end)
		}
	}
}

func TestTexts(t *testing.T) {
	for expr, want := range map[string]string{
		`error`: "[{error false}]", `(?i)timeout|RESET`: "[{timeout true} {reset true}]", `.*pan(ic|el).*`: "[{panic false} {panel false}]",
		`(?i)connection (refused|reset)`: "[{connection refused true} {connection reset true}]", `(a|b)(c|d)(e|f)(g|h)`: "",
		`a+`: "", `x*`: "[{ false}]", `error|x*`: "[{ false}]", `(?i)straße`: "",
	} {
		e, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if texts, ok := e.Texts(); ok {
			got = fmt.Sprint(texts)
		}
		if got != want {
			t.Errorf("texts of %q are %q, want %q", expr, got, want)
		}
	}
}

func TestRequired(t *testing.T) {
	for expr, want := range map[string]string{
		`timeout.*\d+ms`: "[[{timeout false}] [{ms false}]]", `(?i)(err|warn)ing: .`: "[[{ing:  true}] [{err true} {warn true}]]",
		`(?i)straße[0-9]`: "[[{stra true}]]", `[a-z]+`: "[]", `(a|b*)c`: "[[{c false}]]",
	} {
		e, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(e.Required()); got != want {
			t.Errorf("required by %q are %s, want %s", expr, got, want)
		}
	}
}

// Where the rarest letter has one case only, finding all places takes one pass.
func TestFinder(t *testing.T) {
	s := strings.Repeat("Timeout TIMEOUT timeout tim", 3)
	f := NewFinder("timeout")
	var got []int
	for at := 0; ; {
		n := f.Index(s, at)
		if n < 0 {
			break
		}
		got = append(got, n)
		at = n + 1
	}
	want := []int{0, 8, 16, 27, 35, 43, 54, 62, 70}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found at %v, want %v", got, want)
	}
}

// How fast are lines looked through?
func BenchmarkMatch(b *testing.B) {
	line := `{"ts":"2026-05-01T10:00:00.123456789Z","level":"info","caller":"http/server.go:87","msg":"request completed","path":"/api/v1/orders/17","status":200}`
	for _, expr := range []string{`(?i)timeout|reset`, `status":5\d\d`, `[0-9]{12}`, `^\{"ts":"2026-05-01T1[1-3]`} {
		b.Run(expr, func(b *testing.B) {
			e, err := Compile(expr)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				e.Match(line)
			}
		})
	}
}
