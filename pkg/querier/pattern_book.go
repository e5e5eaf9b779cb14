package querier

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

const (
	maxShapeText  = 1 << 10 // bytes of a shape that are told apart
	maxShapes     = 1 << 13 // of an answer
	maxShapeWords = 1 << 17 // words in slots of an answer
	maxKnownTexts = 1 << 14 // shapes before they are cut short
	maxKnownBytes = 1 << 24 // of those together
	maxKept       = 8       // slots of a shape that tell patterns apart
)

// shapeDepths are how many words of shapes are told apart: as many as there is room
// for. Shapes that begin alike are one where there are too many. More lines only make
// that happen earlier, so how short shapes get does not depend on their order.
var shapeDepths = [...]int{maxShapeText, 16, 8, 4, 2, 1, 0}

// A shapeBook collects the words in the slots of shapes. It is safe for concurrent use.
type shapeBook struct {
	mu     sync.Mutex // guards the fields below
	depth  int        // in shapeDepths
	shapes map[string]*bookShape
	words  int // of all slots
	// texts are the shapes as blocks know them, so many as there is room for.
	texts     map[string]struct{}
	textBytes int
	mask      map[string]uint32 // by text: slots of which no more words are wanted
	stale     int               // changes since mask was made
}

// A bookShape is the words that were seen in the slots of a shape.
type bookShape struct{ slots []bookSlot }

// A bookSlot has many words, or some.
type bookSlot struct {
	many  bool
	words []string
}

// weight is how much a slot counts for the limit: never less for more words.
func (s *bookSlot) weight() int {
	if s.many {
		return scan.MaxShapeWords + 1
	}
	return len(s.words)
}

func (s *bookSlot) add(word string) {
	switch {
	case s.many || slices.Contains(s.words, word):
	case len(s.words) == scan.MaxShapeWords:
		s.many, s.words = true, nil
	default:
		s.words = append(s.words, strings.Clone(word))
	}
}

func (s *bookSlot) merge(o *bookSlot) {
	if o.many {
		s.many, s.words = true, nil
		return
	}
	for _, w := range o.words {
		s.add(w)
	}
}

func newShapeBook() *shapeBook {
	return &shapeBook{shapes: map[string]*bookShape{}, texts: map[string]struct{}{}, mask: map[string]uint32{}}
}

// limitMark is behind a shape that was cut because it is too long or has too many
// slots. No other shape has two slots side by side, so that shapes of the same text
// have the same slots, and one that is cut twice is as if cut once.
const limitMark = "\x00\x00"

// cutShape shortens the text of a shape to the words of a depth. What is behind is one
// more slot, which tells nothing. It returns the number of slots before that.
func cutShape(text string, depth int) (short string, slots int) {
	base, limited := limitShape(text)
	words, inWord := 0, false
	for i := range len(base) {
		isWord := inShapeWord(base[i])
		if isWord && !inWord {
			if words++; words > shapeDepths[depth] {
				return base[:i] + "\x00", strings.Count(base[:i], "\x00")
			}
		}
		inWord = isWord
	}
	slots = strings.Count(base, "\x00")
	if limited {
		return base + limitMark, slots
	}
	return base, slots
}

// limitShape cuts what is too much of a shape, whatever the depth, or was cut before:
// there or where the word begins in which that is.
func limitShape(text string) (base string, limited bool) {
	if base, limited = strings.CutSuffix(text, limitMark); limited {
		return base, true
	}
	if len(text) <= maxShapeText && strings.Count(text, "\x00") <= scan.MaxShapeSlots {
		return text, false
	}
	slots, start := 0, 0
	for i := range len(text) {
		isWord := inShapeWord(text[i])
		if !isWord {
			start = i + 1
		}
		if i >= maxShapeText || text[i] == 0 && slots == scan.MaxShapeSlots {
			if !isWord {
				start = i
			}
			return text[:start], true
		}
		if text[i] == 0 {
			slots++
		}
	}
	return text, false
}

func inShapeWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 || c == 0 || c == '_'
}

// shape returns the shape of a text, shortened if need be.
func (b *shapeBook) shapeLocked(text string) *bookShape {
	if _, ok := b.texts[text]; !ok && len(b.texts) < maxKnownTexts && b.textBytes+len(text) <= maxKnownBytes {
		b.texts[strings.Clone(text)] = struct{}{}
		b.textBytes += len(text)
		b.stale++
	}
	short, slots := cutShape(text, b.depth)
	s := b.shapes[short]
	if s == nil {
		s = &bookShape{slots: make([]bookSlot, slots)}
		b.shapes[strings.Clone(short)] = s
	}
	return s
}

// addList adds what a batch tells.
func (b *shapeBook) addList(list *scan.ShapeList) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range list.Shapes {
		from := &list.Shapes[i]
		to := b.shapeLocked(from.Text)
		for n := range min(len(to.slots), len(from.Slots)) {
			b.addSlotLocked(&to.slots[n], &bookSlot{from.Slots[n].Many, from.Slots[n].Words})
		}
		b.boundLocked()
	}
}

// addAll adds what lines have.
func (b *shapeBook) addAll(shapes map[string]*bookShape) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for text, from := range shapes {
		to := b.shapeLocked(text)
		for n := range min(len(to.slots), len(from.slots)) {
			b.addSlotLocked(&to.slots[n], &from.slots[n])
		}
		b.boundLocked()
	}
}

