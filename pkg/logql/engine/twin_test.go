package engine_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
)

// A twin answers queries the naive way: at each step it looks at every entry of
// every stream, and keeps nothing from one step to the next.
type twin struct {
	streams []logqltest.Stream
	params  engine.Params
}

func (tw *twin) exec(expr syntax.Expr) (*engine.Result, error) {
	p := tw.params
	switch expr := expr.(type) {
	case *syntax.LogSelector:
		data, err := tw.logs(expr)
		return &engine.Result{Data: data}, err
	case syntax.MetricExpr:
		if p.Step == 0 {
			scalar, vector, err := tw.eval(expr, p.End)
			if err != nil {
				return nil, err
			}
			if scalar != nil {
				return &engine.Result{Data: promql.Scalar{T: p.End / 1e6, V: *scalar}}, nil
			}
			return &engine.Result{Data: tw.sorted(expr, vector)}, nil
		}
		return tw.matrix(expr)
	}
	return nil, fmt.Errorf("no twin for %T", expr)
}

// sorted is a vector in the order of the result.
func (tw *twin) sorted(e syntax.MetricExpr, v promql.Vector) promql.Vector {
	byLabels(v)
	for i := range v {
		v[i].T = tw.params.End / 1e6
	}
	if a, ok := e.(*syntax.VectorAggregation); ok && (a.Op == syntax.Sort || a.Op == syntax.SortDesc) {
		slices.SortStableFunc(v, func(x, y promql.Sample) int { return byValue(x, y, a.Op == syntax.SortDesc) })
	}
	return v
}

// byValue compares for sorting, with NaN at the end.
func byValue(a, b promql.Sample, descending bool) int {
	switch {
	case math.IsNaN(a.F) && math.IsNaN(b.F):
		return 0
	case math.IsNaN(a.F):
		return 1
	case math.IsNaN(b.F):
		return -1
	case descending:
		return cmp.Compare(b.F, a.F)
	}
	return cmp.Compare(a.F, b.F)
}

func byLabels(v promql.Vector) {
	slices.SortStableFunc(v, func(a, b promql.Sample) int { return labels.Compare(a.Metric, b.Metric) })
}

func (tw *twin) matrix(e syntax.MetricExpr) (*engine.Result, error) {
	at := map[string]int{}
	var out promql.Matrix
	for ts := tw.params.Start; ts <= tw.params.End; ts += int64(tw.params.Step) {
		scalar, vector, err := tw.eval(e, ts)
		if err != nil {
			return nil, err
		}
		if scalar != nil {
			vector = promql.Vector{{F: *scalar}}
		}
		for _, s := range vector {
			key := s.Metric.String()
			if _, ok := at[key]; !ok {
				at[key] = len(out)
				out = append(out, promql.Series{Metric: s.Metric})
			}
			series := &out[at[key]]
			if n := len(series.Floats); n > 0 && series.Floats[n-1].T == ts/1e6 {
				return nil, &engine.MatchError{Text: "several series"}
			}
			series.Floats = append(series.Floats, promql.FPoint{T: ts / 1e6, F: s.F})
		}
	}
	slices.SortFunc(out, func(a, b promql.Series) int { return labels.Compare(a.Metric, b.Metric) })
	return &engine.Result{Data: out}, nil
}

