package logqltest

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// A Target answers queries over the streams that were loaded before.
type Target interface {
	Load(stream Stream) error
	Exec(ctx context.Context, query string, p engine.Params) (*engine.Result, error)
}

// Run runs a script on a target that has nothing loaded, and reports every
// answer that is another than the script says.
func Run(t testing.TB, s *Script, target Target) {
	t.Helper()
	for _, step := range s.Steps {
		where := fmt.Sprintf("%s:%d", s.File, step.Line)
		if step.Load != nil {
			if err := target.Load(*step.Load); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			continue
		}
		e := step.Eval
		res, err := target.Exec(t.Context(), e.Query, e.Params)
		switch {
		case e.Fails && err == nil:
			t.Errorf("%s: %s\nwanted an error, got\n%s", where, e.Query, indent(Format(res)))
		case e.Fails && !strings.HasPrefix(err.Error(), strings.Join(e.Want, "\n")):
			t.Errorf("%s: %s\nwanted the error\n%s\ngot\n%s", where, e.Query, indent(e.Want), indent(strings.Split(err.Error(), "\n")))
		case e.Fails:
		case err != nil:
			t.Errorf("%s: %s\n%v", where, e.Query, err)
		default:
			if got := Format(res); !Same(e.Want, got) {
				t.Errorf("%s: %s\nwanted\n%s\ngot\n%s", where, e.Query, indent(e.Want), indent(got))
			}
		}
	}
}

func indent(lines []string) string { return "  " + strings.Join(lines, "\n  ") }

// Format writes a result in the lines of a script.
func Format(r *engine.Result) []string {
	var out []string
	switch d := r.Data.(type) {
	case engine.Streams:
		for _, s := range d {
			out = append(out, s.Labels.String())
			for _, e := range s.Entries {
				out = append(out, formatEntry(e))
			}
		}
	case promql.Vector:
		for _, s := range d {
			out = append(out, s.Metric.String()+" "+formatValue(s.F))
		}
	case promql.Matrix:
		for _, s := range d {
			line := s.Metric.String()
			for _, p := range s.Floats {
				line += fmt.Sprintf(" %s=%s", formatTime(p.T*1e6), formatValue(p.F))
			}
			out = append(out, line)
		}
	case promql.Scalar:
		out = append(out, formatValue(d.V))
	}
	for _, w := range r.Warnings {
		out = append(out, "warning: "+w)
	}
	return out
}

func formatEntry(e engine.Entry) string {
	text := formatTime(e.Timestamp)
	if !e.Metadata.IsEmpty() {
		text += " metadata " + e.Metadata.String()
	}
	if !e.Parsed.IsEmpty() {
		text += " parsed " + e.Parsed.String()
	}
	line := e.Line
	if line != strings.TrimSpace(line) || line == "" || strings.ContainsAny(line, "\n\"") && strings.HasPrefix(line, `"`) {
		line = strconv.Quote(line)
	}
	return text + " " + line
}

// formatTime writes a time as seconds where it is a whole number of them.
func formatTime(ts int64) string {
	if ts%int64(time.Second) == 0 {
		return strconv.FormatInt(ts/int64(time.Second), 10) + "s"
	}
	return time.Duration(ts).String()
}

func formatValue(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Same reports whether two lists of lines say the same: words are equal, but
// for white space between them and the last digits of values.
func Same(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := strings.Fields(a[i]), strings.Fields(b[i])
		if len(x) != len(y) {
			return false
		}
		for j := range x {
			if x[j] != y[j] && !sameValue(x[j], y[j]) {
				return false
			}
		}
	}
	return true
}

// sameValue compares two values, or two times with their values.
func sameValue(a, b string) bool {
	at, av, ok := strings.Cut(a, "=")
	bt, bv, bok := strings.Cut(b, "=")
	if !ok {
		at, av, bt, bv = "0", a, "0", b
	}
	x, errX := strconv.ParseFloat(av, 64)
	y, errY := strconv.ParseFloat(bv, 64)
	s, errS := parseTime(at)
	t, errT := parseTime(bt)
	if errX != nil || errY != nil || errS != nil || errT != nil || ok != bok || s != t {
		return false
	}
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return math.IsNaN(x) && math.IsNaN(y) || x == y
	}
	return math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y), 1)
}

// An EngineTarget runs queries on an engine, over a [Source] of a layout.
type EngineTarget struct {
	Engine *engine.Engine
	Layout Layout
	Limits engine.Limits

	streams []Stream
	source  *Source
}

// Load adds entries to a stream.
func (t *EngineTarget) Load(s Stream) error {
	t.source = nil
	for i := range t.streams {
		if t.streams[i].Labels.String() == s.Labels.String() {
			t.streams[i].Entries = append(t.streams[i].Entries, s.Entries...)
			return nil
		}
	}
	t.streams = append(t.streams, s)
	return nil
}

// Exec parses and runs a query.
func (t *EngineTarget) Exec(ctx context.Context, query string, p engine.Params) (*engine.Result, error) {
	if t.source == nil {
		t.source = NewSource(t.streams, t.Layout)
	}
	expr, err := syntax.Parse(query)
	if err != nil {
		return nil, err
	}
	return t.Engine.Exec(ctx, t.source, "tenant", expr, p, t.Limits)
}
