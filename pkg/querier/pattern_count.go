package querier

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/fields"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

const (
	maxTuples   = 64      // combinations of words of a shape
	maxSamples  = 1 << 22 // counts of all patterns in all steps
	wordBits    = 4       // of a word's number in a tuple: there are scan.MaxShapeWords
	recentLists = 16      // batches whose shapes are remembered: pieces of several take turns
)

// A tuple is the words of the slots that are kept, by their numbers: the first slot is
// in the lowest bits.
type tuple uint32

// first is the tuple of the first n slots.
func (t tuple) first(n int) tuple { return t & (1<<(wordBits*n) - 1) }

// A shapeCounter counts the lines of shapes, by level, by words and by step. It is a
// visitor.
type shapeCounter struct {
	plan    *shapePlan
	shapes  map[*planShape]*shapeCount
	levels  []string
	level   map[string]uint32 // number in levels
	samples *atomic.Int64     // of all counters of a plan
	unknown int               // lines that the plan does not know

	recent []*listView
	shaper block.Shaper
	word   []byte
}

// A shapeCount is what was counted of a shape.
type shapeCount struct {
	*planShape
	// used is how many of the kept slots tell lines apart: as many as make no more
	// than maxTuples tuples. It only gets less.
	used   int
	tuples map[tuple]struct{}
	cells  map[cellKey]*cell
}

// A cellKey is what lines have in common that are counted together.
type cellKey struct {
	level uint32
	words tuple
}

// A cell is how many lines there are in each step.
type cell struct {
	total   int64
	samples []sample // by step, but for those behind sorted
	sorted  int
}

type sample struct{ step, n int64 }

// add adds lines of a step, and returns by how much the samples are more.
func (c *cell) add(step, n int64) int {
	c.total += n
	if last := len(c.samples) - 1; last >= 0 && c.samples[last].step == step {
		c.samples[last].n += n
		return 0
	}
	before := len(c.samples)
	if before > 2*c.sorted+64 {
		c.settle()
	}
	c.samples = append(c.samples, sample{step, n})
	return len(c.samples) - before
}

// settle sorts the samples and adds up those of the same step.
func (c *cell) settle() {
	slices.SortFunc(c.samples, func(a, b sample) int { return cmp.Compare(a.step, b.step) })
	out := c.samples[:0]
	for _, s := range c.samples {
		if last := len(out) - 1; last >= 0 && out[last].step == s.step {
			out[last].n += s.n
		} else {
			out = append(out, s)
		}
	}
	c.samples, c.sorted = out, len(out)
}

func newShapeCounter(p *shapePlan) *shapeCounter {
	return &shapeCounter{plan: p, shapes: map[*planShape]*shapeCount{}, level: map[string]uint32{}, samples: &p.samples}
}

// errPatternSamples is told where even the counts are too many to keep.
func errPatternSamples() error {
	return &engine.LimitError{Limit: "max_memory", Text: fmt.Sprintf(
		"the patterns have more than %d counts; consider a larger step, a shorter time range or more specific stream selectors", maxSamples)}
}

// count returns what is counted of a shape.
func (c *shapeCounter) count(text string) *shapeCount {
	short, _ := cutShape(text, c.plan.depth)
	s := c.plan.shapes[short]
	if s == nil {
		return nil
	}
	n := c.shapes[s]
	if n == nil {
		n = &shapeCount{planShape: s, used: len(s.kept), tuples: map[tuple]struct{}{}, cells: map[cellKey]*cell{}}
		c.shapes[s] = n
	}
	return n
}

// cell returns what lines with these words count for.
func (s *shapeCount) cell(level uint32, words tuple) *cell {
	words = words.first(s.used)
	key := cellKey{level, words}
	if found := s.cells[key]; found != nil {
		return found
	}
	s.tuples[words] = struct{}{}
	for len(s.tuples) > maxTuples {
		s.shorten(s.used - 1)
	}
	key.words = words.first(s.used)
	found := s.cells[key]
	if found == nil {
		found = &cell{}
		s.cells[key] = found
	}
	return found
}

// shorten leaves a number of slots that tell lines apart.
func (s *shapeCount) shorten(used int) {
	old := s.cells
	s.used, s.tuples, s.cells = used, map[tuple]struct{}{}, map[cellKey]*cell{}
	for key, from := range old {
		key.words = key.words.first(used)
		s.tuples[key.words] = struct{}{}
		if to := s.cells[key]; to != nil {
			to.take(from)
		} else {
			s.cells[key] = from
		}
	}
}

// take adds what another cell has counted.
func (c *cell) take(o *cell) int {
	before := len(c.samples)
	c.total += o.total
	c.samples = append(c.samples, o.samples...)
	c.settle()
	return len(c.samples) - before
}

// merge adds what another counter of the same plan has counted.
func (c *shapeCounter) merge(o *shapeCounter) {
	c.unknown += o.unknown
	for shape, from := range o.shapes {
		to := c.shapes[shape]
		if to == nil {
			to = &shapeCount{planShape: shape, used: from.used, tuples: map[tuple]struct{}{}, cells: map[cellKey]*cell{}}
			c.shapes[shape] = to
		}
		if from.used < to.used {
			to.shorten(from.used)
		}
		for key, n := range from.cells {
			to.cell(c.numberOf(o.levels[key.level]), key.words).take(n)
		}
	}
}

