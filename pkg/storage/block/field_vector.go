package block

import (
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// noCode stands for a value that is unsure.
const noCode = ^uint32(0)

// A fieldVector is one field of all rows of the block, or of none yet.
type fieldVector struct {
	codes   []uint32 // of a text
	values  []string
	numbers []float64
	absent  *scan.Bitset
}

// vector makes the vector of one field, and notes the rows that it is unsure of.
func (a *fieldAsker) vector(w *scan.VectorWant) (*fieldVector, error) {
	switch w.Field {
	case scan.NoField:
		return &fieldVector{}, nil
	case scan.AllMetadata:
		return a.metadataVector()
	}
	f := &a.fields[w.Field]
	if f.errors {
		return a.errorVector(), nil
	}
	if w.As == scan.Text {
		return a.textVector(f)
	}
	return a.numberVector(f, w.As)
}

// errorVector is the error of the parser. Rows that have one are unsure in the end.
func (a *fieldAsker) errorVector() *fieldVector {
	out := &fieldVector{codes: make([]uint32, a.d.rows), values: []string{"", extract.ErrJSON}}
	for row := range out.codes {
		if a.failed != nil && a.failed.Get(row) {
			out.codes[row] = 1
		}
	}
	return out
}

func (a *fieldAsker) textVector(f *field) (*fieldVector, error) {
	c := &coder{values: []string{""}}
	of := make([][]uint32, len(f.origins))
	all := make([]uint32, len(f.origins))
	for i, used := range f.used() {
		if !used {
			continue
		}
		var err error
		if all[i], of[i], err = a.codes(c, &f.origins[i]); err != nil {
			return nil, err
		}
	}
	if err := a.place(f); err != nil {
		return nil, err
	}
	out := &fieldVector{values: c.values}
	if f.rowOrigin == nil {
		o := f.ofTemplate[0].origin
		if of[o] != nil {
			out.codes = of[o]
		} else {
			out.codes = make([]uint32, a.d.rows)
			for row := range out.codes {
				out.codes[row] = all[o]
			}
		}
	} else {
		out.codes = make([]uint32, a.d.rows)
		for row, o := range f.rowOrigin {
			if of[o] != nil {
				out.codes[row] = of[o][f.rowValue[row]]
			} else {
				out.codes[row] = all[o]
			}
		}
	}
	if c.unsure {
		for row, code := range out.codes {
			if code == noCode {
				out.codes[row] = 0
				a.doubt().Set(row)
			}
		}
	}
	return out, nil
}

// A coder numbers texts.
type coder struct {
	values  []string
	known   map[string]uint32
	unsure  bool
	scratch []byte
}

// plainOrigin is one whose texts are those of its field.
var plainOrigin = &fieldOrigin{}

// text is the number of a value of an origin of some form.
func (c *coder) text(text string, o *fieldOrigin) uint32 {
	text, what := o.read(text, &c.scratch)
	switch {
	case what == isUnsure:
		c.unsure = true
		return noCode
	case what == isAbsent || text == "":
		return 0
	}
	if n, ok := c.known[text]; ok {
		return n
	}
	if c.known == nil {
		c.known = make(map[string]uint32)
	}
	text = strings.Clone(text)
	n := uint32(len(c.values))
	c.values = append(c.values, text)
	c.known[text] = n
	return n
}

// codes returns the number of each value of an origin, or the one that all have.
func (a *fieldAsker) codes(c *coder, o *fieldOrigin) (all uint32, of []uint32, err error) {
	switch {
	case o.kind == placeNone:
		return 0, nil, nil
	case o.kind == placeText:
		return c.text(o.text, plainOrigin), nil, nil
	case o.kind == placeRows:
	case o.column.kind == columnConst:
		return c.text(o.column.constant, o), nil, nil
	case o.column.kind == columnInt && (o.plain() || o.frame != frame{}):
		of, err = a.intCodes(c, o)
		return 0, of, err
	}
	r, err := a.open(o)
	if err != nil {
		return 0, nil, err
	}
	of = make([]uint32, r.n)
	if r.values == nil {
		return 0, of, r.each(func(i int, text string) error {
			of[i] = c.text(text, o)
			return nil
		})
	}
	distinct := make([]uint32, len(r.values))
	for i, text := range r.values {
		distinct[i] = c.text(text, o)
	}
	for i := range of {
		of[i] = distinct[r.id(i)]
	}
	return 0, of, nil
}

// fewInts is the range within which ints are numbered by a table.
const fewInts = 1 << 12

// intCodes numbers the values of an origin that is a column of ints.
func (a *fieldAsker) intCodes(c *coder, o *fieldOrigin) ([]uint32, error) {
	col := o.column
	v, err := a.values(col)
	if err != nil {
		return nil, err
	}
	of := make([]uint32, col.n)
	var buf []byte
	add := func(x int64) uint32 {
		buf = appendInt(buf[:0], x)
		return c.text(model.Borrow(buf), o)
	}
	if uint64(col.hi)-uint64(col.lo) < fewInts {
		table := make([]uint32, col.hi-col.lo+1)
		return of, v.eachInt(func(i int, x int64) error {
			if x < col.lo || x > col.hi {
				return damagedf("%d in a column from %d to %d", x, col.lo, col.hi)
			}
			if table[x-col.lo] == 0 {
				table[x-col.lo] = add(x)
			}
			of[i] = table[x-col.lo]
			return nil
		})
	}
	known := make(map[int64]uint32)
	return of, v.eachInt(func(i int, x int64) error {
		code, ok := known[x]
		if !ok {
			code = add(x)
			known[x] = code
		}
		of[i] = code
		return nil
	})
}

func (a *fieldAsker) numberVector(f *field, as scan.PredicateOp) (*fieldVector, error) {
	of := make([]*numbers, len(f.origins))
	for i, used := range f.used() {
		if !used {
			continue
		}
		var err error
		switch o := &f.origins[i]; o.kind {
		case placeNone:
			of[i] = &numbers{values: []float64{0}, state: []uint8{isAbsent}}
		case placeText:
			of[i] = numberOf(o.text, as)
		default:
			if of[i], err = a.numbersOf(o, as); err != nil {
				return nil, err
			}
		}
	}
	if err := a.place(f); err != nil {
		return nil, err
	}
	out := &fieldVector{}
	mark := func(row int, state uint8) {
		switch state {
		case isAbsent:
			if out.absent == nil {
				out.absent = scan.NewBitset(a.d.rows, false)
			}
			out.absent.Set(row)
		case isUnsure:
			a.doubt().Set(row)
		}
	}
	if o := f.ofTemplate[0].origin; f.rowOrigin == nil && f.origins[o].kind >= placeSlot {
		out.numbers = of[o].values
		for row, state := range of[o].state {
			mark(row, state)
		}
		return out, nil
	}
	out.numbers = make([]float64, a.d.rows)
	for row := range out.numbers {
		o, i := f.at(row)
		if f.origins[o].kind < placeSlot {
			i = 0
		}
		out.numbers[row] = of[o].values[i]
		if of[o].state != nil {
			mark(row, of[o].state[i])
		}
	}
	return out, nil
}

// numberOf converts one text.
func numberOf(text string, as scan.PredicateOp) *numbers {
	n := &numbers{values: []float64{0}}
	if text == "" {
		n.set(0, 0, isAbsent)
		return n
	}
	v, err := as.Convert(text)
	if err != nil {
		n.set(0, 0, isUnsure)
		return n
	}
	n.set(0, v, isText)
	return n
}

// pick returns the rows of the spans.
func (v *fieldVector) pick(spans []span, rows int) scan.Vector {
	out := scan.Vector{Values: v.values}
	if len(spans) == 1 {
		s := spans[0]
		if v.codes != nil {
			out.Codes = v.codes[s.start:s.end]
		}
		if v.numbers != nil {
			out.Numbers = v.numbers[s.start:s.end]
		}
	} else {
		if v.codes != nil {
			out.Codes = make([]uint32, 0, rows)
		}
		if v.numbers != nil {
			out.Numbers = make([]float64, 0, rows)
		}
		for _, s := range spans {
			if v.codes != nil {
				out.Codes = append(out.Codes, v.codes[s.start:s.end]...)
			}
			if v.numbers != nil {
				out.Numbers = append(out.Numbers, v.numbers[s.start:s.end]...)
			}
		}
	}
	out.Absent = pickRows(v.absent, spans, rows)
	return out
}

// pickRows returns the rows of the spans that are in a set of rows of the block, nil
// when none is.
func pickRows(set *scan.Bitset, spans []span, rows int) *scan.Bitset {
	if set == nil {
		return nil
	}
	var out *scan.Bitset
	base := 0
	for _, s := range spans {
		for row := set.Next(s.start); row < s.end; row = set.Next(row + 1) {
			if out == nil {
				out = scan.NewBitset(rows, false)
			}
			out.Set(base + row - s.start)
		}
		base += s.end - s.start
	}
	return out
}
