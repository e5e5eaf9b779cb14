package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
	levels "github.com/skaldlogs/skald/pkg/fields"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A pushed is what a query asks of fields in place of stages.
type pushed struct {
	push *plan.Push
	// whole says that the rows of an answer need no stages to become samples.
	whole bool
	all   bool // stages look at all labels
	// metadata says that the series of a row are told by all of its metadata: the stages
	// run over that, once for all rows that have the same.
	metadata bool
	groups   []string // of the grouping, those that are not of the stream for certain
	by       []string // all labels of the grouping
	unwrap   bool     // the first vector is the unwrapped label
	as       scan.PredicateOp
	value    int // the field that is unwrapped

	mu    sync.Mutex              // guards the field below
	forms map[string]*scan.Fields // by what streams have of the fields; nil where it does not work
}

// pushLogs returns what a log query asks of fields, nil for nothing.
func pushLogs(rest []syntax.Stage) *pushed {
	p := plan.PushFields(rest)
	if p.Where == nil {
		return nil
	}
	return &pushed{push: p, all: true}
}

// pushRange returns what a range asks of fields, nil for nothing.
func pushRange(r *plan.Range) *pushed {
	push := plan.PushFields(r.Rest)
	known := len(push.Fields)
	p := &pushed{push: push}
	p.whole = push.Whole && r.Grouping != nil && !r.Grouping.Without && p.ofGroups(r) && p.ofUnwrap(r)
	if p.whole {
		if len(r.Rest) == 0 && r.Unwrap == nil && len(p.groups) == 0 {
			return nil // nothing but the stream counts
		}
		return p
	}
	push.Fields = push.Fields[:known]
	if r.Unwrap == nil && (r.Grouping == nil || r.Grouping.Without) && !plan.ReadsLine(r.Rest) {
		return &pushed{push: &plan.Push{Whole: true}, whole: true, metadata: true}
	}
	if push.Where == nil {
		return nil
	}
	return &pushed{push: push, all: true}
}

// ofUnwrap notes the label that is unwrapped, and reports whether a vector of it is
// enough.
func (p *pushed) ofUnwrap(r *plan.Range) (ok bool) {
	if r.Unwrap == nil {
		return true
	}
	for _, f := range r.Unwrap.Filters {
		if !wantsNoError(f) {
			return false
		}
	}
	p.unwrap, p.as = true, unwrapAs(r.Unwrap)
	p.value, ok = p.push.Field(r.Unwrap.Label)
	return ok && !slices.Contains(p.by, r.Unwrap.Label)
}

// ofGroups notes the labels of the grouping, and reports whether vectors of them
// are enough.
func (p *pushed) ofGroups(r *plan.Range) bool {
	streams := plan.StreamLabels(r.Matchers)
	for _, name := range r.Grouping.Labels {
		if slices.Contains(p.by, name) {
			continue
		}
		p.by = append(p.by, name)
		switch {
		case slices.Contains(p.push.Dropped, name) || strings.HasSuffix(name, "_extracted"):
			return false
		case slices.Contains(streams, name):
		case name == pipeline.ErrorLabel || name == pipeline.ErrorDetailsLabel || name == pipeline.PreserveErrorLabel:
			return false
		default:
			p.groups = append(p.groups, name)
		}
	}
	return true
}

func unwrapAs(u *syntax.Unwrap) scan.PredicateOp {
	switch u.Conversion {
	case syntax.ConvertDuration, syntax.ConvertDurationSeconds:
		return scan.Duration
	case syntax.ConvertBytes:
		return scan.Bytes
	}
	return scan.Number
}

// wantsNoError reports whether f is __error__="", which all rows pass that have none.
func wantsNoError(f syntax.LabelFilter) bool {
	s, ok := f.(*syntax.StringFilter)
	return ok && s.Matcher.Name == pipeline.ErrorLabel && s.Matcher.Type == labels.MatchEqual && s.Matcher.Value == ""
}

