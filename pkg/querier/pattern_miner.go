package querier

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

const (
	maxPieces   = 512 // words and delimiters of a shape that is looked at
	maxSiblings = 32  // clusters whose delimiters are the same
)

// A miner finds shapes that are of a kind. A shape is cut into words and the
// delimiters between them. Shapes with the same delimiters go together when more than
// half of their words are equal, and those that are not become variables.
//
// What goes together depends on the order of the shapes. A miner belongs to one
// goroutine.
type miner struct {
	clusters map[uint64][]*cluster
	pieces   []piece // of the shape at hand
	key      []byte
}

// A piece is a word or a delimiter.
type piece struct {
	text string
	word bool
}

// A cluster is shapes of a kind.
type cluster struct {
	pieces []piece
	words  int // of its first shape that were no variables
	shapes int
}

func newMiner() *miner { return &miner{clusters: map[uint64][]*cluster{}} }

// add returns the cluster of a shape, given as a pattern, nil if it is too long for one.
func (m *miner) add(pattern string) *cluster {
	if !m.split(pattern) {
		return nil
	}
	c := m.find(m.pieces)
	c.shapes++
	return c
}

// find returns the cluster for pieces, which takes up what differs in them.
func (m *miner) find(pieces []piece) *cluster {
	m.key = m.key[:0]
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
		if !sameDelimiters(c.pieces, pieces) {
			continue // the hashes are equal by chance
		}
		if equal, ok := c.likeness(pieces); best == nil || ok && !alike || ok == alike && equal > bestEqual {
			best, bestEqual, alike = c, equal, ok
		}
	}
	if alike || best != nil && len(siblings) >= maxSiblings {
		best.generalize(pieces)
		return best
	}
	c := &cluster{pieces: slices.Clone(pieces), words: countWords(pieces)}
	m.clusters[hash] = append(siblings, c)
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
// more than half of those that its first shape had. So it never generalizes until
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
	start := 0 // of the word at hand
	end := func(i int) {
		if i > start {
			m.pieces = append(m.pieces, piece{text[start:i], true})
		}
	}
	for i := 0; i < len(text); i++ {
		if !isDelimiter(text, i, i == start) {
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

// text is the pattern of the cluster.
func (c *cluster) text() string {
	var b strings.Builder
	for i := range c.pieces {
		b.WriteString(c.pieces[i].text)
	}
	return b.String()
}