func (b *shapeBook) addSlotLocked(to, from *bookSlot) {
	before, many := to.weight(), to.many
	to.merge(from)
	b.words += to.weight() - before
	if to.many && !many {
		b.stale++
	}
}

// boundLocked shortens shapes until there are few enough.
func (b *shapeBook) boundLocked() {
	for (len(b.shapes) > maxShapes || b.words > maxShapeWords) && b.depth+1 < len(shapeDepths) {
		b.depth++
		old := b.shapes
		b.shapes, b.words = map[string]*bookShape{}, 0
		for text, from := range old {
			short, slots := cutShape(text, b.depth)
			to := b.shapes[short]
			if to == nil {
				to = &bookShape{slots: make([]bookSlot, slots)}
				b.shapes[short] = to
			}
			for n := range to.slots {
				b.addSlotLocked(&to.slots[n], &from.slots[n])
			}
		}
		b.stale += len(b.texts)
	}
}

// closed says of which slots no more words are wanted. It must not be changed.
func (b *shapeBook) closed() map[string]uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if 8*b.stale <= len(b.mask) {
		return b.mask
	}
	b.mask, b.stale = make(map[string]uint32, len(b.texts)), 0
	for text := range b.texts {
		short, slots := cutShape(text, b.depth)
		closed := ^uint32(0) << slots
		for n, s := range b.shapes[short].slots {
			if s.many {
				closed |= 1 << n
			}
		}
		b.mask[text] = closed
	}
	return b.mask
}

// A shapePlan says how lines are counted: it is what was learned of all of them.
type shapePlan struct {
	step   int64
	depth  int
	shapes map[string]*planShape
	closed map[string]uint32 // by text, as blocks know them: the slots that do not matter

	samples atomic.Int64 // that were counted
}

// A planShape is a shape whose lines are counted.
type planShape struct {
	text  string
	fixed []string // by slot: the word that all lines have, or a zero byte
	// kept are the slots that tell patterns apart, those with the fewest words first.
	kept  []int
	words [][]string // of each of them, sorted
}

func (b *shapeBook) plan(step int64) *shapePlan {
	p := &shapePlan{step: step, depth: b.depth, shapes: make(map[string]*planShape, len(b.shapes)), closed: make(map[string]uint32, len(b.texts))}
	for text, s := range b.shapes {
		ps := &planShape{text: text, fixed: make([]string, len(s.slots))}
		if base, limited := strings.CutSuffix(text, limitMark); limited {
			ps.text = base + "\x00"
		}
		for n := range s.slots {
			ps.fixed[n] = "\x00"
			switch words := s.slots[n].words; {
			case len(words) == 1:
				ps.fixed[n] = words[0]
			case len(words) > 1:
				slices.Sort(words)
				ps.kept = append(ps.kept, n)
			}
		}
		slices.SortStableFunc(ps.kept, func(i, j int) int { return cmp.Compare(len(s.slots[i].words), len(s.slots[j].words)) })
		ps.kept = ps.kept[:min(len(ps.kept), maxKept)]
		for _, n := range ps.kept {
			ps.words = append(ps.words, s.slots[n].words)
		}
		p.shapes[text] = ps
	}
	for text := range b.texts {
		short, _ := cutShape(text, p.depth)
		open := uint32(0)
		for _, n := range p.shapes[short].kept {
			open |= 1 << n
		}
		p.closed[text] = ^open
	}
	return p
}

// maxSheet is how many shapes of lines are collected before they go to the book.
const maxSheet = 1 << 10

// A shapeReader is a visitor that fills a book.
type shapeReader struct {
	book   *shapeBook
	last   *scan.ShapeList
	sheet  map[string]*bookShape // of lines
	shaper block.Shaper
	word   []byte
}

// Visit implements [engine.Visitor]. Copies of rows that are left out have no words
// that the rows have not got which stay, so a batch is taken as a whole.
func (r *shapeReader) Visit(_ context.Context, rows engine.Rows) error {
	b := rows.Batch()
	if b.Shapes != nil && b.Shapes != r.last {
		r.last = b.Shapes
		r.book.addList(b.Shapes)
	}
	start, end := rows.Bounds()
	for row := start; row < end; row++ {
		if (b.Shapes == nil || b.Shapes.Of[row] == 0) && rows.Counts(row) {
			r.addLine(b.Lines[row])
		}
	}
	return nil
}

func (r *shapeReader) addLine(line string) {
	text := r.shaper.Take(line)
	s := r.sheet[model.Borrow(text)]
	if s == nil {
		if len(r.sheet) == maxSheet {
			r.flush()
		}
		if r.sheet == nil {
			r.sheet = map[string]*bookShape{}
		}
		s = &bookShape{slots: make([]bookSlot, min(r.shaper.Slots(), scan.MaxShapeSlots))}
		r.sheet[string(text)] = s
	}
	for n := range s.slots {
		if s.slots[n].many {
			continue
		}
		r.word = r.shaper.AppendWord(r.word[:0], line, n)
		s.slots[n].add(model.Borrow(r.word))
	}
}

// flush gives the book what was collected of lines.
func (r *shapeReader) flush() {
	if len(r.sheet) > 0 {
		r.book.addAll(r.sheet)
		clear(r.sheet)
	}
}