// of returns what to ask of a block, nil if its streams do not allow it.
//
// A label of the stream hides what has its name in metadata and lines: where all
// streams of the block have the same, it is put into the predicate as it is, and
// where all have a label of the grouping, no vector is wanted.
func (p *pushed) of(dir *scan.Directory, block int, layout *blockLayout) *scan.Fields {
	if p == nil {
		return nil
	}
	runs := dir.Blocks[block].Runs
	known := make([]streamValue, len(p.push.Fields))
	lacks := make([]bool, len(p.groups))
	first := true
	for i, r := range runs {
		if layout.runs[i].interval.Empty() {
			continue
		}
		stream := dir.Streams[r.Stream].Labels
		for f := range known {
			name := p.push.Fields[f].Name
			v := streamValue{stream.Get(name), stream.Has(name)}
			if !first && known[f] != v {
				return nil
			}
			known[f] = v
		}
		for g, name := range p.groups {
			lacks[g] = lacks[g] || !stream.Has(name)
		}
		first = false
	}
	var buf [128]byte
	key := buf[:0]
	for _, v := range known {
		key = strconv.AppendBool(strconv.AppendQuote(key, v.value), v.there)
	}
	for _, l := range lacks {
		key = strconv.AppendBool(key, l)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if fields, ok := p.forms[string(key)]; ok {
		return fields
	}
	if p.forms == nil {
		p.forms = map[string]*scan.Fields{}
	}
	fields := p.form(known, lacks)
	p.forms[string(key)] = fields
	return fields
}

// A streamValue is the label of a stream that has the name of a field.
type streamValue struct {
	value string
	there bool
}

// form makes what to ask where streams have the known labels, and some lack those of
// the grouping that are marked. It is nil where that cannot be asked.
func (p *pushed) form(known []streamValue, lacks []bool) *scan.Fields {
	out := &scan.Fields{
		Parser: p.push.Parser, Parts: p.push.Parts, Expr: p.push.Expr, All: p.all,
		Extractions: p.push.Extractions, Strict: p.push.Strict, KeepEmpty: p.push.KeepEmpty,
	}
	for i, v := range known {
		if v.there && p.unwrap && i == p.value {
			return nil
		}
	}
	f := folder{fields: p.push.Fields, known: known, parses: p.push.Parser != scan.NoParser, out: out}
	if p.push.Where != nil {
		where, ok := f.fold(p.push.Where)
		if !ok {
			return nil
		}
		out.Where = &where
	}
	if !p.whole {
		return out
	}
	if p.metadata {
		out.Vectors = append(out.Vectors, scan.VectorWant{Field: scan.AllMetadata, As: scan.Text})
	}
	if p.unwrap {
		out.Vectors = append(out.Vectors, scan.VectorWant{Field: f.field(p.push.Fields[p.value]), As: p.as})
	}
	for g, name := range p.groups {
		w := scan.VectorWant{Field: scan.NoField, As: scan.Text}
		if lacks[g] {
			w.Field = f.field(scan.Field{Name: name, Metadata: p.push.Parser == scan.NoParser})
		}
		out.Vectors = append(out.Vectors, w)
	}
	return out
}

// A folder puts labels of streams into a predicate.
type folder struct {
	fields []scan.Field
	known  []streamValue
	parses bool // rows may have an error of the parser
	out    *scan.Fields
}

// field returns the number of a field in the result.
func (f *folder) field(want scan.Field) int {
	n := slices.Index(f.out.Fields, want)
	if n < 0 {
		n = len(f.out.Fields)
		f.out.Fields = append(f.out.Fields, want)
	}
	return n
}

// fold returns the predicate for the streams; ok is false where there is none.
func (f *folder) fold(p *scan.Predicate) (_ scan.Predicate, ok bool) {
	out := *p
	if p.Op == scan.And || p.Op == scan.Or {
		out.Subs = make([]scan.Predicate, len(p.Subs))
		for i := range p.Subs {
			if out.Subs[i], ok = f.fold(&p.Subs[i]); !ok {
				return out, false
			}
		}
		return out, true
	}
	if v := f.known[p.Field]; v.there {
		holds := false
		switch p.Op {
		case scan.Text:
			holds = extract.NewTextMatcher(p.Matcher).Matches(v.value)
		case scan.Address:
			set, err := extract.NewAddresses(p.Matcher.Value)
			if err != nil {
				return out, false
			}
			if holds = set.HasText(v.value) == (p.Matcher.Type == labels.MatchEqual); !holds && f.parses {
				return out, false
			}
		default:
			number, err := p.Op.Convert(v.value)
			holds = p.Compare.Holds(number, p.Value)
			// Rows that the parser cannot read pass a comparison that does not hold.
			if err != nil || !holds && f.parses {
				return out, false
			}
		}
		if holds {
			return scan.Predicate{Op: scan.And}, true // of nothing
		}
		return scan.Predicate{Op: scan.Or}, true
	}
	out.Field = f.field(f.fields[p.Field])
	return out, true
}

// ask makes a need ask for fields. Rows that are read again to compare them are
// left to the stages.
func (n *need) ask(fields *scan.Fields, shares bool) {
	if shares && (slices.ContainsFunc(fields.Fields, func(f scan.Field) bool { return f.Name == levels.DetectedLevel }) ||
		slices.ContainsFunc(fields.Vectors, func(v scan.VectorWant) bool { return v.Field == scan.AllMetadata })) {
		return // the copy that counts may not be the one that passes
	}
	n.first.Fields = fields
}

// answers reports whether the fields of a piece are answered, and nothing else is
// needed to make samples of it.
func (run *rangeRun) answers(p *piece, answered bool) bool {
	return p.batch.Answer != nil && run.pushed != nil && run.pushed.whole && answered
}

// fields makes samples of the rows of a piece whose fields are answered, and runs
// the stages over those that the source is unsure of.
func (sm *sampler) fields(ctx context.Context, p *piece) error {
	b := p.batch
	unsure := b.Answer.Unsure
	if unsure != nil && unsure.CountRange(p.start, p.end) > 0 {
		if err := sm.rows(ctx, p, true, unsure); err != nil {
			return err
		}
	}
	run := sm.sink.run
	if run.pushed.unwrap {
		p.list()
	}
	g := newGrouper(sm, p)
	c := run.windows.cursor()
	for start := p.start; start < p.end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		end, bucket := c.stretch(p, start)
		if bucket >= 0 {
			if run.pushed.unwrap {
				g.samples(start, end, bucket)
			} else {
				g.counts(start, end, bucket)
			}
			if g.err != nil {
				return g.err
			}
			if err := sm.sink.partial.settle(); err != nil {
				return err
			}
		}
		start = end
	}
	return nil
}

