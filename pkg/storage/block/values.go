package block

// values reads the values of a column of layout 1 in order. It can jump forward,
// and begin again.
type values struct {
	*column
	d  *decoder
	at int // the next value

	text  []byte
	ends  []uint32 // text i is text[ends[i]:ends[i+1]]
	ids   []byte   // of a dictionary or of templates, the low bytes first
	high  []byte   // the high bytes of the ids, if they have any
	ints  *intsReader
	scale *intsReader
	times []uint64 // of a column of distances from timestamps
	clock timeWriter

	rendered []byte // the texts of a column of numbers, with ends, once they were needed

	below []*values // the columns of the slots, nil until they are used
	rest  *values
	count []int // while jumping: of each template
}

// values returns the reader of a column.
func (d *decoder) values(c *column) (*values, error) {
	if v := d.opened[c]; v != nil {
		return v, nil
	}
	v := &values{column: c, d: d}
	var err error
	switch {
	case c.n == 0 || c.kind == columnConst:
	case c.kind == columnRaw:
		err = v.openTexts(c.n)
	case c.kind == columnDict:
		if err = v.openTexts(c.distinct); err == nil {
			err = v.openIDs(idWidth(c.distinct), c.distinct)
		}
	case c.kind == columnTemplates:
		err = v.openTemplates()
	case c.width > 0 && c.kind != columnPad:
		v.text, err = d.raw(&c.bytes)
	default:
		if v.ints, err = d.openInts(&c.bytes, c.n); err == nil && c.kind == columnDecimal {
			v.scale, err = d.openInts(&c.scale, c.n)
		}
		if c.kind == columnTime {
			v.clock = newTimeWriter(*c.layout)
			if err == nil && c.residual {
				err = v.resolveTimes()
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if d.opened == nil {
		d.opened = make(map[*column]*values)
	}
	d.opened[c] = v
	return v, nil
}

// raw returns the bytes of a stream, which stay until the decoder is done.
func (d *decoder) raw(s *stream) ([]byte, error) {
	var buf []byte
	if s.place == placeFrame {
		buf = d.s.slab.take(s.raw())
	}
	b, err := d.f.bytes(s, buf)
	d.batch.DecodedBytes += int64(s.raw())
	return b, err
}

func (d *decoder) openInts(s *stream, n int) (*intsReader, error) {
	data, err := d.raw(s)
	if err != nil {
		return nil, err
	}
	r := d.s.reader()
	return r, r.open(data, n)
}

// freshInts is openInts for ints that are not kept as they are stored.
func (d *decoder) freshInts(s *stream, n int) (*intsReader, error) {
	data, err := d.f.fresh(s, nil)
	if err != nil {
		return nil, err
	}
	d.batch.DecodedBytes += int64(s.raw())
	r := d.s.reader()
	return r, r.open(data, n)
}

func (v *values) openTexts(n int) error {
	var err error
	if v.ends, err = v.d.valueEnds(&v.d.s.lens, v.column, n, nil); err != nil {
		return err
	}
	v.text, err = v.d.raw(&v.bytes)
	return err
}

func (v *values) openIDs(width, limit int) error {
	ids, err := v.d.raw(&v.column.ids)
	if err != nil {
		return err
	}
	v.ids = ids[:v.n]
	if width == 2 {
		v.high = ids[v.n:]
		for i := range v.ids {
			if v.id(i) >= limit {
				return damagedf("value %d of a dictionary of %d", v.id(i), limit)
			}
		}
		return nil
	}
	if limit < 256 {
		for _, id := range v.ids {
			if int(id) >= limit {
				return damagedf("value %d of a dictionary of %d", id, limit)
			}
		}
	}
	return nil
}

func (v *values) id(i int) int {
	if v.high != nil {
		return int(v.ids[i]) | int(v.high[i])<<8
	}
	return int(v.ids[i])
}

// openTemplates reads which template each value has, and makes sure that the
// columns have as many values as that takes, so that reading them needs no
// further checks.
func (v *values) openTemplates() error {
	t := v.tmpl
	v.count = make([]int, len(t.templates)+1)
	v.below = make([]*values, len(t.columns))
	if t.single {
		v.count[1] = v.n
	} else {
		if err := v.openIDs(templateIDWidth(len(t.templates)), len(t.templates)+1); err != nil {
			return err
		}
		v.histogram(0, v.n)
	}
	used := make([]int, len(t.columns))
	for i := range t.templates {
		for _, ref := range t.templates[i].refs {
			used[ref] += v.count[i+1]
		}
	}
	for i := range t.columns {
		if t.columns[i].n != used[i] {
			return damagedf("column %d has %d values, want %d", i, t.columns[i].n, used[i])
		}
	}
	if t.rest.n != v.count[0] {
		return damagedf("%d values without template, want %d", t.rest.n, v.count[0])
	}
	var err error
	v.rest, err = v.d.values(&t.rest)
	return err
}

// histogram counts the templates of the values [start, end).
func (v *values) histogram(start, end int) {
	clear(v.count)
	if v.high == nil {
		for _, id := range v.ids[start:end] {
			v.count[id]++
		}
		return
	}
	for i := start; i < end; i++ {
		v.count[v.id(i)]++
	}
}

// template returns the number of the template of value i, 0 for none.
func (v *values) template(i int) int {
	if v.ids == nil {
		return 1
	}
	return v.id(i)
}

// sub returns the reader of column i, at the place where this one is.
func (v *values) sub(i uint16) (*values, error) {
	if s := v.below[i]; s != nil {
		return s, nil
	}
	s, err := v.d.values(&v.tmpl.columns[i])
	if err != nil {
		return nil, err
	}
	s.rewind()
	v.below[i] = s
	if v.at > 0 {
		// Values of it that were jumped over before it was opened.
		if v.ids == nil {
			v.count[1] = v.at
		} else {
			v.histogram(0, v.at)
		}
		n := 0
		for t, values := range v.count[1:] {
			if values > 0 {
				for _, ref := range v.tmpl.templates[t].refs {
					if ref == i {
						n += values
					}
				}
			}
		}
		s.skip(n)
	}
	return s, nil
}

// rewind goes back to the first value.
func (v *values) rewind() {
	if v.at == 0 {
		return
	}
	v.at = 0
	for _, r := range [...]*intsReader{v.ints, v.scale} {
		if r != nil {
			r.rewind()
		}
	}
	for _, s := range v.below {
		if s != nil {
			s.rewind()
		}
	}
	if v.rest != nil {
		v.rest.rewind()
	}
}

// shortJump is how many values are jumped over one by one.
const shortJump = 16

// skip jumps over n values.
func (v *values) skip(n int) {
	if n <= 0 {
		return
	}
	start := v.at
	v.at += n
	if v.kind != columnTemplates {
		return
	}
	if n < shortJump {
		for i := start; i < v.at; i++ {
			t := v.template(i)
			if t == 0 {
				v.rest.skip(1)
				continue
			}
			for _, ref := range v.tmpl.templates[t-1].refs {
				if s := v.below[ref]; s != nil {
					s.skip(1)
				}
			}
		}
		return
	}
	if v.ids == nil {
		v.count[1] = n
	} else {
		v.histogram(start, v.at)
	}
	v.rest.skip(v.count[0])
	for t, n := range v.count[1:] {
		if n > 0 {
			for _, ref := range v.tmpl.templates[t].refs {
				if s := v.below[ref]; s != nil {
					s.skip(n)
				}
			}
		}
	}
}

// int returns the number at i.
func (v *values) int(r *intsReader, i int) (uint64, error) {
	if i >= r.start && i < r.end {
		return r.group[i-r.start], nil
	}
	group, err := r.at(i)
	if err != nil {
		return 0, err
	}
	return group[0], nil
}

// next appends the next value to dst.
func (v *values) next(dst []byte) ([]byte, error) {
	i := v.at
	if i >= v.n {
		return dst, damagedf("value %d of a column of %d", i, v.n)
	}
	v.at++
	switch v.kind {
	case columnConst:
		return append(dst, v.constant...), nil
	case columnRaw:
		return append(dst, v.text[v.ends[i]:v.ends[i+1]]...), nil
	case columnDict:
		id := v.id(i)
		return append(dst, v.text[v.ends[id]:v.ends[id+1]]...), nil
	case columnTemplates:
		return v.assemble(dst, v.template(i))
	case columnHex:
		return appendHex(dst, v.text[i*int(v.width):(i+1)*int(v.width)], v.upper), nil
	case columnUUID:
		return appendUUID(dst, v.text[i*16:(i+1)*16], v.upper), nil
	case columnIP:
		return appendIP(dst, v.text[i*4:(i+1)*4]), nil
	}
	if v.times != nil {
		return v.clock.append(dst, int64(v.times[i])), nil
	}
	x, err := v.int(v.ints, i)
	if err != nil {
		return dst, err
	}
	switch v.kind {
	case columnInt:
		return appendInt(dst, int64(x)), nil
	case columnPad:
		return appendDigits(dst, x, int(v.width)), nil
	case columnHexInt:
		return appendHexInt(dst, x, v.upper), nil
	case columnDecimal:
		scale, err := v.int(v.scale, i)
		if err != nil || scale == 0 || scale >= uint64(len(powers)) {
			return dst, damagedf("decimal: %d digits after the point: %v", scale, err)
		}
		return appendDecimal(dst, int64(x), int(scale)), nil
	default: // a time
		return v.clock.append(dst, int64(x)), nil
	}
}

// assemble appends a value of template t.
func (v *values) assemble(dst []byte, t int) ([]byte, error) {
	if t == 0 {
		return v.rest.next(dst)
	}
	tm := &v.tmpl.templates[t-1]
	start := 0
	for j, mark := range tm.marks {
		dst = append(dst, tm.text[start:mark]...)
		start = int(mark) + 1
		s := v.below[tm.refs[j]]
		if s == nil {
			var err error
			v.at--
			if s, err = v.sub(tm.refs[j]); err != nil {
				return dst, err
			}
			v.at++
			// Earlier slots of this value may be of the same column.
		}
		var err error
		if dst, err = s.next(dst); err != nil {
			return dst, err
		}
		if len(dst) > v.d.mostBytes {
			return dst, damagedf("values of more than the %d bytes of the block", v.d.mostBytes)
		}
	}
	return append(dst, tm.text[start:]...), nil
}

// size returns the length of the next value, without making it.
func (v *values) size() (int, error) {
	i := v.at
	if i >= v.n {
		return 0, damagedf("value %d of a column of %d", i, v.n)
	}
	v.at++
	switch v.kind {
	case columnConst, columnHex, columnUUID, columnPad:
		return v.max, nil
	case columnRaw:
		return int(v.ends[i+1] - v.ends[i]), nil
	case columnDict:
		id := v.id(i)
		return int(v.ends[id+1] - v.ends[id]), nil
	case columnIP:
		n := 3
		for _, octet := range v.text[i*4 : i*4+4] {
			n += digitsOf(uint64(octet))
		}
		return n, nil
	case columnTemplates:
		t := v.template(i)
		if t == 0 {
			return v.rest.size()
		}
		tm := &v.tmpl.templates[t-1]
		n := len(tm.text) - len(tm.refs)
		for _, ref := range tm.refs {
			s := v.below[ref]
			if s == nil {
				var err error
				v.at--
				if s, err = v.sub(ref); err != nil {
					return 0, err
				}
				v.at++
			}
			size, err := s.size()
			if err != nil {
				return 0, err
			}
			n += size
		}
		return n, nil
	}
	if v.times != nil {
		return v.clock.size(int64(v.times[i])), nil
	}
	x, err := v.int(v.ints, i)
	if err != nil {
		return 0, err
	}
	switch v.kind {
	case columnInt:
		return intLen(int64(x)), nil
	case columnHexInt:
		return hexLen(x), nil
	case columnDecimal:
		scale, err := v.int(v.scale, i)
		if err != nil || scale == 0 || scale >= uint64(len(powers)) {
			return 0, damagedf("decimal: %d digits after the point: %v", scale, err)
		}
		return decimalLen(int64(x), int(scale)), nil
	default:
		return v.clock.size(int64(x)), nil
	}
}

// resolveTimes turns distances from the timestamps of rows into times.
func (v *values) resolveTimes() error {
	d := v.d
	lines, err := d.values(&d.lines)
	if err != nil {
		return err
	}
	stamps, err := d.blockTimes()
	if err != nil {
		return err
	}
	column := -1
	for i := range d.lines.tmpl.columns {
		if &d.lines.tmpl.columns[i] == v.column {
			column = i
		}
	}
	if column < 0 {
		return damagedf("distances from timestamps in a column that is not of lines")
	}
	uses := make([]int, len(d.lines.tmpl.templates)+1)
	for t := range d.lines.tmpl.templates {
		for _, ref := range d.lines.tmpl.templates[t].refs {
			if int(ref) == column {
				uses[t+1]++
			}
		}
	}
	unit := powers[9-v.layout.digits()]
	v.times = make([]uint64, 0, v.n)
	for row, ts := range stamps {
		for range uses[lines.template(row)] {
			i := len(v.times)
			x, err := v.int(v.ints, i)
			if err != nil {
				return err
			}
			v.times = append(v.times, x+uint64(floorDiv(ts, unit)))
		}
	}
	return nil
}

// blockTimes returns the timestamps of all rows of the block.
func (d *decoder) blockTimes() ([]int64, error) {
	if d.allTimes != nil {
		return d.allTimes, nil
	}
	packed, err := d.keptTimes()
	if err != nil {
		return nil, err
	}
	if packed != nil {
		d.allTimes = packed.appendRows(make([]int64, 0, d.rows), 0, d.rows)
		return d.allTimes, nil
	}
	data, err := d.f.bytes(&d.timestamps, nil)
	if err != nil {
		return nil, err
	}
	d.allTimes, err = d.readTimes(data)
	return d.allTimes, err
}

// keptTimes returns the timestamps that are kept or going to be, and nil if they are not.
func (d *decoder) keptTimes() (*packedTimes, error) {
	if kept, ok := d.hotColumn(hotTimes); ok {
		return kept.times, nil
	}
	if d.isHot(d.timestamps.off()) || !d.takes(d.packedTimesBytes(len(d.runs))) {
		return nil, nil
	}
	// Their own memory, with room for what they put behind.
	data, err := d.f.fresh(&d.timestamps, make([]byte, 0, d.timestamps.raw()+timesPadding))
	if err != nil {
		return nil, err
	}
	if d.timestamps.place != placeFrame {
		data = append(make([]byte, 0, len(data)+timesPadding), data...)
	}
	d.batch.DecodedBytes += int64(d.timestamps.raw())
	times := newPackedTimes(data, d.rows, d.runs)
	if times == nil {
		d.keep(d.timestamps.off(), hotColumn{data: data})
	} else {
		d.keep(hotTimes, hotColumn{times: times})
	}
	return times, nil
}

// readTimes makes the timestamps of all rows from their distances.
func (d *decoder) readTimes(data []byte) (times []int64, err error) {
	d.batch.DecodedBytes += int64(d.timestamps.raw())
	r := d.s.reader()
	if err := r.open(data, d.rows-len(d.runs)); err != nil {
		return nil, err
	}
	times = make([]int64, 0, d.rows)
	for i := range d.runs {
		if times, err = appendTimes(times, r, &d.runs[i], len(times)-i); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// A slab hands out buffers that are used again for the next block.
type slab struct {
	buf  []byte
	used int
	more int // bytes that buf did not have room for
}

// take returns an empty buffer with room for n bytes.
func (s *slab) take(n int) []byte {
	if n > len(s.buf)-s.used {
		s.more += n
		return make([]byte, 0, n)
	}
	b := s.buf[s.used : s.used : s.used+n]
	s.used += n
	return b
}

// reset takes all buffers back, and makes room for as many next time.
func (s *slab) reset() {
	if want := s.used + s.more; want > len(s.buf) && want <= maxScratch {
		s.buf = make([]byte, want)
	}
	s.used, s.more = 0, 0
}

// reader returns a reader of ints, which is used again for the next block.
func (s *scratch) reader() *intsReader {
	if s.usedReaders == len(s.readers) {
		s.readers = append(s.readers, new(intsReader))
	}
	s.usedReaders++
	return s.readers[s.usedReaders-1]
}
