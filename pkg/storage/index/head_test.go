package index_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/index"
)

// streams for the tables below, in the order of their references.
var streams = []labels.Labels{
	labels.FromStrings("app", "api", "env", "prod", "pod", "api-1"),
	labels.FromStrings("app", "api", "env", "dev", "pod", "api-2"),
	labels.FromStrings("app", "db", "env", "prod"),
	labels.FromStrings("job", "cron"),
}

func matchers(t testing.TB, ms ...string) (out []*labels.Matcher) {
	t.Helper()
	types := map[string]labels.MatchType{"=": labels.MatchEqual, "!=": labels.MatchNotEqual, "=~": labels.MatchRegexp, "!~": labels.MatchNotRegexp}
	for i := 0; i < len(ms); i += 3 {
		m, err := labels.NewMatcher(types[ms[i+1]], ms[i], ms[i+2])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func newHead(sets []labels.Labels) *index.Head {
	h := index.NewHead()
	for _, l := range sets {
		h.Add(l)
	}
	return h
}

func TestSelect(t *testing.T) {
	for _, tc := range []struct {
		name     string
		matchers []string
		want     []uint32
	}{
		{"no matchers", nil, []uint32{0, 1, 2, 3}},
		{"equal", []string{"app", "=", "api"}, []uint32{0, 1}},
		{"equal to nothing there", []string{"app", "=", "web"}, nil},
		{"two matchers", []string{"app", "=", "api", "env", "=", "prod"}, []uint32{0}},
		{"absent is empty", []string{"app", "=", ""}, []uint32{3}},
		{"present", []string{"env", "!=", ""}, []uint32{0, 1, 2}},
		{"not equal takes the absent too", []string{"env", "!=", "prod"}, []uint32{1, 3}},
		{"set of literals", []string{"app", "=~", "api|db"}, []uint32{0, 1, 2}},
		{"set of literals and empty", []string{"app", "=~", "db|"}, []uint32{2, 3}},
		{"regular expression is anchored", []string{"pod", "=~", "api"}, nil},
		{"regular expression", []string{"pod", "=~", "api-.+"}, []uint32{0, 1}},
		{"anything at all", []string{"pod", "=~", ".*"}, []uint32{0, 1, 2, 3}},
		{"something", []string{"pod", "=~", ".+"}, []uint32{0, 1}},
		{"not in a set", []string{"env", "!~", "prod|qa"}, []uint32{1, 3}},
		{"not in a set with empty", []string{"env", "!~", "prod|"}, []uint32{1}},
		{"unknown name", []string{"zone", "=~", ".+"}, nil},
		{"unknown name is empty", []string{"zone", "!=", "a"}, []uint32{0, 1, 2, 3}},
	} {
		got := newHead(streams).Select(matchers(t, tc.matchers...)).ToArray()
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestNamesAndValues(t *testing.T) {
	h := newHead(streams)
	prod := matchers(t, "env", "=", "prod")
	for _, tc := range []struct {
		name      string
		got, want []string
	}{
		{"names", h.LabelNames(nil), []string{"app", "env", "job", "pod"}},
		{"names of some", h.LabelNames(matchers(t, "app", "=", "db")), []string{"app", "env"}},
		{"values", h.LabelValues("app", nil), []string{"api", "db"}},
		{"values of some", h.LabelValues("pod", prod), []string{"api-1"}},
		{"values of an unknown name", h.LabelValues("zone", nil), []string{}},
	} {
		if !slices.Equal(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

func TestAddAgain(t *testing.T) {
	h := newHead(streams)
	before := h.Bytes()
	for want, l := range streams {
		if got := h.Add(l); got != uint32(want) {
			t.Errorf("added again, %v is stream %d, want %d", l, got, want)
		}
		if got := h.Labels(uint32(want)); !labels.Equal(got, l) {
			t.Errorf("stream %d is %v, want %v", want, got, l)
		}
	}
	if h.Len() != len(streams) || h.Bytes() != before {
		t.Errorf("%d streams in %d bytes, want %d in %d", h.Len(), h.Bytes(), len(streams), before)
	}
}

// randomStreams makes distinct label sets over few names and values.
func randomStreams(rnd *rand.Rand, n int) []labels.Labels {
	seen := map[string]bool{}
	var out []labels.Labels
	for range n {
		b := labels.NewBuilder(labels.EmptyLabels())
		for _, name := range []string{"a", "b", "c", "d"} {
			if v := rnd.IntN(6); v > 0 {
				b.Set(name, fmt.Sprint("v", v))
			}
		}
		l := b.Labels()
		if !seen[l.String()] {
			seen[l.String()] = true
			out = append(out, l)
		}
	}
	return out
}

func randomMatchers(rnd *rand.Rand) []*labels.Matcher {
	values := []string{"", "v1", "v2", "v1|v3", "v1|", "v.*", "v[2-4]", ".*", ".+", "x", "(?i)V5"}
	var out []*labels.Matcher
	for range rnd.IntN(4) {
		m, err := labels.NewMatcher(labels.MatchType(rnd.IntN(4)), string('a'+rune(rnd.IntN(5))), values[rnd.IntN(len(values))])
		if err != nil {
			panic(err)
		}
		out = append(out, m)
	}
	return out
}

// naive is what Select means: every matcher against every stream's value.
func naive(sets []labels.Labels, ms []*labels.Matcher) (refs []uint32) {
	for ref, l := range sets {
		if !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) }) {
			refs = append(refs, uint32(ref))
		}
	}
	return refs
}

func TestSelectIsNaive(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		sets := randomStreams(rnd, 100)
		h := newHead(sets)
		ms := randomMatchers(rnd)
		if got, want := h.Select(ms).ToArray(), naive(sets, ms); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v selects %v, want %v", seed, ms, got, want)
		}
	}
}

// Streams are added while others ask: what was there before a question began is in its answer.
func TestHeadGrowsWhileAsked(t *testing.T) {
	h := index.NewHead()
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range 2000 {
				h.Add(labels.FromStrings("app", fmt.Sprint("a", i%7), "pod", fmt.Sprint(w, "-", i)))
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			ms := matchers(t, "app", "!=", "a3", "pod", "=~", ".+")
			for range 100 {
				before := h.Len()
				found := h.Select(ms)
				if n := int(found.GetCardinality()); n < before/2 || n > h.Len() {
					t.Errorf("%d of %d streams selected", n, before)
				}
				found.Iterate(func(ref uint32) bool {
					if h.Labels(ref).Get("app") == "a3" {
						t.Errorf("stream %d is selected and must not be", ref)
					}
					return true
				})
			}
		})
	}
	wg.Wait()
}