// A grouper finds the series of the rows of a piece by the codes of their fields.
type grouper struct {
	sm      *sampler
	p       *piece
	vectors []*scan.Vector // of the grouping, those that the stream has not got
	names   []string       // of each
	numbers *scan.Vector
	key     *groupKeys
	err     error // of the stages that run over metadata
}

// groupKeys are the series of codes. A worker has one for all its pieces.
type groupKeys struct {
	epoch uint32
	table []groupKey           // by code, of a single vector
	found map[string]*groupKey // by the codes of several
	buf   []byte
	one   groupKey    // without a vector
	live  []*groupKey // that have counted rows
}

// A groupKey is the series of one code, or of several.
type groupKey struct {
	epoch  uint32
	series int32
	n      int64
	bytes  int64
}

func newGrouper(sm *sampler, p *piece) *grouper {
	run := sm.sink.run
	g := &grouper{sm: sm, p: p, key: &sm.sink.keys}
	vectors := p.batch.Answer.Vectors
	if run.pushed.unwrap {
		g.numbers, vectors = &vectors[0], vectors[1:]
	}
	if run.pushed.metadata {
		g.vectors = append(g.vectors, &vectors[0])
	}
	for i, name := range run.pushed.groups {
		if !sm.labels.Has(name) {
			g.vectors = append(g.vectors, &vectors[i])
			g.names = append(g.names, name)
		}
	}
	k := g.key
	k.epoch++
	if len(g.vectors) == 1 {
		if n := len(g.vectors[0].Values); len(k.table) < n {
			k.table = slices.Grow(k.table[:0], n)[:n]
		}
	} else if len(g.vectors) > 1 {
		k.found = map[string]*groupKey{}
	}
	return g
}

// next is the first row from i on that counts and is not unsure, or end.
func (g *grouper) next(i, end int) int {
	p := g.p
	unsure := p.batch.Answer.Unsure
	for i < end {
		switch {
		case p.keep != nil:
			i = p.start + p.keep.Next(i-p.start)
		case p.batch.Selected != nil:
			i = p.batch.Selected.Next(i)
		}
		if i >= end {
			return end
		}
		if unsure == nil || !unsure.Get(i) {
			return i
		}
		i++
	}
	return end
}

