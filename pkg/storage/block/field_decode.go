package block

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/scan"
)

// An asked is what was found out about the fields of all rows of a block.
type asked struct {
	chosen  *scan.Bitset // rows that pass or are unsure; nil when all do
	unsure  *scan.Bitset // nil when none is
	vectors []*fieldVector
	read    bool // columns were read
	never   bool // no row is chosen
}

// ask answers the fields of a question. What is not answered needs more columns.
func (d *decoder) ask(q *Question) error {
	var err error
	if d.asked, err = d.askFields(q); err != nil {
		return err
	}
	if d.asked == nil {
		d.columns |= scan.Lines | scan.Metadata
		d.batch.How = scan.ByRows
		return nil
	}
	how := scan.BySchema
	if d.asked.read || len(q.Fields.Vectors) > 0 {
		how = scan.ByColumns
	}
	if d.asked.unsure != nil {
		how = scan.ByRows
	}
	if d.batch.Answered != nil {
		how = min(how, d.batch.How)
	}
	d.batch.How = how
	d.batch.Answer = &scan.Answer{}
	switch chosen := d.asked.chosen; {
	case chosen == nil:
	case d.found == nil:
		d.found = chosen
	default:
		d.found.And(chosen)
	}
	return nil
}

// answer turns what is known of the rows of the block into the answer of the batch,
// and returns its unsure rows.
func (d *decoder) answer() *scan.Bitset {
	if d.asked == nil {
		return nil
	}
	a, rows := d.batch.Answer, d.batch.Rows()
	a.Unsure = pickRows(d.asked.unsure, d.spans, rows)
	for _, v := range d.asked.vectors {
		a.Vectors = append(a.Vectors, v.pick(d.spans, rows))
	}
	return a.Unsure
}

// askFields answers what a question wants to know of fields; nil when the block
// does not say.
func (d *decoder) askFields(q *Question) (*asked, error) {
	ask := q.Fields
	a, err := newFieldAsker(d, q)
	if a == nil || err != nil {
		return nil, err
	}
	j := judgement{all: passing}
	if ask.Where != nil {
		if j, err = a.judge(ask.Where, false); err != nil {
			return nil, err
		}
	}
	if j.pass == nil && j.all == failing && a.unsure == nil {
		return &asked{never: true, read: a.read}, nil
	}
	out := &asked{vectors: make([]*fieldVector, len(ask.Vectors))}
	for i := range ask.Vectors {
		if out.vectors[i], err = a.vector(&ask.Vectors[i]); err != nil {
			return nil, err
		}
	}
	pass, unsure := j.sets(d.rows)
	if unsure != nil {
		a.doubt().Or(unsure)
	}
	if a.failed != nil {
		// What the parser could not read passes with an error, which stages tell.
		failed := a.failed.Clone()
		failed.And(pass)
		if failed.Count() > 0 {
			a.doubt().Or(failed)
		}
	}
	if a.unsure != nil && d.found != nil {
		a.unsure.And(d.found)
	}
	if a.unsure != nil && a.unsure.Count() == 0 {
		a.unsure = nil
	}
	if a.unsure != nil {
		out.unsure = a.unsure
		pass = pass.Clone()
		pass.Or(a.unsure)
	}
	if n := pass.Count(); n == 0 {
		out.never = true
	} else if n < d.rows {
		out.chosen = pass
	}
	out.read = a.read
	return out, nil
}

// limit leaves out of the selection what is not among the rows that are wanted:
// so many with the latest times, or with the earliest.
func (d *decoder) limit(n int, oldest bool) {
	b := d.batch
	rows := b.Rows()
	sure := func(row int) bool {
		return (b.Selected == nil || b.Selected.Get(row)) && (b.Answer == nil || b.Answer.Unsure == nil || !b.Answer.Unsure.Get(row))
	}
	if rows <= n || b.Selected != nil && b.Selected.Count() <= n {
		return
	}
	times := b.AllTimes()
	// A heap of the times to keep, the first to give way on top.
	worse := func(a, b int64) bool { return a < b != oldest && a != b }
	keep := make([]int64, 0, n)
	for row := range rows {
		ts := times[row]
		if len(keep) == n && !worse(keep[0], ts) || !sure(row) {
			continue
		}
		if len(keep) < n {
			keep = append(keep, ts)
			if len(keep) == n {
				slices.SortFunc(keep, func(a, b int64) int {
					switch {
					case worse(a, b):
						return -1
					case a == b:
						return 0
					}
					return 1
				})
			}
			continue
		}
		i := 0
		for {
			down := 2*i + 1
			if down >= n {
				break
			}
			if down+1 < n && worse(keep[down+1], keep[down]) {
				down++
			}
			if !worse(keep[down], ts) {
				break
			}
			keep[i] = keep[down]
			i = down
		}
		keep[i] = ts
	}
	if len(keep) < n {
		return
	}
	if b.Selected == nil {
		b.Selected = scan.NewBitset(rows, true)
	}
	for row := b.Selected.Next(0); row < rows; row = b.Selected.Next(row + 1) {
		if worse(times[row], keep[0]) && sure(row) {
			b.Selected.Clear(row)
		}
	}
}
