package block

import (
	"math"
	"strings"
	"time"
)

// dateLayouts are the ways in which lines write a date and a time, by number.
// The table only grows: the numbers are in blocks. In a layout, Y M D h m s are
// digits (y: of the years from 2000 on), B is the name of a month, W that of a
// day, _ is the first digit of a day, or a space.
var dateLayouts = [...]string{
	"YYYY-MM-DD hh:mm:ss",
	"YYYY-MM-DDThh:mm:ss",
	"YYYY/MM/DD hh:mm:ss",
	"DD/BBB/YYYY:hh:mm:ss",
	"BBB _D hh:mm:ss",
	"BBB DD hh:mm:ss",
	"WWW BBB DD hh:mm:ss YYYY",
	"yy/MM/DD hh:mm:ss",
	"yyMMDD hhmmss",
	"MM-DD hh:mm:ss",
	"MMDD hh:mm:ss",
	"YYYY-MM-DD-hh.mm.ss",
	"hh:mm:ss",
	"WWW BBB _D hh:mm:ss YYYY",
}

// The fraction of a second: none, or that many digits after a point or a comma.
const (
	fractionTrimmed = 10 // up to nine digits after a point, or none and no point; the last is not 0
	fractionComma   = 16 // added to the number of digits
)

// A timeLayout is how the times of a column are written.
type timeLayout struct {
	date     uint8 // index in dateLayouts
	fraction uint8
	suffix   string // after each
}

const maxTimeSuffix = 16

func (l *timeLayout) valid() bool {
	digits := l.fraction &^ fractionComma
	return int(l.date) < len(dateLayouts) && (l.fraction == fractionTrimmed || l.fraction < 2*fractionComma && digits <= 9 && l.fraction != fractionComma)
}

// digits is the number of decimal digits of a second that a value counts.
func (l *timeLayout) digits() int {
	if l.fraction == fractionTrimmed {
		return 9
	}
	return int(l.fraction &^ fractionComma)
}

var powers = [...]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// matchTime returns the length of the date and time that s begins with, as far
// as its form tells, or 0.
func matchTime(s []byte) int {
	date := matchDate(s)
	if date < 0 {
		return 0
	}
	n := len(dateLayouts[date])
	if k := fractionLen(s[n:]); k > 0 {
		return n + k
	}
	if n < len(s) && classes[s[n]]&isDigit != 0 {
		return 0
	}
	return n
}

// fractionLen is the length of a point or comma and the digits after it, 0 if
// those are none or too many.
func fractionLen(s []byte) int {
	if len(s) < 2 || s[0] != '.' && s[0] != ',' {
		return 0
	}
	n := 1
	for n < len(s) && classes[s[n]]&isDigit != 0 {
		n++
	}
	if n == 1 || n > 10 {
		return 0
	}
	return n
}

// matchDate returns the first layout whose form s begins with, or -1.
func matchDate(s []byte) int {
	if len(s) < 8 {
		return -1
	}
	var try []int8
	switch {
	case s[2] == ':':
		try = layoutsTime[:]
	case s[4] == '-':
		try = layoutsDash[:]
	case s[4] == '/':
		try = layoutsSlash[:]
	case s[2] == '/':
		try = layoutsDay[:]
	case s[2] == '-':
		try = layoutsMonth[:]
	case s[3] == ' ': // s[4] is one too on the first days of a month
		try = layoutsName[:]
	case s[4] == ' ':
		try = layoutsShort[:]
	case s[6] == ' ':
		try = layoutsDigits[:]
	}
	for _, l := range try {
		if hasForm(s, dateLayouts[l]) {
			return int(l)
		}
	}
	return -1
}

// Which layouts to try, by where their first delimiter is.
var (
	layoutsTime   = [...]int8{12}
	layoutsDash   = [...]int8{0, 1, 11}
	layoutsSlash  = [...]int8{2}
	layoutsDay    = [...]int8{3, 7}
	layoutsMonth  = [...]int8{9}
	layoutsShort  = [...]int8{10}
	layoutsName   = [...]int8{4, 5, 6, 13}
	layoutsDigits = [...]int8{8}
)

// hasForm reports whether s begins with digits, letters and delimiters where
// the layout has them.
func hasForm(s []byte, layout string) bool {
	if len(s) < len(layout) {
		return false
	}
	for i := range len(layout) {
		c := classes[s[i]]
		switch layout[i] {
		case 'Y', 'y', 'M', 'D', 'h', 'm', 's':
			if c&isDigit == 0 {
				return false
			}
		case '_':
			if c&isDigit == 0 && s[i] != ' ' {
				return false
			}
		case 'B', 'W':
			if c&(isLetter|isHex) == 0 {
				return false
			}
		default:
			if s[i] != layout[i] {
				return false
			}
		}
	}
	return true
}