// of returns the group of a row.
func (g *grouper) of(row int) *groupKey {
	k := g.key
	switch len(g.vectors) {
	case 0:
		if k.one.epoch != k.epoch {
			k.one = groupKey{epoch: k.epoch, series: g.series(row)}
		}
		return &k.one
	case 1:
		s := &k.table[g.vectors[0].Codes[row]]
		if s.epoch != k.epoch {
			*s = groupKey{epoch: k.epoch, series: g.series(row)}
		}
		return s
	}
	k.buf = k.buf[:0]
	for _, v := range g.vectors {
		c := v.Codes[row]
		k.buf = append(k.buf, byte(c), byte(c>>8), byte(c>>16), byte(c>>24))
	}
	if s, ok := k.found[string(k.buf)]; ok {
		return s
	}
	s := &groupKey{epoch: k.epoch, series: g.series(row)}
	k.found[string(k.buf)] = s
	return s
}

// noSeries is that of rows that stages let not pass.
const noSeries = -1

// ofMetadata is the number of the series of a row by what the stages make of its
// metadata.
func (g *grouper) ofMetadata(row int) int32 {
	v := g.vectors[0]
	md, ok := scan.ReadMetadata(v.Values[v.Codes[row]])
	if !ok {
		g.err = errors.New("read metadata: a source gave what is none")
		return noSeries
	}
	sp := g.sm.pipeline(true)
	defer sp.Release()
	_, set, ok := sp.Process(0, "", md)
	if !ok {
		return noSeries
	}
	if err := g.sm.failed(set); err != nil {
		g.err = err
		return noSeries
	}
	part := g.sm.sink.partial
	return int32(part.series(part.number(set.All, set.Hash)))
}

// series is the number of the series of a row.
func (g *grouper) series(row int) int32 {
	sm := g.sm
	if sm.sink.run.pushed.metadata {
		return g.ofMetadata(row)
	}
	b := labels.NewScratchBuilder(len(sm.sink.run.pushed.by))
	for _, name := range sm.sink.run.pushed.by {
		value := sm.labels.Get(name)
		if n := slices.Index(g.names, name); n >= 0 {
			value = g.vectors[n].Values[g.vectors[n].Codes[row]]
		}
		if value != "" {
			b.Add(name, value)
		}
	}
	b.Sort()
	part := sm.sink.partial
	return int32(part.series(part.get(b.Labels())))
}

// counts counts the rows [start, end), or adds up their sizes, all in one bucket.
func (g *grouper) counts(start, end int, bucket int32) {
	sm, p, k := g.sm, g.p, g.key
	sizes := sm.sink.run.measuresBytes()
	table := sm.sink.partial.table
	if len(g.vectors) == 0 && !sizes && p.keep == nil {
		n := end - start
		if s := p.batch.Selected; s != nil {
			n = s.CountRange(start, end)
		}
		if u := p.batch.Answer.Unsure; u != nil {
			n -= u.CountRange(start, end) // all of them are selected
		}
		if n > 0 {
			table.add(int(g.of(start).series), bucket, float64(n), arrival{})
			sm.sink.stats.PostFilter += int64(n)
		}
		return
	}
	if len(g.vectors) == 0 && p.keep == nil && p.batch.Selected == nil && p.batch.Answer.Unsure == nil && p.batch.Sizes != nil {
		bytes := int64(0)
		for _, n := range p.batch.Sizes[start:end] {
			bytes += int64(n)
		}
		table.add(int(g.of(start).series), bucket, float64(bytes), arrival{})
		sm.sink.stats.PostFilter += int64(end - start)
		return
	}
	k.live = k.live[:0]
	for row := g.next(start, end); row < end; row = g.next(row+1, end) {
		s := g.of(row)
		if s.n == 0 {
			k.live = append(k.live, s)
		}
		s.n++
		if sizes {
			s.bytes += int64(rowSize(p.batch, row))
		}
	}
	for _, s := range k.live {
		if s.series == noSeries {
			s.n, s.bytes = 0, 0
			continue
		}
		v := float64(s.n)
		if sizes {
			v = float64(s.bytes)
		}
		table.add(int(s.series), bucket, v, arrival{})
		sm.sink.stats.PostFilter += s.n
		s.n, s.bytes = 0, 0
	}
}

// samples adds the numbers of the rows [start, end), all in one bucket.
func (g *grouper) samples(start, end int, bucket int32) {
	sm, p := g.sm, g.p
	table := sm.sink.partial.table
	for row := g.next(start, end); row < end; row = g.next(row+1, end) {
		if g.numbers.Absent != nil && g.numbers.Absent.Get(row) {
			continue
		}
		table.add(int(g.of(row).series), bucket, g.numbers.Numbers[row], arrival{p.time(row), p.order, row})
		sm.sink.stats.PostFilter++
	}
}
