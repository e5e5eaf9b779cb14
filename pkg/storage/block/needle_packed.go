package block

import (
	"bytes"
	"math/bits"
	"strings"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// tooLongRun reports whether text has more digits, or letters, in a row than any
// value of the column.
func (c *column) tooLongRun(text string) bool {
	most := 0
	class := uint8(isDigit)
	switch c.kind {
	case columnIP:
		most = 3
	case columnUUID:
		most, class = 12, isDigit|isHex
	case columnTime:
		if c.layout.suffix == "" && hasLongWord(text) {
			return true
		}
		if most = c.layout.longestRun(); most < 0 {
			return false
		}
	default:
		return false
	}
	n := 0
	for i := range len(text) {
		if n++; classes[text[i]]&class == 0 {
			n = 0
		}
		if n > most {
			return true
		}
	}
	return false
}

// longestRun is how many digits of a time may follow each other, -1 where the
// suffix goes on with more of them.
func (l *timeLayout) longestRun() int {
	if l.suffix != "" && classes[l.suffix[0]]&isDigit != 0 {
		return -1
	}
	return max(l.longestOfDate(), l.digits())
}

// longestOfDate is longestRun without the fraction of the second.
func (l *timeLayout) longestOfDate() int {
	most, n := 4, 0 // of a year in a zone, to be safe
	for _, b := range []byte(dateLayouts[l.date]) {
		if n++; strings.IndexByte("YyMDhms_", b) < 0 {
			n = 0
		}
		most = max(most, n)
	}
	for _, b := range []byte(l.suffix) {
		if n++; classes[b]&isDigit == 0 {
			n = 0
		}
		most = max(most, n)
	}
	return most
}

// findPacked finds what can be found in the packed form of the values; ok is
// false where text has to be made of them.
func (v *values) findPacked(how uint8, text grep.Text) (a answer, ok bool, err error) {
	digits, number := uint64(0), false
	if d, ok := parseDigits(model.BorrowBytes(text.Text)); ok {
		digits, number = uint64(d), true
	}
	switch {
	case number && (v.kind == columnInt && v.lo >= 0 || v.kind == columnPad):
		a, err = v.findDigits(how, digits, len(text.Text))
		return a, true, err
	case number && v.kind == columnTime && how == anywhere && v.layout.longestRun() > 0 && len(text.Text) > v.layout.longestOfDate():
		a, err = v.findFraction(digits, len(text.Text))
		return a, true, err
	case (v.kind == columnHex || v.kind == columnUUID) && len(text.Text) >= 3:
		lower := text.Text
		if v.upper && text.Fold {
			lower = strings.ToUpper(lower)
		}
		return v.findHex(how, lower)
	}
	return answer{}, false, nil
}

// A divider divides by a constant, faster than the machine does by a variable.
type divider struct{ by, inverse uint64 }

func newDivider(by uint64) divider { return divider{by, ^uint64(0) / by} }

func (d divider) rest(x uint64) uint64 {
	q, _ := bits.Mul64(x, d.inverse)
	// q is the quotient or one or two less.
	for x -= q * d.by; x >= d.by; {
		x -= d.by
	}
	return x
}

// findDigits finds the numbers, of which none is negative, that hold others: n
// digits of value want.
func (v *values) findDigits(how uint8, want uint64, n int) (answer, error) {
	found := scan.NewBitset(v.n, false)
	scale := newDivider(uint64(powers[n]))
	for i := range v.n {
		x, err := v.int(v.ints, i)
		if err != nil {
			return answer{}, err
		}
		have := int(v.width) // of padded numbers
		if v.kind == columnInt {
			have = digitsOf(x)
		}
		if how == atStart {
			for ; have > n; have-- {
				x /= 10
			}
		}
		for ; have >= n; have-- {
			if scale.rest(x) == want {
				found.Set(i)
				break
			}
			if how != anywhere {
				break
			}
			x /= 10
		}
	}
	v.at = v.n // for rewind to know that ints were read
	v.rewind()
	return some(found), nil
}

// findFraction finds the times whose fraction of a second holds n digits of
// value want, which are too many for the date.
func (v *values) findFraction(want uint64, n int) (answer, error) {
	found := scan.NewBitset(v.n, false)
	digits := v.layout.digits()
	if n > digits {
		return answer{}, nil
	}
	second, scale := newDivider(uint64(powers[digits])), newDivider(uint64(powers[n]))
	for i := range v.n {
		var x uint64
		if v.times != nil {
			x = v.times[i]
		} else {
			var err error
			if x, err = v.int(v.ints, i); err != nil {
				return answer{}, err
			}
		}
		if int64(x) < 0 {
			x = uint64(powers[digits]) - 1 - second.rest(^x)
		} else {
			x = second.rest(x)
		}
		have := digits
		if v.layout.fraction == fractionTrimmed {
			for ; x%10 == 0 && have > 0; have-- {
				x /= 10
			}
		}
		for ; have >= n; have-- {
			if scale.rest(x) == want {
				found.Set(i)
				break
			}
			x /= 10
		}
	}
	v.at = v.n // for rewind to know that ints were read
	v.rewind()
	return some(found), nil
}

// findHex finds three or more hex digits in packed ones. They may begin in the
// middle of a byte.
func (v *values) findHex(how uint8, digits string) (answer, bool, error) {
	var packed [maxHexWidth]byte
	for i := range len(digits) {
		if packed[i] = hexValue(digits[i], v.upper); packed[i] > 15 {
			return answer{}, v.kind == columnHex, nil // the dashes of a UUID
		}
	}
	found := scan.NewBitset(v.n, false)
	for odd := range 2 {
		head, tail := odd == 1, (len(digits)-odd)%2 == 1
		var inner [maxHexWidth / 2]byte
		n, width := (len(digits)-odd)/2, int(v.width)
		for i := range n {
			inner[i] = packed[odd+2*i]<<4 | packed[odd+2*i+1]
		}
		for at := 0; ; at++ {
			i := bytes.Index(v.text[at:], inner[:n])
			if i < 0 {
				break
			}
			at += i
			value, from := at/width, at%width
			if from+n > width || head && (from == 0 || v.text[at-1]&15 != packed[0]) ||
				tail && (from+n == width || v.text[at+n]>>4 != packed[len(digits)-1]) {
				continue
			}
			start := 2*from - odd
			end := start + len(digits)
			if (how == atStart || how == exactly) && start > 0 || (how == atEnd || how == exactly) && end < 2*width || v.kind == columnUUID && crossesDash(start, end) {
				continue
			}
			found.Set(value)
		}
	}
	return some(found), true, nil
}

// crossesDash reports whether a UUID has a dash between digits start and end.
func crossesDash(start, end int) bool {
	for _, dash := range [...]int{8, 12, 16, 20} {
		if start < dash && dash < end {
			return true
		}
	}
	return false
}

// rowsOf makes the set of values of which the number is in a table.
func (v *values) rowsOf(table []bool) *scan.Bitset {
	found := scan.NewBitset(v.n, false)
	words := found.Words()
	if v.high != nil {
		for i := range v.n {
			if table[v.id(i)] {
				words[i/64] |= 1 << (i % 64)
			}
		}
		return found
	}
	var in [256]uint64
	for id, is := range table {
		if is {
			in[id] = 1
		}
	}
	ids := v.ids
	for w := 0; len(ids) > 0; w++ {
		n := min(64, len(ids))
		word := uint64(0)
		for i, id := range ids[:n] {
			word |= in[id] << i
		}
		words[w] = word
		ids = ids[n:]
	}
	return found
}