// entries calls fn for each entry of a stream within an interval, copies left
// out, in the order of time and arrival.
func (tw *twin) entries(ms []*labels.Matcher, in model.Interval, fn func(stream labels.Labels, e model.Entry) error) error {
	for _, s := range tw.streams {
		if slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(s.Labels.Get(m.Name)) }) {
			continue
		}
		var kept []model.Entry
		for _, e := range s.Entries {
			copyOf := func(k model.Entry) bool {
				return k.Timestamp == e.Timestamp && k.Line == e.Line && model.SameMetadata(k.Metadata, e.Metadata)
			}
			if in.Contains(e.Timestamp) && !slices.ContainsFunc(kept, copyOf) {
				kept = append(kept, e)
			}
		}
		slices.SortStableFunc(kept, func(a, b model.Entry) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
		for _, e := range kept {
			if err := fn(s.Labels, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (tw *twin) logs(e *syntax.LogSelector) (engine.Streams, error) {
	p := tw.params
	stages, err := pipeline.Compile(e.Stages, pipeline.Options{})
	if err != nil {
		return nil, err
	}
	type found struct {
		ts     int64
		stream labels.Labels
		line   string
		all    labels.Labels
	}
	var all []found
	err = tw.entries(e.Matchers, model.Interval{Mint: p.Start, Maxt: p.End - 1}, func(stream labels.Labels, en model.Entry) error {
		if line, set, ok := stages.ForStream(stream).Process(en.Timestamp, en.Line, en.Metadata); ok {
			all = append(all, found{en.Timestamp, stream, line, set.All})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b found) int {
		c := cmp.Compare(a.ts, b.ts)
		if p.Direction == engine.Backward {
			c = -c
		}
		return cmp.Or(c, labels.Compare(a.stream, b.stream))
	})
	var out engine.Streams
	n, last := 0, int64(0)
	for _, f := range all {
		distance := f.ts - last
		if distance < 0 {
			distance = -distance
		}
		if n == p.Limit || n > 0 && p.Interval > 0 && distance < int64(p.Interval) {
			continue
		}
		n, last = n+1, f.ts
		i := slices.IndexFunc(out, func(s engine.Stream) bool { return labels.Equal(s.Labels, f.all) })
		if i < 0 {
			i = len(out)
			out = append(out, engine.Stream{Labels: f.all})
		}
		out[i].Entries = append(out[i].Entries, engine.Entry{Timestamp: f.ts, Line: f.line})
	}
	slices.SortFunc(out, func(a, b engine.Stream) int { return cmp.Compare(a.Labels.String(), b.Labels.String()) })
	return out, nil
}

// eval is an expression at one time: a number or a vector.
func (tw *twin) eval(e syntax.MetricExpr, ts int64) (*float64, promql.Vector, error) {
	switch e := e.(type) {
	case *syntax.Literal:
		return &e.Value, nil, nil
	case *syntax.Vector:
		return nil, promql.Vector{{F: e.Value}}, nil
	case *syntax.RangeAggregation:
		v, err := tw.rangeAggregation(e, ts)
		return nil, v, err
	case *syntax.VectorAggregation:
		_, in, err := tw.eval(e.Expr, ts)
		return nil, aggregateNaive(e, in), err
	case *syntax.LabelReplace:
		_, in, err := tw.eval(e.Expr, ts)
		re := regexp.MustCompile("^(?:" + e.Regexp + ")$")
		for i, s := range in {
			if m := re.FindStringSubmatchIndex(s.Metric.Get(e.Src)); m != nil {
				b := labels.NewBuilder(s.Metric)
				b.Set(e.Dst, string(re.ExpandString(nil, e.Replacement, s.Metric.Get(e.Src), m)))
				in[i].Metric = b.Labels()
			}
		}
		return nil, in, err
	case *syntax.BinaryOp:
		ls, l, err := tw.eval(e.Left, ts)
		if err != nil {
			return nil, nil, err
		}
		rs, r, err := tw.eval(e.Right, ts)
		if err != nil {
			return nil, nil, err
		}
		v, err := binaryNaive(e, ls, rs, l, r)
		return nil, v, err
	}
	return nil, nil, fmt.Errorf("no twin for %T", e)
}

// A naiveSample is an entry's value.
type naiveSample struct {
	ts int64
	v  float64
}

func (tw *twin) rangeAggregation(e *syntax.RangeAggregation, ts int64) (promql.Vector, error) {
	stages, err := pipeline.Compile(e.Range.Selector.Stages, pipeline.Options{Unwrap: e.Range.Unwrap})
	if err != nil {
		return nil, err
	}
	end := ts - int64(e.Range.Offset)
	window := model.Interval{Mint: end - int64(e.Range.Range) + 1, Maxt: end}
	var groups []labels.Labels
	samples := map[string][]naiveSample{}
	err = tw.entries(e.Range.Selector.Matchers, window, func(stream labels.Labels, en model.Entry) error {
		sp := stages.ForStream(stream)
		v := 1.0
		var set *pipeline.LabelSet
		var line string
		var ok bool
		if e.Range.Unwrap != nil {
			v, set, ok = sp.Sample(en.Timestamp, en.Line, en.Metadata)
		} else {
			line, set, ok = sp.Process(en.Timestamp, en.Line, en.Metadata)
		}
		if !ok {
			return nil
		}
		if set.Error != "" {
			return &engine.PipelineError{Class: set.Error}
		}
		if e.Op == syntax.BytesOverTime || e.Op == syntax.BytesRate {
			v = float64(len(line))
		}
		ls := set.All.WithoutEmpty()
		if e.Grouping != nil {
			ls = groupNaive(ls, e.Grouping)
		}
		if _, seen := samples[ls.String()]; !seen {
			groups = append(groups, ls)
		}
		samples[ls.String()] = append(samples[ls.String()], naiveSample{en.Timestamp, v})
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out promql.Vector
	if e.Op == syntax.AbsentOverTime {
		if len(groups) > 0 {
			return nil, nil
		}
		b := labels.NewBuilder(labels.EmptyLabels())
		for i, m := range e.Range.Selector.Matchers {
			twice := false
			for j, o := range e.Range.Selector.Matchers {
				twice = twice || i != j && o.Name == m.Name
			}
			if m.Type == labels.MatchEqual && !twice {
				b.Set(m.Name, m.Value)
			}
		}
		return promql.Vector{{Metric: b.Labels(), F: 1}}, nil
	}
	for _, ls := range groups {
		s := samples[ls.String()]
		slices.SortStableFunc(s, func(a, b naiveSample) int { return cmp.Compare(a.ts, b.ts) })
		out = append(out, promql.Sample{Metric: ls, F: rangeNaive(e, s)})
	}
	byLabels(out)
	return out, nil
}

func rangeNaive(e *syntax.RangeAggregation, s []naiveSample) float64 {
	values := make([]float64, len(s))
	total := 0.0
	for i := range s {
		values[i] = s[i].v
		total += s[i].v
	}
	n := float64(len(s))
	seconds := e.Range.Range.Seconds()
	switch e.Op {
	case syntax.Rate, syntax.BytesRate:
		return total / seconds
	case syntax.AvgOverTime:
		return total / n
	case syntax.MinOverTime:
		return slices.Min(values)
	case syntax.MaxOverTime:
		return slices.Max(values)
	case syntax.FirstOverTime:
		return values[0]
	case syntax.LastOverTime:
		return values[len(values)-1]
	case syntax.StdvarOverTime:
		return varianceNaive(values)
	case syntax.StddevOverTime:
		return math.Sqrt(varianceNaive(values))
	case syntax.QuantileOverTime:
		if e.Param > 1 {
			return math.Inf(1)
		}
		slices.Sort(values)
		rank := e.Param * (n - 1)
		low, high := math.Floor(rank), math.Ceil(rank)
		return values[int(low)] + (values[int(high)]-values[int(low)])*(rank-low)
	case syntax.RateCounter:
		rise := 0.0
		for i := 1; i < len(values); i++ {
			if values[i] < values[i-1] {
				rise += values[i]
			} else {
				rise += values[i] - values[i-1]
			}
		}
		return rise / seconds
	}
	return total
}

func varianceNaive(values []float64) float64 {
	mean, sum := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return sum / float64(len(values))
}

func groupNaive(ls labels.Labels, g *syntax.Grouping) labels.Labels {
	if g == nil {
		return labels.EmptyLabels()
	}
	var kept []labels.Label
	ls.Range(func(l labels.Label) {
		if slices.Contains(g.Labels, l.Name) != g.Without {
			kept = append(kept, l)
		}
	})
	return labels.New(kept...)
}

func aggregateNaive(e *syntax.VectorAggregation, in promql.Vector) promql.Vector {
	if e.Op == syntax.Sort || e.Op == syntax.SortDesc {
		return in
	}
	byLabels(in)
	groups := map[string]promql.Vector{}
	var order []labels.Labels
	for _, s := range in {
		ls := groupNaive(s.Metric, e.Grouping)
		if _, ok := groups[ls.String()]; !ok {
			order = append(order, ls)
		}
		groups[ls.String()] = append(groups[ls.String()], s)
	}
	var out promql.Vector
	for _, ls := range order {
		group := groups[ls.String()]
		var values []float64
		total := 0.0
		for _, s := range group {
			values = append(values, s.F)
			total += s.F
		}
		var v float64
		switch e.Op {
		case syntax.TopK, syntax.BottomK, syntax.ApproxTopK:
			slices.SortStableFunc(group, func(a, b promql.Sample) int { return byValue(a, b, e.Op != syntax.BottomK) })
			out = append(out, group[:min(e.Param, len(group))]...)
			continue
		case syntax.Sum:
			v = total
		case syntax.Avg:
			v = total / float64(len(group))
		case syntax.Count:
			v = float64(len(group))
		case syntax.Min, syntax.Max:
			v = math.NaN() // unless there is a number
			values = slices.DeleteFunc(values, math.IsNaN)
			if len(values) > 0 {
				v = slices.Max(values)
				if e.Op == syntax.Min {
					v = slices.Min(values)
				}
			}
		case syntax.Stdvar:
			v = varianceNaive(values)
		case syntax.Stddev:
			v = math.Sqrt(varianceNaive(values))
		}
		out = append(out, promql.Sample{Metric: ls, F: v})
	}
	return out
}

var errMatch = &engine.MatchError{Text: "twin"}

func binaryNaive(e *syntax.BinaryOp, ls, rs *float64, l, r promql.Vector) (promql.Vector, error) {
	var out promql.Vector
	apply := func(metric labels.Labels, a, b, keep float64) bool {
		if e.Op.IsComparison() && !e.Bool {
			if !e.Op.Compare(a, b) {
				return false
			}
			out = append(out, promql.Sample{Metric: metric, F: keep})
			return true
		}
		out = append(out, promql.Sample{Metric: metric, F: e.Op.Calculate(a, b)})
		return true
	}
	switch {
	case rs != nil:
		for _, s := range l {
			apply(s.Metric, s.F, *rs, s.F)
		}
		return out, nil
	case ls != nil:
		for _, s := range r {
			apply(s.Metric, *ls, s.F, s.F)
		}
		return out, nil
	}
	sig := func(ls labels.Labels) string {
		if e.Matching == nil {
			return ls.String()
		}
		return groupNaive(ls, &syntax.Grouping{Labels: e.Matching.Labels, Without: !e.Matching.On}).String()
	}
	has := func(v promql.Vector, key string) bool {
		return slices.ContainsFunc(v, func(s promql.Sample) bool { return sig(s.Metric) == key })
	}
	if e.Op.IsSet() {
		for _, s := range l {
			if e.Op == syntax.Or || has(r, sig(s.Metric)) == (e.Op == syntax.And) {
				out = append(out, s)
			}
		}
		for _, s := range r {
			if e.Op == syntax.Or && !has(l, sig(s.Metric)) {
				out = append(out, s)
			}
		}
		return out, nil
	}
	many, one := l, r
	right := e.Matching != nil && e.Matching.Group == syntax.GroupRight
	if right {
		many, one = r, l
	}
	grouped := e.Matching != nil && e.Matching.Group != syntax.OneToOne
	for i, a := range one {
		for _, b := range one[:i] {
			if sig(a.Metric) == sig(b.Metric) {
				return nil, errMatch
			}
		}
	}
	used := map[string]bool{}
	for _, m := range many {
		for _, o := range one {
			if sig(m.Metric) != sig(o.Metric) {
				continue
			}
			a, b := m.F, o.F
			if right {
				a, b = b, a
			}
			metric := m.Metric
			if grouped {
				lb := labels.NewBuilder(metric)
				for _, name := range e.Matching.Include {
					lb.Set(name, o.Metric.Get(name))
				}
				metric = lb.Labels()
			} else if e.Matching != nil {
				metric = groupNaive(metric, &syntax.Grouping{Labels: e.Matching.Labels, Without: !e.Matching.On})
			}
			if !apply(metric, a, b, a) {
				continue
			}
			key := metric.String()
			if !grouped {
				key = sig(m.Metric)
			}
			if used[key] {
				return nil, errMatch
			}
			used[key] = true
		}
	}
	return out, nil
}

// asKind names the kind of an error, which is what twins must agree on.
func asKind(err error) string {
	var p *engine.PipelineError
	var m *engine.MatchError
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &p):
		return "pipeline"
	case errors.As(err, &m):
		return "match"
	}
	return err.Error()
}
