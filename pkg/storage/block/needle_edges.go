package block

import (
	"slices"
	"sync"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
)

// edges are where static text and slots meet in the templates of a column, each kind
// of meeting about once. They tell of most needles at once that these lie across none, so
// that they are in static text or in one slot, and no template has to be looked at.
type edges struct {
	once sync.Once // guards the making of the fields below
	// tails are the last bytes of static text before a slot, heads the first behind
	// one: up to eight, the one next to the slot lowest, filled up with zeros.
	tails, heads []uint64
	adjacent     bool // some slots have nothing between them

	// What the static text is made of.
	charset charset
	word    int // length of the longest
}

// lacks reports whether a text is not in the static text of any template: it has bytes
// that are not there, or a longer word. An id mostly has.
func (e *edges) lacks(text grep.Text) bool {
	return e.charset.lacksText(text) || len(text.Text) > e.word && longestWord(model.BorrowBytes(text.Text)) > e.word
}

// edgeLen is how many bytes of static text are kept on each side of a slot.
const edgeLen = 8

// edgesOf returns the edges of the templates.
func (t *templateColumn) edgesOf() *edges {
	t.edges.once.Do(t.findEdges)
	return &t.edges
}

func (t *templateColumn) findEdges() {
	e := &t.edges
	e.charset.addText(model.Borrow(t.text))
	e.word = longestWord(t.text)
	var tails, heads recent
	for i := range t.templates {
		tm := &t.templates[i]
		for slot := range tm.refs {
			before, behind := tm.segment(slot), tm.segment(slot+1)
			if len(before) > 0 {
				tail := uint64(0)
				for j := range min(edgeLen, len(before)) {
					tail |= uint64(before[len(before)-1-j]) << (8 * j)
				}
				if tails.isNew(tail) {
					e.tails = append(e.tails, tail)
				}
			}
			if len(behind) > 0 {
				head := uint64(0)
				for j := range min(edgeLen, len(behind)) {
					head |= uint64(behind[j]) << (8 * j)
				}
				if heads.isNew(head) {
					e.heads = append(e.heads, head)
				}
			} else if slot+1 < len(tm.refs) {
				e.adjacent = true
			}
		}
	}
	e.tails, e.heads = slices.Clip(e.tails), slices.Clip(e.heads)
}

// recent remembers most of the edges that were seen: it is no harm to have one twice.
type recent [128]uint64

func (r *recent) isNew(edge uint64) bool {
	at := &r[edge*0x9e3779b97f4a7c15>>57]
	seen := *at
	*at = edge
	return seen != edge
}

// longestWord is the length of the longest run of letters and digits in text.
func longestWord(text []byte) int {
	n, most := 0, 0
	for _, b := range text {
		if classes[b]&isWord == 0 {
			n = 0
			continue
		}
		n++
		most = max(most, n)
	}
	return most
}

// mayCross reports whether needle[start:end] may lie across an edge, with bytes on
// both sides of it. It is sure of what it denies.
func (f *finder) mayCross(e *edges, start, end int) bool {
	if e.adjacent {
		return true
	}
	needle := f.needle[start:end]
	if f.places != nil && start == 0 && end == len(f.needle) {
		return slices.ContainsFunc(e.heads, f.places.beginsHead) || slices.ContainsFunc(e.tails, f.places.endsTail)
	}
	for _, head := range e.heads {
		if !f.bytes[byte(head)] {
			continue
		}
		for k := 1; k < len(needle); k++ {
			if f.fitsHead(head, needle[k:]) {
				return true
			}
		}
	}
	for _, tail := range e.tails {
		if !f.bytes[byte(tail)] {
			continue
		}
		for k := 1; k < len(needle); k++ {
			if f.fitsTail(tail, needle[:k]) {
				return true
			}
		}
	}
	return false
}

// places say where each byte is in a needle of up to 64 bytes: bit k of at[b] is set
// where byte k is b, in either case where that does not matter. All places at which an
// edge may lie in the needle are looked at together.
type places struct {
	at [256]uint64
	n  int
}

// placesOf returns the places of a needle, nil for one that is too long.
func placesOf(needle string, fold bool) *places {
	if len(needle) > 64 || len(needle) == 0 {
		return nil
	}
	p := &places{n: len(needle)}
	for k := range len(needle) {
		b := needle[k]
		p.at[b] |= 1 << k
		if fold && 'a' <= b && b <= 'z' {
			p.at[b-'a'+'A'] |= 1 << k
		}
	}
	return p
}

// beginsHead reports whether the needle, without some bytes in front, may begin where
// head does.
func (p *places) beginsHead(head uint64) bool {
	from := p.at[byte(head)] &^ 1
	for j := 1; from != 0 && head>>8 != 0; j++ {
		head >>= 8
		behind := ^uint64(0) << max(0, p.n-j) // from where the needle ends before byte j
		from &= p.at[byte(head)]>>j | behind
	}
	return from != 0
}

// endsTail reports whether the needle, without some bytes at its end, may end where
// tail does.
func (p *places) endsTail(tail uint64) bool {
	last := p.at[byte(tail)] &^ (1 << (p.n - 1))
	for j := 1; last != 0 && tail>>8 != 0; j++ {
		tail >>= 8
		before := uint64(1)<<j - 1 // where the needle begins behind byte j
		last &= p.at[byte(tail)]<<j | before
	}
	return last != 0
}

// fitsHead reports whether text may begin where head does.
func (f *finder) fitsHead(head uint64, text string) bool {
	for j := 0; j < len(text) && head != 0; j, head = j+1, head>>8 {
		if !same(byte(head), text[j], f.fold) {
			return false
		}
	}
	return true
}

// fitsTail reports whether text may end where tail does.
func (f *finder) fitsTail(tail uint64, text string) bool {
	for j := len(text) - 1; j >= 0 && tail != 0; j, tail = j-1, tail>>8 {
		if !same(byte(tail), text[j], f.fold) {
			return false
		}
	}
	return true
}

// inNoSlot reports whether no slot holds needle[start:end].
func (f *finder) inNoSlot(t *templateColumn, start, end int) (bool, error) {
	for i := range t.columns {
		a, err := f.ask(&t.columns[i], anywhere, start, end)
		if err != nil || !a.none() {
			return false, err
		}
	}
	return true, nil
}
