package block

import (
	"math"
	"time"
)

// marks are the rows at which the times of a run pass the multiples of some unit.
// What is counted by steps of time asks for these and for little else: the ends of
// steps are mostly full seconds or minutes.
type marks struct {
	unit int64 // 0 for no marks
	zero int64 // a multiple of unit, at or before the first row
	// rows[i] is the first row of the block whose time is after zero + i × unit, for
	// all of those before the last row.
	rows []uint32
}

// markUnits are the units that marks may have. Each divides the next.
var markUnits = [...]int64{
	int64(time.Second), int64(5 * time.Second), int64(15 * time.Second), int64(time.Minute),
	int64(5 * time.Minute), int64(15 * time.Minute), int64(time.Hour), int64(24 * time.Hour),
}

// rowsPerMark is how many rows a run has for each of its marks, at least.
const rowsPerMark = 8

// newMarks returns marks of the smallest unit that is not too many for a run, none set.
func newMarks(run *Run) marks {
	const far = math.MaxInt64 / 4 // for nothing to overflow
	mint, maxt := run.Interval.Mint, run.Interval.Maxt
	if mint < -far || maxt > far {
		return marks{}
	}
	for _, unit := range markUnits {
		zero := floorDiv(mint, unit) * unit
		if n := (maxt-zero)/unit + 1; n <= int64(run.Rows/rowsPerMark) {
			return marks{unit: unit, zero: zero, rows: make([]uint32, 0, n)}
		}
	}
	return marks{}
}

// pass notes that row is the next one, at ts.
func (m *marks) pass(ts int64, row int) {
	if m.unit == 0 {
		return
	}
	for ts > m.zero+int64(len(m.rows))*m.unit {
		m.rows = append(m.rows, uint32(row))
	}
}

// around returns where the first row after ts is, a time from the first row of the run
// to before its last: at from, if that is exact, else from there on and not behind to,
// which is -1 for the end.
func (m *marks) around(ts int64) (from, to int, exact bool) {
	i := (ts - m.zero) / m.unit
	from, to = int(m.rows[i]), -1
	if int(i)+1 < len(m.rows) {
		to = int(m.rows[i+1])
	}
	return from, to, (ts-m.zero)%m.unit == 0
}
