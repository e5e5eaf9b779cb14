package block

// fixedLen is the length that all values of a column have, if the schema tells.
func (c *column) fixedLen() (int, bool) {
	if c.kind != columnTime {
		return c.min, c.min == c.max
	}
	n := len(dateLayouts[c.layout.date]) + len(c.layout.suffix)
	switch c.layout.fraction {
	case 0:
		return n, true
	case fractionTrimmed:
		return 0, false
	}
	return n + 1 + c.layout.digits(), true
}

// A sizer adds up the lengths of the lines of a block of layout 1, column by
// column: no text is made or read, and columns whose values all have one length
// are not read at all.
type sizer struct {
	d     *decoder
	spare [][]uint32 // buffers that are free
}

func (z *sizer) take(n int) []uint32 {
	if last := len(z.spare) - 1; last >= 0 {
		b := z.spare[last]
		z.spare = z.spare[:last]
		if cap(b) >= n {
			clear(b[:n])
			return b[:n]
		}
	}
	return make([]uint32, n)
}

func (z *sizer) give(b []uint32) { z.spare = append(z.spare, b) }

// add adds the length of each value of a column to sizes.
func (z *sizer) add(c *column, sizes []uint32) error {
	if n, ok := c.fixedLen(); ok {
		for i := range sizes {
			sizes[i] += uint32(n)
		}
		return nil
	}
	switch c.kind {
	case columnRaw, columnDict:
		return z.addTexts(c, sizes)
	case columnTemplates:
		return z.addTemplates(c, sizes)
	}
	v, err := z.d.values(c)
	if err != nil {
		return err
	}
	v.rewind()
	if c.kind != columnInt && c.kind != columnHexInt {
		for i := range sizes {
			n, err := v.size()
			if err != nil {
				return err
			}
			sizes[i] += uint32(n)
		}
		v.rewind()
		return nil
	}
	for i := 0; i < len(sizes); {
		group, err := v.ints.at(i)
		if err != nil {
			return err
		}
		to := sizes[i:]
		group = group[:min(len(group), len(to))]
		for j, x := range group {
			if c.kind == columnInt {
				to[j] += uint32(intLen(int64(x)))
			} else {
				to[j] += uint32(hexLen(x))
			}
		}
		i += len(group)
	}
	v.at = v.n // for rewind to know that ints were read
	v.rewind()
	return nil
}

// addTexts reads lengths, and of a dictionary which value is where.
func (z *sizer) addTexts(c *column, sizes []uint32) error {
	d := z.d
	texts := c.n
	if c.kind == columnDict {
		texts = c.distinct
	}
	ends, err := d.valueEnds(&d.s.lens, c, texts, d.s.ends[:0])
	if err != nil {
		return err
	}
	d.s.ends = ends[:0]
	if c.kind == columnRaw {
		for i := range sizes {
			sizes[i] += ends[i+1] - ends[i]
		}
		return nil
	}
	v := d.opened[c]
	if v == nil {
		// Not as one that is open: its texts were not read.
		v = &values{column: c, d: d}
		if err := v.openIDs(idWidth(c.distinct), c.distinct); err != nil {
			return err
		}
	}
	for i := range sizes {
		id := v.id(i)
		sizes[i] += ends[id+1] - ends[id]
	}
	return nil
}

// addTemplates adds the static text, and the values of the slots.
func (z *sizer) addTemplates(c *column, sizes []uint32) error {
	v, err := z.d.values(c)
	if err != nil {
		return err
	}
	v.rewind()
	t := c.tmpl
	static := make([]uint32, len(t.templates)+1)
	for i := range t.templates {
		tm := &t.templates[i]
		n := len(tm.text) - len(tm.refs)
		for _, ref := range tm.refs {
			if fixed, ok := t.columns[ref].fixedLen(); ok {
				n += fixed
			}
		}
		static[i+1] = uint32(n)
	}
	for i := range sizes {
		sizes[i] += static[v.template(i)]
	}
	uses := make([]uint16, len(t.templates)+1)
	if t.rest.n > 0 {
		uses[0] = 1
		if err := z.scatter(v, &t.rest, uses, sizes); err != nil {
			return err
		}
	}
	for i := range t.columns {
		sub := &t.columns[i]
		if _, ok := sub.fixedLen(); ok || sub.n == 0 {
			continue
		}
		clear(uses)
		for k := range t.templates {
			for _, ref := range t.templates[k].refs {
				if int(ref) == i {
					uses[k+1]++
				}
			}
		}
		if err := z.scatter(v, sub, uses, sizes); err != nil {
			return err
		}
	}
	return nil
}

// scatter adds the lengths of the values of a column below v to the values of
// v, which has so many of them in each value of a template.
func (z *sizer) scatter(v *values, sub *column, uses []uint16, sizes []uint32) error {
	straight := sub.n == v.n
	for _, n := range uses[1:] {
		straight = straight && n == 1
	}
	if straight {
		return z.add(sub, sizes)
	}
	of := z.take(sub.n)
	defer z.give(of)
	if err := z.add(sub, of); err != nil {
		return err
	}
	left := of
	for i := range sizes {
		for n := uses[v.template(i)]; n > 0; n-- {
			sizes[i] += left[0]
			left = left[1:]
		}
	}
	return nil
}
