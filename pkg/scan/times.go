package scan

import "sort"

// Times are the times of the rows of a batch which are not at hand one by one, but
// are found faster than all of them could be listed. They never change.
type Times interface {
	// Rows is how many rows there are.
	Rows() int
	// At returns the time of a row.
	At(row int) int64
	// Behind returns the first of the rows [row, end), all of one run, whose time is
	// after ts, or end.
	Behind(row, end int, ts int64) int
	// Append appends the times of the rows [start, end).
	Append(dst []int64, start, end int) []int64
}

// Time returns the time of a row.
func (b *Batch) Time(row int) int64 {
	if b.Times != nil {
		return b.Times.At(row)
	}
	return b.Timestamps[row]
}

// Behind returns the first of the rows [row, end), all of one run, whose time is
// after ts, or end. Near ones are found as fast as by looking at each.
func (b *Batch) Behind(row, end int, ts int64) int {
	if b.Times != nil {
		return b.Times.Behind(row, end, ts)
	}
	return Behind(b.Timestamps[:end], row, ts)
}

// Behind returns the first place from row on whose time is after ts, where times
// ascend from row on. Near ones are found as fast as by looking at each.
func Behind(timestamps []int64, row int, ts int64) int {
	step := 1
	for row+step < len(timestamps) && timestamps[row+step] <= ts {
		row += step
		step *= 2
	}
	end := min(row+step, len(timestamps))
	return row + sort.Search(end-row, func(i int) bool { return timestamps[row+i] > ts })
}

// AllTimes returns the times of all rows, which must not be changed.
func (b *Batch) AllTimes() []int64 {
	if b.Times != nil {
		return b.Times.Append(make([]int64, 0, b.Rows()), 0, b.Rows())
	}
	return b.Timestamps
}
