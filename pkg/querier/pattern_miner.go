package querier

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// variable is what a pattern has in place of what differs between lines.
const variable = "<_>"

const (
	maxPatternLine = 3000 // bytes of a line that is looked at
	maxPieces      = 512  // words and delimiters of a line that is looked at
	maxClusters    = 4096 // of a miner
	maxSiblings    = 32   // clusters whose delimiters are the same

	minPatternCount = 30  // lines that make a pattern
	maxPatterns     = 300 // of an answer
)

// A miner finds the patterns of lines. A line is cut into words and the
// delimiters between them; words with a digit are variables from the start.
// Lines with the same delimiters go together when more than half of their other
// words are equal, and those that are not become variables too.
//
// Text may have <_> where something was taken out already: a template of a
// block is added like a line, as often as its rows are. A miner belongs to one
// goroutine.
type miner struct {
	step     int64 // nanoseconds
	clusters map[uint64][]*cluster
	count    int
	pieces   []piece // of the line at hand
	key      []byte
}

// A piece is a word or a delimiter.
type piece struct {
	text string
	word bool
}

// A cluster is lines of one level that share a pattern.
type cluster struct {
	level  string
	pieces []piece
	words  int // of its first line that were no variables
	total  int64
	steps  map[int64]int64 // lines by number of the step
}

func newMiner(step int64) *miner { return &miner{step: step, clusters: map[uint64][]*cluster{}} }

// add counts n lines of a level, all with this text, at a time. Neither string
// is kept.
func (m *miner) add(level, text string, ts, n int64) {
	if len(text) > maxPatternLine || !m.split(text) {
		return
	}
	if c := m.find(level, m.pieces); c != nil {
		c.total += n
		c.steps[floorDiv(ts, m.step)] += n
	}
}

// merge takes over what another miner found.
func (m *miner) merge(o *miner) {
	for _, list := range o.clusters {
		for _, from := range list {
			c := m.find(from.level, from.pieces)
			if c == nil {
				continue
			}
			c.total += from.total
			for step, n := range from.steps {
				c.steps[step] += n
			}
		}
	}
}

// find returns the cluster for pieces, which takes up what differs in them. It
// is nil when there are too many clusters.
func (m *miner) find(level string, pieces []piece) *cluster {
	m.key = append(append(m.key[:0], level...), 0)
	for i := range pieces {
		if pieces[i].word {
			m.key = append(m.key, 0)
		} else {
			m.key = append(m.key, pieces[i].text...)
		}
	}
	hash := xxhash.Sum64(m.key)
	siblings := m.clusters[hash]
	var best *cluster
	bestEqual, alike := 0, false
	for _, c := range siblings {
		if c.level != level || !sameDelimiters(c.pieces, pieces) {
			continue // the hashes are equal by chance
		}
		if equal, ok := c.likeness(pieces); best == nil || ok && !alike || ok == alike && equal > bestEqual {
			best, bestEqual, alike = c, equal, ok
		}
	}
	full := m.count >= maxClusters || len(siblings) >= maxSiblings
	switch {
	case alike || full && best != nil:
		best.generalize(pieces)
		return best
	case full:
		return nil
	}
	c := &cluster{level: strings.Clone(level), pieces: slices.Clone(pieces), words: countWords(pieces), steps: map[int64]int64{}}
	for i := range c.pieces {
		c.pieces[i].text = strings.Clone(c.pieces[i].text)
	}
	m.clusters[hash] = append(siblings, c)
	m.count++
	return c
}

func sameDelimiters(a, b []piece) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].word != b[i].word || !a[i].word && a[i].text != b[i].text {
			return false
		}
	}
	return true
}

// countWords counts the words that are no variables.
func countWords(pieces []piece) int {
	n := 0
	for i := range pieces {
		if pieces[i].word && pieces[i].text != variable {
			n++
		}
	}
	return n
}

// likeness is how many words are the cluster's, and whether that is enough:
// more than half of those that its first line had. So it never generalizes until
// nothing is left.
func (c *cluster) likeness(pieces []piece) (equal int, alike bool) {
	if c.words == 0 {
		return 0, countWords(pieces) == 0
	}
	for i := range pieces {
		if pieces[i].word && pieces[i].text != variable && c.pieces[i].text == pieces[i].text {
			equal++
		}
	}
	return equal, 2*equal > c.words
}

// generalize makes variables of the words that differ.
func (c *cluster) generalize(pieces []piece) {
	for i := range pieces {
		if pieces[i].word && c.pieces[i].text != pieces[i].text {
			c.pieces[i].text = variable
		}
	}
}

// split cuts text into pieces; it reports false when there are too many.
func (m *miner) split(text string) bool {
	m.pieces = m.pieces[:0]
	start, digit := 0, false // of the word at hand
	end := func(i int) {
		if i > start {
			word := text[start:i]
			if digit {
				word = variable
			}
			m.pieces = append(m.pieces, piece{word, true})
		}
		digit = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !isDelimiter(text, i, i == start) {
			digit = digit || '0' <= c && c <= '9'
			continue
		}
		end(i)
		start = i + 1
		if n := len(m.pieces); n > 0 && !m.pieces[n-1].word {
			// Delimiters side by side are one piece.
			last := &m.pieces[n-1]
			last.text = text[i-len(last.text) : start]
		} else {
			m.pieces = append(m.pieces, piece{text[i:start], false})
		}
		if len(m.pieces) >= maxPieces {
			return false
		}
	}
	end(len(text))
	return true
}

// isDelimiter reports whether the byte at i stands between words. A colon does
// before a space and where a word would begin, but not within a time.
func isDelimiter(text string, i int, begins bool) bool {
	switch c := text[i]; c {
	case '=', ',', ';', '"', '\'', '(', ')', '[', ']', '{', '}', '|':
		return true
	case ':':
		return begins || i+1 == len(text) || text[i+1] <= ' '
	default:
		return c <= ' '
	}
}

// text is the pattern.
func (c *cluster) text() string {
	var b strings.Builder
	for i := range c.pieces {
		b.WriteString(c.pieces[i].text)
	}
	return b.String()
}

// patterns returns what enough lines have in common, the most frequent first.
func (m *miner) patterns() []loghttp.Pattern {
	// What was learned late may have made two clusters the same.
	type name struct{ level, text string }
	byName := map[name]*cluster{}
	for _, list := range m.clusters {
		for _, c := range list {
			key := name{c.level, c.text()}
			same := byName[key]
			if same == nil {
				byName[key] = c
				continue
			}
			same.total += c.total
			for step, n := range c.steps {
				same.steps[step] += n
			}
		}
	}
	type found struct {
		name
		*cluster
	}
	var list []found
	for key, c := range byName {
		if c.total >= minPatternCount {
			list = append(list, found{key, c})
		}
	}
	slices.SortFunc(list, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.total, a.total), strings.Compare(a.name.text, b.name.text), strings.Compare(a.name.level, b.name.level))
	})
	out := make([]loghttp.Pattern, 0, min(len(list), maxPatterns))
	for _, f := range list[:min(len(list), maxPatterns)] {
		p := loghttp.Pattern{Pattern: f.name.text, Level: f.name.level}
		for _, step := range slices.Sorted(maps.Keys(f.steps)) {
			p.Samples = append(p.Samples, loghttp.PatternSample{Seconds: step * m.step / 1e9, Count: f.steps[step]})
		}
		out = append(out, p)
	}
	return out
}
