package block

import (
	"math"
	"time"

	"github.com/skaldlogs/skald/pkg/scan"
)

// numbers are what the values of an origin mean.
type numbers struct {
	values []float64
	state  []uint8 // isText where there is a number, isAbsent or isUnsure; nil when all are
}

// set notes the outcome of converting a text.
func (n *numbers) set(i int, v float64, state uint8) {
	if state != isText {
		if n.state == nil {
			n.state = make([]uint8, len(n.values))
		}
		n.state[i] = state
		return
	}
	n.values[i] = v
}

// numbersOf converts the values of an origin that is a slot.
func (a *fieldAsker) numbersOf(o *fieldOrigin, as scan.PredicateOp) (*numbers, error) {
	if o.kind == placeSlot && !o.meta && o.plain() {
		if n, ok, err := a.packedNumbers(o, as); ok || err != nil {
			return n, err
		}
	}
	r, err := a.open(o)
	if err != nil {
		return nil, err
	}
	n := &numbers{values: make([]float64, r.n)}
	var scratch []byte
	number := func(text string) (float64, uint8) {
		text, what := o.read(text, &scratch)
		switch {
		case what != isText:
			return 0, what
		case text == "":
			return 0, isAbsent
		}
		v, err := as.Convert(text)
		if err != nil {
			return 0, isUnsure
		}
		return v, isText
	}
	if r.values == nil {
		return n, r.each(func(i int, text string) error {
			v, state := number(text)
			n.set(i, v, state)
			return nil
		})
	}
	values, states := make([]float64, len(r.values)), make([]uint8, len(r.values))
	for i, text := range r.values {
		values[i], states[i] = number(text)
	}
	if r.none {
		states[0] = isAbsent
	}
	for i := range r.n {
		id := r.id(i)
		n.set(i, values[id], states[id])
	}
	return n, nil
}

// packedNumbers converts the values of columns that are numbers, and of durations
// that are numbers with a unit. Ok is false for others.
func (a *fieldAsker) packedNumbers(o *fieldOrigin, as scan.PredicateOp) (_ *numbers, ok bool, err error) {
	c := o.column
	switch {
	case as == scan.Duration && c.kind == columnTemplates:
		return a.durations(c)
	case as != scan.Number:
		return nil, false, nil
	}
	switch c.kind {
	case columnInt, columnPad, columnDecimal:
	default:
		return nil, false, nil
	}
	p, err := a.packed(c)
	if err != nil {
		return nil, false, err
	}
	n := &numbers{values: make([]float64, c.n)}
	for i, m := range p.mantissas {
		if p.scales == nil || p.scales[i] == 0 {
			n.values[i] = float64(m)
			continue
		}
		// Both are floats without rounding, so their quotient is rounded once, as the
		// number's text would be.
		if s := p.scales[i]; -1<<53 < m && m < 1<<53 && int(s) < len(powers) {
			n.values[i] = float64(m) / float64(powers[s])
			continue
		}
		if n.values[i], err = as.Convert(string(appendDecimal(nil, m, int(p.scales[i])))); err != nil {
			return nil, false, nil
		}
	}
	return n, true, nil
}

// A packed is the values of a column of numbers.
type packed struct {
	mantissas []int64
	scales    []uint8 // digits after the point; nil when none has a point
}

func (a *fieldAsker) packed(c *column) (*packed, error) {
	v, err := a.values(c)
	if err != nil {
		return nil, err
	}
	p := &packed{mantissas: make([]int64, c.n)}
	if err := v.eachInt(func(i int, x int64) error {
		p.mantissas[i] = x
		return nil
	}); err != nil {
		return nil, err
	}
	if c.kind != columnDecimal {
		return p, nil
	}
	p.scales = make([]uint8, c.n)
	v.scale.rewind()
	defer v.scale.rewind()
	for i := 0; i < c.n; {
		group, err := v.scale.at(i)
		if err != nil {
			return nil, err
		}
		for _, s := range group {
			if s >= uint64(len(powers)) {
				return nil, damagedf("decimal: %d digits after the point", s)
			}
			p.scales[i] = uint8(s)
			i++
		}
	}
	return p, nil
}

// units are those of durations, in nanoseconds.
var units = map[string]int64{
	"ns": int64(time.Nanosecond), "us": int64(time.Microsecond), "µs": int64(time.Microsecond), "μs": int64(time.Microsecond),
	"ms": int64(time.Millisecond), "s": int64(time.Second), "m": int64(time.Minute), "h": int64(time.Hour),
}

// durations converts values that are made of templates: where one is a number and a
// unit, from the number, and else from the text.
func (a *fieldAsker) durations(c *column) (*numbers, bool, error) {
	t := c.tmpl
	unit := make([]int64, len(t.templates)+1) // 0 for those that are read as texts
	for i := range t.templates {
		tm := &t.templates[i]
		if len(tm.refs) != 1 || tm.marks[0] != 0 {
			continue
		}
		switch t.columns[tm.refs[0]].kind {
		case columnInt, columnDecimal:
			unit[i+1] = units[string(tm.text[1:])]
		}
	}
	v, err := a.values(c)
	if err != nil {
		return nil, false, err
	}
	columns := make([]*packed, len(t.columns))
	for i := range t.templates {
		if unit[i+1] == 0 {
			continue
		}
		ref := t.templates[i].refs[0]
		if columns[ref] == nil {
			if columns[ref], err = a.packed(&t.columns[ref]); err != nil {
				return nil, false, err
			}
		}
	}
	n := &numbers{values: make([]float64, c.n)}
	at := make([]int, len(t.columns))
	texts := false
	for i := range c.n {
		number := v.template(i)
		if number == 0 {
			texts = true
			continue
		}
		tm := &t.templates[number-1]
		if unit[number] == 0 {
			texts = true
			for _, ref := range tm.refs {
				at[ref]++
			}
			continue
		}
		p, j := columns[tm.refs[0]], at[tm.refs[0]]
		at[tm.refs[0]]++
		scale := 0
		if p.scales != nil {
			scale = int(p.scales[j])
		}
		s, ok := seconds(p.mantissas[j], scale, unit[number])
		if !ok {
			n.set(i, 0, isUnsure)
			continue
		}
		n.values[i] = s
	}
	if !texts {
		return n, true, nil
	}
	v.rewind()
	defer v.rewind()
	var buf []byte
	for i := range c.n {
		if number := v.template(i); number > 0 && unit[number] != 0 {
			continue
		}
		v.skip(i - v.at)
		if buf, err = v.next(buf[:0]); err != nil {
			return nil, false, err
		}
		if len(buf) == 0 {
			n.set(i, 0, isAbsent)
			continue
		}
		s, err := scan.Duration.Convert(string(buf))
		if err != nil {
			n.set(i, 0, isUnsure)
			continue
		}
		n.set(i, s, isText)
	}
	return n, true, nil
}

// seconds is how long mantissa/10^scale units are, rounded as time.ParseDuration
// rounds the text of it.
func seconds(mantissa int64, scale int, unit int64) (float64, bool) {
	abs := uint64(mantissa)
	if mantissa < 0 {
		abs = -abs
	}
	whole, part := abs/uint64(powers[scale]), abs%uint64(powers[scale])
	if whole > math.MaxInt64/uint64(unit) {
		return 0, false
	}
	d := whole * uint64(unit)
	if part > 0 {
		d += uint64(float64(part) * (float64(unit) / float64(powers[scale])))
	}
	if d > math.MaxInt64 {
		return 0, false
	}
	if mantissa < 0 {
		d = -d
	}
	return time.Duration(d).Seconds(), true
}