const (
	monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"
	dayNames   = "SunMonTueWedThuFriSat"
)

// nameIndex finds a name of three letters.
func nameIndex(names string, s []byte) int {
	for i := 0; i < len(names); i += 3 {
		if names[i] == s[0] && names[i+1] == s[1] && names[i+2] == s[2] {
			return i / 3
		}
	}
	return -1
}

// detectTime finds the layout of a column from one of its values.
func detectTime(s []byte) (timeLayout, bool) {
	date := matchDate(s)
	if date < 0 {
		return timeLayout{}, false
	}
	l := timeLayout{date: uint8(date)}
	rest := s[len(dateLayouts[date]):]
	if n := fractionLen(rest); n > 0 {
		l.fraction = uint8(n - 1)
		if rest[0] == ',' {
			l.fraction |= fractionComma
		}
		rest = rest[n:]
	}
	if len(rest) > maxTimeSuffix {
		return l, false
	}
	l.suffix = string(rest)
	return l, true
}

// A timeParser reads the times of one column. It remembers what the last was,
// because the next is likely close.
type timeParser struct {
	timeLayout
	last    [32]byte // text of the last value up to its seconds
	seconds int64
	known   bool
}

// parse returns s as a number of units since 1970 (or 2000, or midnight, for
// layouts that lack the year or the day), and false for any s that format
// would not give back.
func (p *timeParser) parse(s []byte) (int64, bool) {
	layout := dateLayouts[p.date]
	n := len(layout)
	if len(s) < n+len(p.suffix) || string(s[len(s)-len(p.suffix):]) != p.suffix {
		return 0, false
	}
	if !p.known || string(s[:n]) != string(p.last[:n]) {
		seconds, ok := parseDate(s[:n], layout)
		if !ok {
			return 0, false
		}
		copy(p.last[:], s[:n])
		p.seconds, p.known = seconds, true
	}
	v := p.seconds
	fraction := s[n : len(s)-len(p.suffix)]
	want := p.digits()
	scale := powers[want]
	if v > math.MaxInt64/scale-1 || v < math.MinInt64/scale+1 {
		return 0, false
	}
	v *= scale
	if len(fraction) == 0 {
		return v, p.fraction == 0 || p.fraction == fractionTrimmed
	}
	have := len(fraction) - 1
	mark := byte('.')
	if p.fraction&fractionComma != 0 {
		mark = ','
	}
	switch {
	case fraction[0] != mark || have == 0 || have > want:
		return 0, false
	case p.fraction == fractionTrimmed && fraction[have] == '0':
		return 0, false
	case p.fraction != fractionTrimmed && have != want:
		return 0, false
	}
	f := int64(0)
	for _, b := range fraction[1:] {
		if classes[b]&isDigit == 0 {
			return 0, false
		}
		f = f*10 + int64(b-'0')
	}
	return v + f*powers[want-have], true
}

// parseDate reads a date and time of the given form to the second.
func parseDate(s []byte, layout string) (int64, bool) {
	if !hasForm(s, layout) {
		return 0, false
	}
	year, month, day, hour, minute, second := 0, 0, 0, 0, 0, 0
	weekday, short, dated := -1, -1, false
	if strings.Contains(layout, "yy") {
		short = 0
	}
	for i := 0; i < len(layout); i++ {
		d := int(s[i] - '0')
		switch layout[i] {
		case 'Y':
			year = year*10 + d
		case 'y':
			short = short*10 + d
		case 'M':
			month = month*10 + d
		case '_':
			if s[i] == '0' {
				return 0, false
			}
			if s[i] != ' ' {
				day = d
			}
		case 'D':
			day = day*10 + d
			dated = true
		case 'h':
			hour = hour*10 + d
		case 'm':
			minute = minute*10 + d
		case 's':
			second = second*10 + d
		case 'B':
			month = nameIndex(monthNames, s[i:]) + 1
			i += 2
		case 'W':
			if weekday = nameIndex(dayNames, s[i:]); weekday < 0 {
				return 0, false
			}
			i += 2
		}
	}
	if hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	clock := int64(hour*3600 + minute*60 + second)
	if !dated {
		return clock, true
	}
	switch {
	case short >= 0:
		year = 2000 + short
	case !strings.Contains(layout, "YYYY"):
		year = 2000 // a leap year
	}
	if year < 1900 || year > 2199 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		return 0, false
	}
	days := daysOf(year, month, day)
	if weekday >= 0 && weekdayOf(days) != weekday {
		return 0, false
	}
	return days*86400 + clock, true
}

