package scan

// Keep returns the batch with only the rows of keep, as if the others had never
// been: they neither count nor have copies. b does not change; the two share
// memory where all rows stay.
//
// b has no shapes, and no list of fields: they do not say which rows have what. Who
// hides rows does not ask for them.
func (b *Batch) Keep(keep *Bitset) *Batch {
	rows := b.Rows()
	left := keep.Count()
	if left == rows {
		return b
	}
	if b.Shapes != nil || b.Found != nil {
		panic("scan: some rows of a batch with shapes or a list of fields are to be kept")
	}
	out := *b
	out.Runs = nil
	out.Timestamps, out.Times = kept(b.AllTimes(), keep, left), nil
	out.Lines = kept(b.Lines, keep, left)
	out.Metadata = kept(b.Metadata, keep, left)
	out.Sizes = kept(b.Sizes, keep, left)
	out.Selected = b.Selected.keep(keep, left)
	if b.Answer != nil {
		out.Answer = b.Answer.keep(keep, left)
	}
	at := 0
	for _, run := range b.Runs {
		start := at
		for n := run.Start; n < run.End; n++ {
			if keep.Get(n) {
				at++
			}
		}
		if at > start {
			out.Runs = append(out.Runs, BatchRun{Stream: run.Stream, Start: start, End: at})
		}
	}
	return &out
}

// kept returns the items of a column whose rows stay.
func kept[T any](column []T, keep *Bitset, left int) []T {
	if column == nil {
		return nil
	}
	out := make([]T, 0, left)
	for n := range column {
		if keep.Get(n) {
			out = append(out, column[n])
		}
	}
	return out
}

// keep returns the bits of the rows that stay.
func (b *Bitset) keep(keep *Bitset, left int) *Bitset {
	if b == nil {
		return nil
	}
	out := NewBitset(left, false)
	at := 0
	for n := range b.n {
		if !keep.Get(n) {
			continue
		}
		if b.Get(n) {
			out.Set(at)
		}
		at++
	}
	return out
}

// keep returns what is known of the rows that stay.
func (a *Answer) keep(keep *Bitset, left int) *Answer {
	out := &Answer{Unsure: a.Unsure.keep(keep, left)}
	for _, v := range a.Vectors {
		v.Codes = kept(v.Codes, keep, left)
		v.Numbers = kept(v.Numbers, keep, left)
		v.Absent = v.Absent.keep(keep, left)
		out.Vectors = append(out.Vectors, v)
	}
	return out
}
