package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// planOf is what is known of a scan before it is opened.
func planOf(query string, req *scan.Request, rest []syntax.Stage, p *pushed) explain.Step {
	s := explain.Step{
		Query:    query,
		Selector: selectorText(req.Matchers),
		Start:    time.Unix(0, req.Interval.Mint).UTC(),
		End:      time.Unix(0, req.Interval.Maxt).UTC(),
		Fields:   p.describe(),
	}
	for i := range req.Filters {
		f := &req.Filters[i]
		s.LineFilters = append(s.LineFilters, [...]string{"|=", "!=", "|~", "!~"}[f.Op]+" "+strconv.Quote(f.Text))
	}
	for _, stage := range rest {
		s.Stages = append(s.Stages, fmt.Sprint(stage))
	}
	return s
}

func selectorText(matchers []*labels.Matcher) string {
	texts := make([]string, len(matchers))
	for i, m := range matchers {
		texts[i] = m.String()
	}
	return "{" + strings.Join(texts, ", ") + "}"
}

// describe is what a query asks of fields: its condition, and the labels that it
// wants the values of.
func (p *pushed) describe() []string {
	if p == nil {
		return nil
	}
	var out []string
	if p.push.Where != nil {
		out = append(out, p.predicate(p.push.Where))
	}
	if p.whole && p.unwrap {
		out = append(out, "values of "+p.push.Fields[p.value].Name)
	}
	if p.metadata {
		out = append(out, "by all metadata")
	}
	if p.whole && len(p.groups) > 0 {
		out = append(out, "by "+strings.Join(p.groups, ", "))
	}
	return out
}

func (p *pushed) predicate(c *scan.Predicate) string {
	switch c.Op {
	case scan.And, scan.Or:
		texts := make([]string, len(c.Subs))
		for i := range c.Subs {
			texts[i] = p.predicate(&c.Subs[i])
		}
		return "(" + strings.Join(texts, map[scan.PredicateOp]string{scan.And: " and ", scan.Or: " or "}[c.Op]) + ")"
	case scan.Text:
		return c.Matcher.String()
	case scan.Address:
		return c.Matcher.Name + c.Matcher.Type.String() + "ip(" + strconv.Quote(c.Matcher.Value) + ")"
	}
	text := p.push.Fields[c.Field].Name + " " + [...]string{"==", "!=", ">", ">=", "<", "<="}[c.Compare] + " "
	value := strconv.FormatFloat(c.Value, 'g', -1, 64)
	switch c.Op {
	case scan.Duration:
		value = time.Duration(c.Value * float64(time.Second)).String()
	case scan.Bytes:
		value += "B"
	}
	return text + value
}

// columnsText says what is read of a block.
func columnsText(c scan.Columns) string {
	names := []string{"times"}
	for _, column := range []struct {
		column scan.Columns
		name   string
	}{{scan.Lines, "lines"}, {scan.LinesToFilter, "lines to filter"}, {scan.Metadata, "metadata"}, {scan.Sizes, "lengths"}} {
		if c.Has(column.column) {
			names = append(names, column.name)
		}
	}
	return strings.Join(names, ", ")
}

// explainRead notes what one read of a block was; first says that it is not one of
// the same block again.
func explainRead(s *explain.Scan, b *scan.Batch, want *scan.Want, first bool, took time.Duration) {
	if s == nil {
		return
	}
	r := explain.Read{
		Columns: columnsText(want.Columns), Fields: want.Fields != nil,
		ReadBytes: b.ReadBytes, DecodedBytes: b.DecodedBytes, Seconds: explain.Seconds(took),
	}
	if first {
		r.Blocks, r.Rows = 1, int64(b.Rows())
		r.Selected = r.Rows
		if b.Selected != nil {
			r.Selected = int64(b.Selected.Count())
		}
		switch {
		case b.How == scan.BySchema:
			r.Header = 1
			if r.Selected == 0 {
				s.Skip(explain.Skip{Why: explain.RuledOut, Blocks: 1})
			}
		case b.How == scan.ByColumns, b.Lines == nil && b.Answered == nil:
			r.ByColumns = 1
		default:
			r.ByRows = 1
		}
	}
	s.AddRead(r)
}

// plan notes what would be read.
func (r *reading) plan() {
	for _, b := range r.order {
		n := r.need(b)
		note := explain.Read{Columns: columnsText(n.first.Columns), Fields: n.first.Fields != nil, Blocks: 1}
		for i, run := range r.dir.Blocks[b].Runs {
			if !r.layout.blocks[b].runs[i].interval.Empty() {
				note.Rows += int64(run.Rows)
			}
		}
		r.trace.AddRead(note)
	}
}

// explainOpened notes what a snapshot has.
func explainOpened(s *explain.Scan, snap scan.Snapshot, took time.Duration) {
	if s != nil {
		dir := snap.Directory()
		s.Opened(len(dir.Streams), len(dir.Blocks), took)
	}
}

// rangePlan is what is known of a range before it is opened.
func rangePlan(r *plan.Range, req *scan.Request, p *pushed) explain.Step {
	return planOf(r.String(), req, slices.Clone(r.Rest), p)
}