func weekdayOf(days int64) int { return int(((days+4)%7 + 7) % 7) } // 1970 began on a Thursday

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysOf counts the days from 1970-01-01.
func daysOf(year, month, day int) int64 {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// A timeWriter writes the times of one column. It remembers the text of the last second.
type timeWriter struct {
	timeLayout
	digits  int // shadows the method, which it is the result of
	last    [32]byte
	seconds int64
	known   bool
	clock   int // where the hours are in last, followed by minutes and seconds; -1 for elsewhere
}

func newTimeWriter(l timeLayout) timeWriter {
	layout := dateLayouts[l.date]
	clock := strings.Index(layout, "hh:mm:ss")
	return timeWriter{timeLayout: l, digits: l.digits(), clock: clock}
}

// tick makes last the text of a second, of which mostly the date is that of the
// second before.
func (w *timeWriter) tick(seconds int64) {
	const day = 24 * 60 * 60
	if w.known && w.clock >= 0 && floorDiv(seconds, day) == floorDiv(w.seconds, day) && -1<<38 < seconds && seconds < 1<<38 {
		at := int(seconds - floorDiv(seconds, day)*day)
		text := w.last[w.clock:]
		for i, v := range [...]int{at / 3600, at / 60 % 60, at % 60} {
			text[3*i], text[3*i+1] = digitPairs[2*v], digitPairs[2*v+1]
		}
	} else {
		formatDate(w.last[:len(dateLayouts[w.date])], dateLayouts[w.date], seconds)
	}
	w.seconds, w.known = seconds, true
}

// append writes v, as parse reads it.
func (w *timeWriter) append(dst []byte, v int64) []byte {
	scale := powers[w.digits]
	seconds, f := v/scale, v%scale
	if f < 0 {
		seconds, f = seconds-1, f+scale
	}
	n := len(dateLayouts[w.date])
	if !w.known || seconds != w.seconds {
		w.tick(seconds)
	}
	dst = append(dst, w.last[:n]...)
	switch {
	case w.fraction == fractionTrimmed:
		if f != 0 {
			dst = append(dst, '.')
			dst = appendDigits(dst, uint64(f), 9)
			for dst[len(dst)-1] == '0' {
				dst = dst[:len(dst)-1]
			}
		}
	case w.fraction != 0:
		mark := byte('.')
		if w.fraction&fractionComma != 0 {
			mark = ','
		}
		dst = append(dst, mark)
		dst = appendDigits(dst, uint64(f), w.digits)
	}
	return append(dst, w.suffix...)
}

// size is the length of what append writes for v.
func (w *timeWriter) size(v int64) int {
	n := len(dateLayouts[w.date]) + len(w.suffix)
	switch {
	case w.fraction == 0:
		return n
	case w.fraction != fractionTrimmed:
		return n + 1 + w.digits
	}
	f := v % powers[9]
	if f == 0 {
		return n
	}
	digits := 9
	for f%10 == 0 {
		f /= 10
		digits--
	}
	return n + 1 + digits
}

// formatDate writes seconds since 1970 in a layout. Any number gives some text.
func formatDate(dst []byte, layout string, seconds int64) {
	const most = 1 << 38 // a year of four digits
	t := time.Unix(max(-most, min(seconds, most)), 0).UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	fields := [...]struct {
		letter byte
		value  int
	}{{'Y', year}, {'y', year % 100}, {'M', int(month)}, {'D', day}, {'h', hour}, {'m', minute}, {'s', second}}
	copy(dst, layout)
	for i := len(layout) - 1; i >= 0; i-- {
		switch c := layout[i]; c {
		case '_':
			dst[i] = ' '
			if day >= 10 {
				dst[i] = byte('0' + day/10)
			}
		case 'B', 'W':
			names, at := monthNames, int(month)-1
			if c == 'W' {
				names, at = dayNames, int(t.Weekday())
			}
			i -= 2
			copy(dst[i:], names[3*at:3*at+3])
		default:
			for j := range fields {
				if f := &fields[j]; f.letter == c {
					dst[i] = byte('0' + f.value%10)
					f.value /= 10
				}
			}
		}
	}
}

// appendDigits writes v with leading zeros to a width of at most 20.
func appendDigits(dst []byte, v uint64, width int) []byte {
	start := len(dst)
	dst = append(dst, "00000000000000000000"[:width]...)
	digits := dst[start:]
	i := width
	for i >= 2 && v > 0 {
		pair := 2 * (v % 100)
		v /= 100
		i -= 2
		digits[i], digits[i+1] = digitPairs[pair], digitPairs[pair+1]
	}
	if i == 1 {
		digits[0] = byte('0' + v%10)
	}
	return dst
}

// digitPairs are the numbers from 00 to 99.
const digitPairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"
