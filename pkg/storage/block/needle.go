package block

import (
	"bytes"
	"errors"
	"strings"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// How a text may lie in a value.
const (
	anywhere = iota
	atStart
	atEnd
	exactly
)

// A finder finds the values of columns of layout 1 that hold a needle, without
// making them. Where a needle lies across static text and slots, it is cut: the
// static text decides first, then what the schema says of each column, and
// columns are only read for what is left. The answers are exact.
type finder struct {
	d      *decoder
	needle string
	fold   bool // whatever the case of ASCII; needle is in lower case
	known  map[question]answer
	read   bool // some column was read
	fitter fitter
	bytes  [256]bool // those of the needle, in both cases where that does not matter
	places *places   // nil where they are not at hand
}

func newFinder(d *decoder, text grep.Text) *finder {
	f := &finder{d: d, needle: text.Text, fold: text.Fold, known: make(map[question]answer)}
	f.noteBytes()
	return f
}

// noteBytes fills in the bytes of the needle.
func (f *finder) noteBytes() {
	for i := range len(f.needle) {
		b := f.needle[i]
		f.bytes[b] = true
		if f.fold && 'a' <= b && b <= 'z' {
			f.bytes[b-'a'+'A'] = true
		}
	}
}

// A question is whether the values of a column hold a part of the needle.
type question struct {
	column     *column
	how        uint8
	start, end int
}

// An answer says which values do: bits has one for each value, unless it is all
// or none of them.
type answer struct {
	all  bool
	bits *scan.Bitset
}

func (a answer) none() bool { return !a.all && a.bits == nil }

func (a answer) has(i int) bool { return a.all || a.bits != nil && a.bits.Get(i) }

// not is the answer to the opposite question.
func (a answer) not() answer {
	if a.bits == nil {
		return answer{all: !a.all}
	}
	a.bits.Not()
	return a
}

// and is bits without those that are not in the answer; nil stands for all. The
// answer gives its own bits away.
func (a answer) and(bits *scan.Bitset) *scan.Bitset {
	switch {
	case a.bits == nil: // all
		return bits
	case bits == nil:
		return a.bits
	}
	bits.And(a.bits)
	return bits
}

// or is what is in one of two answers, which give their bits away.
func (a answer) or(b answer) answer {
	switch {
	case a.all || b.none():
		return a
	case b.all || a.none():
		return b
	}
	a.bits.Or(b.bits)
	return some(a.bits)
}

// some makes an answer of a set that may be empty or full.
func some(bits *scan.Bitset) answer {
	switch bits.Count() {
	case 0:
		return answer{}
	case bits.Len():
		return answer{all: true}
	}
	return answer{bits: bits}
}

// errIntricate marks a needle that fits templates in too many ways.
var errIntricate = errors.New("too many ways to fit a needle to a template")

// ask answers for needle[start:end].
func (f *finder) ask(c *column, how uint8, start, end int) (answer, error) {
	text := f.text(start, end)
	if !c.canHold(how, text) {
		return answer{}, nil
	}
	if len(text.Text) == 0 && how != exactly {
		return answer{all: true}, nil
	}
	if c.min == c.max && c.min == len(text.Text) {
		how = exactly
	}
	q := question{c, how, start, end}
	if a, ok := f.known[q]; ok {
		return a, nil
	}
	a, err := f.answer(c, how, text, start, end)
	if err == nil {
		f.known[q] = a
	}
	return a, err
}

// text is needle[start:end].
func (f *finder) text(start, end int) grep.Text {
	return grep.Text{Text: f.needle[start:end], Fold: f.fold}
}

// canHold is what the schema alone says of a column.
func (c *column) canHold(how uint8, text grep.Text) bool {
	return c.n > 0 && len(text.Text) <= c.max && (how != exactly || len(text.Text) >= c.min) &&
		!c.charset.lacksText(text) && !c.runs.lacks(text.Text)
}

func (f *finder) answer(c *column, how uint8, text grep.Text, start, end int) (answer, error) {
	switch {
	case c.kind == columnConst:
		return answer{all: holds(c.constant, how, text)}, nil
	case c.kind == columnTemplates:
		return f.askTemplates(c, how, start, end)
	case c.hasWords() && f.d.keys.has(filterWords) && f.d.keys.lacksText(how, text):
		return answer{}, nil
	case c.tooLongRun(text.Text):
		return answer{}, nil
	case how == exactly && c.packs(text):
		return f.equal(c, text)
	}
	v, err := f.open(c)
	if err != nil {
		return answer{}, err
	}
	if a, ok, err := v.findPacked(how, text); ok || err != nil {
		return a, err
	}
	switch c.kind {
	case columnDict:
		return v.findInDict(how, text), nil
	case columnRaw:
		return some(findTexts(v.text, v.ends, how, text)), nil
	}
	if err := v.render(); err != nil {
		return answer{}, err
	}
	return some(findTexts(v.rendered, v.ends, how, text)), nil
}

func (f *finder) open(c *column) (*values, error) {
	f.read = true
	v, err := f.d.values(c)
	if err == nil {
		v.rewind()
	}
	return v, err
}

// packs reports whether a text is in the column in one packed form, if it is a
// value of it at all.
func (c *column) packs(text grep.Text) bool {
	switch c.kind {
	case columnRaw, columnDict, columnDecimal:
		return false
	case columnTime:
		return !text.Fold // the names of months have one case each
	}
	return true
}

// holds reports whether a value holds text in the given way.
func holds(value string, how uint8, text grep.Text) bool {
	n := len(text.Text)
	switch {
	case how == anywhere && text.Fold:
		return grep.IndexFold(value, text.Text) >= 0
	case how == anywhere:
		return strings.Contains(value, text.Text)
	case len(value) < n || how == exactly && len(value) > n:
		return false
	case how == atStart:
		value = value[:n]
	case how == atEnd:
		value = value[len(value)-n:]
	}
	if text.Fold {
		return grep.EqualFold(value, text.Text)
	}
	return value == text.Text
}

// findTexts finds the texts that hold another.
func findTexts(all []byte, ends []uint32, how uint8, text grep.Text) *scan.Bitset {
	n := len(ends) - 1
	found := scan.NewBitset(n, false)
	if how == anywhere {
		eachHit(all, ends, span{0, n}, text, found.Set)
		return found
	}
	for i := range n {
		if holds(model.Borrow(all[ends[i]:ends[i+1]]), how, text) {
			found.Set(i)
		}
	}
	return found
}

// findInDict looks at each distinct value once.
func (v *values) findInDict(how uint8, text grep.Text) answer {
	a := some(findTexts(v.text, v.ends, how, text))
	if a.bits == nil {
		return a
	}
	table := make([]bool, a.bits.Len())
	for i := range table {
		table[i] = a.bits.Get(i)
	}
	return some(v.rowsOf(table))
}

// render makes texts of all values of a column of numbers.
func (v *values) render() error {
	if v.ends != nil {
		return nil
	}
	v.rewind()
	text := make([]byte, 0, v.n*(v.min+v.max)/2)
	ends := make([]uint32, 1, v.n+1)
	for range v.n {
		var err error
		if text, err = v.next(text); err != nil {
			return err
		}
		if len(text) > v.d.mostBytes {
			return damagedf("values of more than the %d bytes of the block", v.d.mostBytes)
		}
		ends = append(ends, uint32(len(text)))
	}
	v.rewind()
	v.rendered, v.ends = text, ends
	return nil
}

// hasLongWord reports whether text has more letters in a row than a time has.
func hasLongWord(text string) bool {
	n := 0
	for i := range len(text) {
		if n++; classes[text[i]]&(isLetter|isHex) == 0 {
			n = 0
		}
		if n > 3 {
			return true
		}
	}
	return false
}

// keyOf is the key of a value of a column of ids.
func keyOf(kind uint8, packed []byte, number uint64) uint64 {
	if kind == columnHexInt {
		return hexIntKey(number)
	}
	return idKey(kind, packed)
}

// pack returns a text in the form in which the column of numbers or ids would have
// it, appended to dst or as a number, if it can be a value of it. Ids have one case each.
func (c *column) pack(dst []byte, text grep.Text) (packed []byte, number uint64, ok bool) {
	s := model.BorrowBytes(text.Text)
	if text.Fold && c.upper {
		s = bytes.ToUpper(s)
	}
	switch c.kind {
	case columnHex:
		packed, ok = packHex(dst, s, c.upper)
	case columnUUID:
		packed, ok = packUUID(dst, s, c.upper)
	case columnIP:
		packed, ok = packIP(dst, s)
	case columnInt, columnPad:
		var x int64
		if c.kind == columnInt {
			x, ok = parseInt(s)
		} else {
			x, ok = parseDigits(s)
		}
		ok = ok && c.lo <= x && x <= c.hi
		number = uint64(x)
	case columnHexInt:
		number, ok = parseHex(s, c.upper)
	case columnTime:
		p := timeParser{timeLayout: *c.layout}
		var x int64
		x, ok = p.parse(s)
		number = uint64(x)
	}
	return packed, number, ok
}

// equal finds the values of a column of numbers or ids that are text.
func (f *finder) equal(c *column, text grep.Text) (answer, error) {
	packed, number, ok := c.pack(nil, text)
	if !ok || c.isID() && f.d.keys.has(filterIDs) && f.d.keys.lacks(keyOf(c.kind, packed, number)) {
		return answer{}, nil
	}
	v, err := f.open(c)
	if err != nil {
		return answer{}, err
	}
	found := scan.NewBitset(c.n, false)
	if packed != nil {
		width := int(c.width)
		for at := 0; ; {
			i := bytes.Index(v.text[at:], packed)
			if i < 0 {
				break
			}
			at += i
			if at%width != 0 {
				at++
				continue
			}
			found.Set(at / width)
			at += width
		}
		return some(found), nil
	}
	for i := range c.n {
		var x uint64
		if v.times != nil {
			x = v.times[i]
		} else if x, err = v.int(v.ints, i); err != nil {
			return answer{}, err
		}
		if x == number {
			found.Set(i)
		}
	}
	v.at = c.n // for rewind to know that ints were read
	v.rewind()
	return some(found), nil
}
