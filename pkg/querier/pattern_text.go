package querier

import (
	"cmp"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// manyAlike is from how many shapes of a kind on they make one pattern, however many
// lines each of them has.
const manyAlike = 17

// A patternKey is what makes a pattern of an answer.
type patternKey struct{ level, text string }

// A patternSet is patterns and their counts.
type patternSet map[patternKey]*cell

func (p patternSet) add(level, text string, c *cell) {
	key := patternKey{level, text}
	if to := p[key]; to != nil {
		to.take(c)
	} else {
		p[key] = &cell{total: c.total, samples: slices.Clone(c.samples), sorted: c.sorted}
	}
}

// patterns returns the patterns of what was counted, the most frequent first.
func (c *shapeCounter) patterns() []loghttp.Pattern {
	shapes := make([]*shapeCount, 0, len(c.shapes))
	totals := map[*shapeCount]int64{}
	for _, s := range c.shapes {
		shapes = append(shapes, s)
		for _, n := range s.cells {
			n.settle()
			totals[s] += n.total
		}
	}
	slices.SortFunc(shapes, func(a, b *shapeCount) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), strings.Compare(a.text, b.text))
	})
	kinds := newMiner()
	clusters := make([]*cluster, len(shapes))
	for i, s := range shapes {
		clusters[i] = kinds.add(s.pattern(0, 0))
	}
	all := patternSet{}
	for i, s := range shapes {
		kind := clusters[i]
		if kind != nil && kind.shapes >= manyAlike {
			for key, n := range s.cells {
				all.add(c.levels[key.level], kind.text(), n)
			}
			continue
		}
		used := s.telling(totals[s])
		own := patternSet{}
		for key, n := range s.project(used) {
			text := s.pattern(used, key.words)
			if n.total < minPatternCount {
				text = s.pattern(0, 0)
			}
			own.add(c.levels[key.level], text, n)
		}
		for key, n := range own {
			text := key.text
			if n.total < minPatternCount && kind != nil {
				text = kind.text()
			}
			all.add(key.level, text, n)
		}
	}
	return all.list(c.plan.step)
}

// telling is how many of the kept slots are worth telling apart: as many as leave
// nearly all lines in patterns of enough of them.
func (s *shapeCount) telling(total int64) int {
	for used := s.used; used > 0; used-- {
		rare := int64(0)
		for _, n := range s.project(used) {
			if n.total < minPatternCount {
				rare += n.total
			}
		}
		if 10*rare <= total {
			return used
		}
	}
	return 0
}

// project is the counts by the words of the first slots alone. The cells must not be
// changed.
func (s *shapeCount) project(used int) map[cellKey]*cell {
	if used == s.used {
		return s.cells
	}
	out := make(map[cellKey]*cell, len(s.cells))
	for key, n := range s.cells {
		key.words = key.words.first(used)
		to := out[key]
		if to == nil {
			to = &cell{}
			out[key] = to
		}
		to.take(n)
	}
	return out
}

// pattern is the text of lines with the words of the first slots that tell them apart.
func (s *shapeCount) pattern(used int, words tuple) string {
	var b strings.Builder
	slot := 0
	for at := 0; ; {
		n := strings.IndexByte(s.text[at:], 0)
		if n < 0 {
			b.WriteString(s.text[at:])
			return b.String()
		}
		b.WriteString(s.text[at : at+n])
		at += n + 1
		word := "\x00"
		if slot < len(s.fixed) {
			word = s.fixed[slot]
			if i := slices.Index(s.kept[:used], slot); i >= 0 {
				word = s.words[i][words>>(wordBits*i)&(1<<wordBits-1)]
			}
		}
		b.WriteString(strings.ReplaceAll(word, "\x00", variable))
		slot++
	}
}

// list returns the patterns of an answer.
func (p patternSet) list(step int64) []loghttp.Pattern {
	type found struct {
		patternKey
		*cell
	}
	var list []found
	for key, c := range p {
		if c.total >= minPatternCount {
			list = append(list, found{key, c})
		}
	}
	slices.SortFunc(list, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.total, a.total), strings.Compare(a.text, b.text), strings.Compare(a.level, b.level))
	})
	list = list[:min(len(list), maxPatterns)]
	out := make([]loghttp.Pattern, 0, len(list))
	for _, f := range list {
		f.settle()
		pattern := loghttp.Pattern{Pattern: f.text, Level: f.level}
		for _, s := range f.samples {
			pattern.Samples = append(pattern.Samples, loghttp.PatternSample{Seconds: s.step * step / 1e9, Count: s.n})
		}
		out = append(out, pattern)
	}
	return out
}
