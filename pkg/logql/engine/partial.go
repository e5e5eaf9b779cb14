package engine

import (
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// A partial is the partial aggregates of a range aggregation: what one worker
// saw, or several merged. It belongs to one goroutine.
type partial struct {
	*numbering
	table  table
	budget *budget
	paid   int // labels whose memory is counted
	held   int // bytes that are counted for states
}

func newPartial(r *plan.Range, w *windows, b *budget) *partial {
	return &partial{numbering: newNumbering(), table: tableFor(r, w), budget: b}
}

// tableFor returns the table with the accumulators of a range's operator.
func tableFor(r *plan.Range, w *windows) table {
	n := w.buckets()
	seconds := r.Range.Seconds()
	switch r.Op {
	case syntax.Rate, syntax.BytesRate:
		return sliding[sum](n, func(s *sum) float64 { return s.total() / seconds })
	case syntax.AvgOverTime:
		return sliding[mean](n, (*mean).value)
	case syntax.MinOverTime:
		return sliding[low](n, func(l *low) float64 { return l.v })
	case syntax.MaxOverTime:
		return sliding[high](n, func(h *high) float64 { return h.v })
	case syntax.StddevOverTime:
		return sliding[deviation](n, func(d *deviation) float64 { return math.Sqrt(d.variance()) })
	case syntax.StdvarOverTime:
		return sliding[deviation](n, (*deviation).variance)
	case syntax.FirstOverTime:
		return sliding[earliest](n, func(e *earliest) float64 { return e.v })
	case syntax.LastOverTime:
		return sliding[latest](n, func(l *latest) float64 { return l.v })
	case syntax.QuantileOverTime:
		const perSample = 40 // with the arrays of quantiles, and room to grow
		return newTable[all](n, perSample, func(s []state[all], w *windows) []point { return quantiles(s, w, r.Param) })
	case syntax.RateCounter:
		const perSample = 80
		return newTable[history](n, perSample, func(s []state[history], w *windows) []point { return rises(s, w, seconds) })
	default: // count_over_time, bytes_over_time, sum_over_time, absent_over_time
		return sliding[sum](n, (*sum).total)
	}
}

// sliding is a table whose states are merged as windows slide over them.
func sliding[T any, P accumulator[T]](buckets int, value func(*T) float64) table {
	return newTable[T, P](buckets, 0, func(s []state[T], w *windows) []point { return slide[T, P](s, w, value) })
}

// settle counts against the budget what the partial took since the last time.
func (p *partial) settle() error {
	n := p.table.bytes()
	p.held += n
	for _, ls := range p.labels[p.paid:] {
		n += seriesBytes + int(ls.ByteSize())
	}
	p.paid = len(p.labels)
	return p.budget.use(n)
}

// merge takes over all of o.
func (p *partial) merge(o *partial) error {
	for i, ls := range o.labels {
		if i%checkEvery == 0 {
			if err := p.settle(); err != nil {
				return err
			}
		}
		n := p.series(p.get(ls))
		p.table.take(n, o.table, i)
	}
	p.held += o.held
	return p.settle()
}

// series makes sure that the table has a series of this number, and returns it.
func (p *partial) series(number int) int {
	p.table.grow(len(p.labels))
	return number
}

// result returns the series and their points, by labels. The partial is of no
// use behind it.
func (p *partial) result(w *windows) ([]series, error) {
	points, err := p.points(w)
	if err != nil {
		return nil, err
	}
	out := make([]series, 0, len(p.labels))
	for i, ls := range p.labels {
		if err := p.budget.use(pointBytes * len(points[i])); err != nil {
			return nil, err
		}
		if len(points[i]) > 0 {
			out = append(out, series{ls, points[i]})
		}
	}
	sortSeries(out)
	return out, p.budget.use(-p.held)
}

// points returns the points of each series. Series have nothing in common, and
// some take long: a quantile sorts its samples.
func (p *partial) points(w *windows) ([][]point, error) {
	out := make([][]point, len(p.labels))
	var next atomic.Int64
	work := func() error {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(out) {
				return nil
			}
			out[i] = p.table.points(i, w)
		}
	}
	errs := make([]error, max(1, min(runtime.GOMAXPROCS(0), len(out)/fewSeries)))
	var wg sync.WaitGroup
	for n := range errs {
		wg.Go(func() { errs[n] = guard.Do(work) })
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// fewSeries is how many series are worth a worker of their own.
const fewSeries = 2
