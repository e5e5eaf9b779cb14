package engine

import "sync/atomic"

// A budget bounds the memory that a query holds for its result. It counts what
// grows with the data: series, samples, points, held rows.
type budget struct {
	max  int64
	used atomic.Int64
}

// use takes n bytes; a negative n gives them back.
func (b *budget) use(n int) error {
	if used := b.used.Add(int64(n)); n > 0 && used > b.max {
		return limitErrorf("max_memory", "the query needs more than %d MB of memory for its series and samples; "+
			"consider more specific stream selectors, a shorter time range, or aggregating results with functions like sum(), count() or topk()", b.max>>20)
	}
	return nil
}
