package block

import (
	"encoding/binary"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A fieldVerdict is what a predicate says of a row or value.
type fieldVerdict uint8

const (
	failing fieldVerdict = iota
	passing
	doubtful // for the stages to say
)

// verdicts are those of the values of an origin: of nil, they are all the same.
type verdicts struct {
	all fieldVerdict
	of  []fieldVerdict
}

// A judgement is what a predicate says of the rows of a block.
type judgement struct {
	all          fieldVerdict // of all rows, when the sets are nil
	pass, unsure *scan.Bitset // unsure is nil for none
}

// judge evaluates a predicate. Doubts count where it is in a disjunction, however
// deep, also those about rows that fail: alternatives may let them pass.
func (a *fieldAsker) judge(p *scan.Predicate, inOr bool) (judgement, error) {
	switch {
	case p.Op == scan.And && inOr:
		return a.all(p)
	case p.Op == scan.And || p.Op == scan.Or:
		return a.join(p)
	}
	return a.condition(p)
}

// all evaluates all conditions of a conjunction. A row is unsure of which one is.
func (a *fieldAsker) all(p *scan.Predicate) (judgement, error) {
	total := judgement{all: passing}
	for i := range p.Subs {
		j, err := a.judge(&p.Subs[i], true)
		if err != nil {
			return judgement{}, err
		}
		switch {
		case j.pass == nil && total.pass == nil && (j.all == passing || total.all == doubtful):
		case j.pass == nil && total.pass == nil && (total.all == passing || j.all == doubtful):
			total = j
		case j.pass == nil && total.pass == nil: // both fail
		default:
			pass, unsure := j.sets(a.d.rows)
			before, doubts := total.sets(a.d.rows)
			total = judgement{pass: before.Clone()}
			total.pass.And(pass)
			for _, u := range []*scan.Bitset{doubts, unsure} {
				switch {
				case u == nil:
				case total.unsure == nil:
					total.unsure = u.Clone()
				default:
					total.unsure.Or(u)
				}
			}
		}
	}
	return total, nil
}

// join evaluates conditions one after the other, as far as some row needs it: of
// a conjunction, a row that does not pass one needs no other, and of a disjunction one
// that does not fail.
func (a *fieldAsker) join(p *scan.Predicate) (judgement, error) {
	on := passing // the verdict that goes on to the next
	if p.Op == scan.Or {
		on = failing
	}
	total := judgement{all: on}
	for i := range p.Subs {
		j, err := a.judge(&p.Subs[i], p.Op == scan.Or)
		if err != nil {
			return judgement{}, err
		}
		if j.pass == nil && j.all == on {
			continue
		}
		if total.pass == nil { // all rows have gone on
			if total = j; j.pass == nil {
				return total, nil
			}
			continue
		}
		a.next(&total, &j, on)
	}
	return total, nil
}

// next gives the rows of total that go on the verdict of j.
func (a *fieldAsker) next(total, j *judgement, on fieldVerdict) {
	pass, unsure := j.sets(a.d.rows)
	if on == passing {
		if unsure != nil {
			unsure = unsure.Clone()
			unsure.And(total.pass)
		}
		total.pass.And(pass)
	} else {
		going := total.pass.Clone()
		if total.unsure != nil {
			going.Or(total.unsure)
		}
		going.Not()
		pass = pass.Clone()
		pass.And(going)
		total.pass.Or(pass)
		if unsure != nil {
			unsure = unsure.Clone()
			unsure.And(going)
		}
	}
	switch {
	case unsure == nil:
	case total.unsure == nil:
		total.unsure = unsure
	default:
		total.unsure.Or(unsure)
	}
}

// sets are the rows that pass and those that are unsure.
func (j *judgement) sets(rows int) (pass, unsure *scan.Bitset) {
	if j.pass != nil {
		return j.pass, j.unsure
	}
	if j.all == doubtful {
		unsure = scan.NewBitset(rows, true)
	}
	return scan.NewBitset(rows, j.all == passing), unsure
}

// condition evaluates one condition: on each origin of its field, and then for each
// row by its origin.
func (a *fieldAsker) condition(p *scan.Predicate) (judgement, error) {
	f := &a.fields[p.Field]
	c := newCondition(p)
	if f.errors {
		return a.onError(c, f.early), nil
	}
	of := make([]verdicts, len(f.origins))
	all, same := fieldVerdict(0), !a.spoils(c, f)
	for i, used := range f.used() {
		if !used {
			continue
		}
		var err error
		if of[i], err = a.onOrigin(c, &f.origins[i]); err != nil {
			return judgement{}, err
		}
		if f.first(i) {
			all = of[i].all
		}
		same = same && of[i].of == nil && of[i].all == all
	}
	if same {
		return judgement{all: all}, nil
	}
	if err := a.place(f); err != nil {
		return judgement{}, err
	}
	j := judgement{pass: scan.NewBitset(a.d.rows, false)}
	for row := range a.d.rows {
		o, value := f.at(row)
		v := of[o].all
		if of[o].of != nil {
			v = of[o].of[value]
		}
		if v != failing {
			a.enter(&j, row, v)
		}
	}
	if a.spoils(c, f) {
		for row := a.failed.Next(0); row < a.d.rows; row = a.failed.Next(row + 1) {
			j.pass.Clear(row)
			a.enter(&j, row, doubtful)
		}
	}
	return j, nil
}

// spoils reports whether a condition lets rows pass because the parser has failed
// for them: one that looks for addresses does.
func (a *fieldAsker) spoils(c *fieldCondition, f *field) bool {
	return c.Op == scan.Address && a.failed != nil && !f.early
}

func (a *fieldAsker) enter(j *judgement, row int, v fieldVerdict) {
	switch v {
	case passing:
		j.pass.Set(row)
	case doubtful:
		if j.unsure == nil {
			j.unsure = scan.NewBitset(a.d.rows, false)
		}
		j.unsure.Set(row)
	}
}

// onError evaluates a condition on the error of the parser.
func (a *fieldAsker) onError(c *fieldCondition, early bool) judgement {
	well := c.judge("", true)
	if a.failed == nil || early {
		return judgement{all: well}
	}
	failed := c.judge(extract.ErrJSON, true)
	if well == failed {
		return judgement{all: well}
	}
	j := judgement{pass: scan.NewBitset(a.d.rows, well == passing)}
	for row := a.failed.Next(0); row < a.d.rows; row = a.failed.Next(row + 1) {
		j.pass.Clear(row)
		a.enter(&j, row, failed)
	}
	return j
}

// A fieldCondition is a condition on a field, ready to be asked.
type fieldCondition struct {
	*scan.Predicate
	text      *extract.TextMatcher
	addresses *extract.Addresses
	scratch   []byte
}

func newCondition(p *scan.Predicate) *fieldCondition {
	c := &fieldCondition{Predicate: p}
	switch p.Op {
	case scan.Text:
		c.text = extract.NewTextMatcher(p.Matcher)
	case scan.Address:
		c.addresses, _ = extract.NewAddresses(p.Matcher.Value)
	}
	return c
}

// judge is the verdict on a row with a field of that text, or without one.
func (c *fieldCondition) judge(text string, there bool) fieldVerdict {
	if c.Op == scan.Text {
		return verdictOf(c.text.Matches(text))
	}
	if !there {
		return failing
	}
	if c.Op == scan.Address {
		if c.addresses == nil {
			return doubtful // the stages say what is wrong
		}
		return verdictOf(c.addresses.HasText(text) == (c.Matcher.Type == labels.MatchEqual))
	}
	v, err := c.Op.Convert(text)
	if err != nil {
		return doubtful
	}
	return verdictOf(c.Compare.Holds(v, c.Value))
}

func verdictOf(ok bool) fieldVerdict {
	if ok {
		return passing
	}
	return failing
}

// onText is the verdict on a value of an origin.
func (c *fieldCondition) onText(text string, o *fieldOrigin) fieldVerdict {
	text, what := o.read(text, &c.scratch)
	switch what {
	case isUnsure:
		return doubtful
	case isAbsent:
		return c.judge("", false)
	}
	return c.judge(text, true)
}

// onOrigin evaluates a condition on the values of an origin: from what the schema
// knows, on numbers as they are packed, once for each distinct text, or on each.
func (a *fieldAsker) onOrigin(c *fieldCondition, o *fieldOrigin) (verdicts, error) {
	switch {
	case o.kind == placeNone:
		return verdicts{all: c.judge("", false)}, nil
	case o.kind == placeText:
		return verdicts{all: c.judge(o.text, true)}, nil
	case o.kind == placeSlot && o.column.kind == columnConst:
		return verdicts{all: c.onText(o.column.constant, o)}, nil
	}
	if o.kind == placeSlot && !o.meta {
		if v, ok, err := a.onPacked(c, o); ok || err != nil {
			return v, err
		}
	}
	r, err := a.open(o)
	if err != nil {
		return verdicts{}, err
	}
	out := verdicts{}
	if r.values == nil {
		out.of = make([]fieldVerdict, r.n)
		return out, r.each(func(i int, text string) error {
			out.of[i] = c.onText(text, o)
			return nil
		})
	}
	distinct := make([]fieldVerdict, len(r.values))
	same := true
	for i, text := range r.values {
		if distinct[i] = c.onText(text, o); i == 0 && r.none {
			distinct[0] = c.judge("", false)
		}
		same = same && distinct[i] == distinct[0]
	}
	if same {
		return verdicts{all: distinct[0]}, nil
	}
	out.of = make([]fieldVerdict, r.n)
	for i := range out.of {
		out.of[i] = distinct[r.id(i)]
	}
	return out, nil
}

// onPacked evaluates conditions that need no text: ok is false for others.
func (a *fieldAsker) onPacked(c *fieldCondition, o *fieldOrigin) (_ verdicts, ok bool, err error) {
	if !o.plain() {
		return verdicts{}, false, nil
	}
	col := o.column
	switch {
	case c.Op == scan.Number && (col.kind == columnInt || col.kind == columnPad):
		lo, hi := float64(col.lo), float64(col.hi)
		if all, ok := c.ofRange(lo, hi); ok {
			return verdicts{all: all}, true, nil
		}
		v, err := a.values(col)
		if err != nil {
			return verdicts{}, false, err
		}
		of := make([]fieldVerdict, col.n)
		err = v.eachInt(func(i int, x int64) error {
			if c.Compare.Holds(float64(x), c.Value) {
				of[i] = passing
			}
			return nil
		})
		return verdicts{of: of}, true, err
	case c.Op == scan.Number && col.kind == columnDecimal, c.Op == scan.Duration && col.kind == columnTemplates:
		n, ok, err := a.packedNumbers(o, c.Op)
		if !ok || err != nil {
			return verdicts{}, ok, err
		}
		of := make([]fieldVerdict, col.n)
		for i, x := range n.values {
			if n.state != nil && n.state[i] != isText {
				of[i] = doubtful
			} else if c.Compare.Holds(x, c.Value) {
				of[i] = passing
			}
		}
		return verdicts{of: of}, true, nil
	case c.Op == scan.Address && col.kind == columnIP && c.addresses != nil:
		v, err := a.values(col)
		if err != nil {
			return verdicts{}, false, err
		}
		first, last, ok := c.addresses.Range4()
		of := make([]fieldVerdict, col.n)
		for i := range of {
			x := binary.BigEndian.Uint32(v.text[4*i:])
			of[i] = verdictOf((ok && first <= x && x <= last) == (c.Matcher.Type == labels.MatchEqual))
		}
		return verdicts{of: of}, true, nil
	case c.Op == scan.Text && (c.Matcher.Type == labels.MatchEqual || c.Matcher.Type == labels.MatchNotEqual):
		f := a.textFinder(c.Matcher.Value)
		found, err := f.ask(col, exactly, 0, len(f.needle))
		if err != nil {
			return verdicts{}, false, nil // too intricate; as texts then
		}
		a.read = a.read || f.read
		equal, other := passing, failing
		if c.Matcher.Type == labels.MatchNotEqual {
			equal, other = failing, passing
		}
		if found.bits == nil {
			if found.all {
				other = equal
			}
			return verdicts{all: other}, true, nil
		}
		of := make([]fieldVerdict, col.n)
		for i := range of {
			of[i] = other
			if found.bits.Get(i) {
				of[i] = equal
			}
		}
		return verdicts{of: of}, true, nil
	}
	return verdicts{}, false, nil
}

// ofRange is the verdict on all numbers from lo to hi, where it is the same.
func (c *fieldCondition) ofRange(lo, hi float64) (fieldVerdict, bool) {
	first, last := c.Compare.Holds(lo, c.Value), c.Compare.Holds(hi, c.Value)
	between := lo < c.Value && c.Value < hi // what is equal may be inside
	if first != last || between && (c.Compare == scan.Equal || c.Compare == scan.NotEqual) {
		return failing, false
	}
	return verdictOf(first), true
}

// textFinder finds the values that are a text.
func (a *fieldAsker) textFinder(text string) *finder {
	return newFinder(a.d, grep.Text{Text: text})
}

// eachInt calls fn with the numbers of a column.
func (v *values) eachInt(fn func(i int, x int64) error) error {
	v.rewind()
	if v.times != nil {
		for i, x := range v.times {
			if err := fn(i, int64(x)); err != nil {
				return err
			}
		}
		return nil
	}
	defer func() {
		v.at = v.n // for rewind to know that ints were read
		v.rewind()
	}()
	for i := 0; i < v.n; {
		group, err := v.ints.at(i)
		if err != nil {
			return err
		}
		for _, x := range group {
			if err := fn(i, int64(x)); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}