// numberOf is the number of a level.
func (c *shapeCounter) numberOf(text string) uint32 {
	n, ok := c.level[text]
	if !ok {
		n = uint32(len(c.levels))
		c.levels = append(c.levels, text)
		c.level[text] = n
	}
	return n
}

// A listView is what the shapes of a batch are called here.
type listView struct {
	list   *scan.ShapeList
	shapes []shapeView
}

// A shapeView is a shape of a batch; count is nil until it is needed.
type shapeView struct {
	count *shapeCount
	codes [][]uint8 // of each of the kept slots; nil where all have number 0
	to    [][]uint8 // by code: the number of the word
}

// view returns the view of the shapes of a batch.
func (c *shapeCounter) view(list *scan.ShapeList) *listView {
	for _, v := range c.recent {
		if v.list == list {
			return v
		}
	}
	v := &listView{list: list, shapes: make([]shapeView, len(list.Shapes))}
	if len(c.recent) == recentLists {
		c.recent = c.recent[1:]
	}
	c.recent = append(c.recent, v)
	return v
}

// fill finds the words of a shape of a batch. It reports false for those that the plan
// does not know.
func (v *shapeView) fill(c *shapeCounter, s *scan.Shape) bool {
	count := c.count(s.Text)
	if count == nil {
		return false
	}
	v.codes, v.to = nil, nil
	for i, n := range count.kept {
		from := &s.Slots[n]
		to := make([]uint8, len(from.Words))
		for code, word := range from.Words {
			number, ok := slices.BinarySearch(count.words[i], word)
			if !ok {
				return false
			}
			to[code] = uint8(number)
		}
		if len(to) == 0 {
			return false
		}
		v.codes, v.to = append(v.codes, from.Codes), append(v.to, to)
	}
	v.count = count
	return true
}

// tuple is the words of a row of the shape.
func (v *shapeView) tuple(nth uint32) tuple {
	words := tuple(0)
	for i := range v.count.used {
		code := uint8(0)
		if v.codes[i] != nil {
			code = v.codes[i][nth]
		}
		words |= tuple(v.to[i][code]) << (wordBits * i)
	}
	return words
}

// Visit implements [engine.Visitor].
func (c *shapeCounter) Visit(_ context.Context, rows engine.Rows) error {
	b := rows.Batch()
	var view *listView
	if b.Shapes != nil {
		view = c.view(b.Shapes)
	}
	levels := c.levelsOf(b)
	start, end := rows.Bounds()
	step, until := int64(0), int64(0) // of the step at hand, until excluded
	added := 0
	for row := start; row < end; row++ {
		if !rows.Counts(row) {
			continue
		}
		if ts := b.Timestamps[row]; until == 0 || ts >= until || ts < until-c.plan.step {
			step = floorDiv(ts, c.plan.step)
			until = (step + 1) * c.plan.step
		}
		var count *shapeCount
		words := tuple(0)
		if view != nil && b.Shapes.Of[row] > 0 {
			of := b.Shapes.Of[row] - 1
			s := &view.shapes[of]
			if s.count == nil && !s.fill(c, &b.Shapes.Shapes[of]) {
				c.unknown++
				continue
			}
			count, words = s.count, s.tuple(b.Shapes.Nth[row])
		} else if count, words = c.line(b.Lines[row]); count == nil {
			c.unknown++
			continue
		}
		added += count.cell(levels.of(c, row), words).add(step, 1)
	}
	if c.samples.Add(int64(added)) > maxSamples {
		return errPatternSamples()
	}
	return nil
}

// line takes a line apart.
func (c *shapeCounter) line(line string) (*shapeCount, tuple) {
	n := c.count(model.Borrow(c.shaper.Take(line)))
	if n == nil {
		return nil, 0
	}
	words := tuple(0)
	for i := range n.used {
		c.word = c.shaper.AppendWord(c.word[:0], line, n.kept[i])
		number, ok := slices.BinarySearch(n.words[i], model.Borrow(c.word))
		if !ok {
			return nil, 0
		}
		words |= tuple(number) << (wordBits * i)
	}
	return n, words
}

// A batchLevels tells the levels of the rows of a batch.
type batchLevels struct {
	batch  *scan.Batch
	codes  []uint32
	number []uint32 // by code
}

func (c *shapeCounter) levelsOf(b *scan.Batch) batchLevels {
	out := batchLevels{batch: b}
	if b.Answer != nil && len(b.Answer.Vectors) == 1 && len(b.Answer.Vectors[0].Codes) > 0 {
		v := &b.Answer.Vectors[0]
		out.codes = v.Codes
		for _, text := range v.Values {
			out.number = append(out.number, c.numberOf(levelOf(text)))
		}
	}
	return out
}

// of is the number of the level of a row.
func (l *batchLevels) of(c *shapeCounter, row int) uint32 {
	if l.codes != nil && (l.batch.Answer.Unsure == nil || !l.batch.Answer.Unsure.Get(row)) {
		return l.number[l.codes[row]]
	}
	text := ""
	if l.batch.Metadata != nil {
		for _, m := range l.batch.Metadata[row] {
			if m.Name == fields.DetectedLevel {
				text = m.Value
				break
			}
		}
	}
	return c.numberOf(levelOf(text))
}
