package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestTwin asks random queries over random entries in random layouts, and wants
// the answers of the naive twin.
func TestTwin(t *testing.T) {
	e := engine.New(engine.Options{Concurrency: 3})
	kinds := map[string]int{}
	for seed := range seeds.Few(t, 2000) {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		streams := g.streams()
		query, params := g.query()
		expr, err := syntax.Parse(query)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, query, err)
		}
		target := &logqltest.EngineTarget{Engine: e, Layout: logqltest.RandomLayout(seed)}
		for _, s := range streams {
			if err := target.Load(s); err != nil {
				t.Fatal(err)
			}
		}
		got, err := target.Exec(t.Context(), query, params)
		want, wantErr := (&twin{streams: streams, params: params}).exec(expr)
		kinds[asKind(wantErr)]++
		if wantErr != nil || err != nil {
			// Of several errors any may be found first, and a stage that nothing
			// depends on may be left out with its errors.
			if wantErr == nil || err == nil && asKind(wantErr) != "pipeline" {
				t.Errorf("seed %d: %s\nwanted error %v, got %v", seed, query, wantErr, err)
			}
			continue
		}
		if w, g := logqltest.Format(want), logqltest.Format(got); !logqltest.Same(w, g) {
			t.Errorf("seed %d: %s %+v\nwanted\n  %s\ngot\n  %s", seed, query, params, strings.Join(w, "\n  "), strings.Join(g, "\n  "))
			if t.Failed() {
				return
			}
		}
	}
	if kinds["none"] < 1000 || kinds["match"] == 0 || kinds["pipeline"] == 0 {
		t.Errorf("the queries are too much alike: %v", kinds)
	}
}

// TestTwinWithFewCopies asks for counts where few entries have copies, so that
// what may have some is read apart from the rest.
func TestTwinWithFewCopies(t *testing.T) {
	e := engine.New(engine.Options{Concurrency: 2})
	for seed := range seeds.Few(t, 500) {
		g := generator{rand.New(rand.NewPCG(seed, 9))}
		streams := g.streams()
		query := g.pick("sum", "sum by (app)", "sum by (pod)", "max", "count") + "(" + g.pick("count_over_time", "rate", "bytes_over_time", "bytes_rate", "absent_over_time") +
			"(" + g.selector() + g.pick("", "", ` | pod="p1"`, ` |= "v"`) + g.rangeText() + "))"
		params := engine.Params{Start: int64(g.IntN(30)) * 1e9, End: int64(30+g.IntN(60)) * 1e9, Step: time.Duration(1+g.IntN(20)) * time.Second}
		expr, err := syntax.Parse(query)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, query, err)
		}
		layout := logqltest.Layout{Seed: seed, Generations: 1 + g.IntN(2), BlockRows: []int{0, 8, 20}[g.IntN(3)], Copies: 0.03, Tail: g.IntN(2) == 0, Answer: g.IntN(2) == 0}
		target := &logqltest.EngineTarget{Engine: e, Layout: layout}
		for _, s := range streams {
			if err := target.Load(s); err != nil {
				t.Fatal(err)
			}
		}
		got, err := target.Exec(t.Context(), query, params)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, query, err)
		}
		want, err := (&twin{streams: streams, params: params}).exec(expr)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, query, err)
		}
		if w, g := logqltest.Format(want), logqltest.Format(got); !logqltest.Same(w, g) {
			t.Fatalf("seed %d: %s %+v\nwanted\n  %s\ngot\n  %s", seed, query, params, strings.Join(w, "\n  "), strings.Join(g, "\n  "))
		}
	}
}

// A generator makes entries and queries.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) streams() []logqltest.Stream {
	var out []logqltest.Stream
	for i := range 1 + g.IntN(4) {
		s := logqltest.Stream{Labels: labels.FromStrings("app", string(rune('a'+i)), "env", g.pick("x", "y"), "zone", g.pick("", "z"))}
		s.Labels = s.Labels.WithoutEmpty()
		for range g.IntN(40) {
			// Entries of one stream may share a time; those of two never do, since
			// nothing says which of them came first.
			ts := int64(g.IntN(60))*int64(time.Second) + int64(i)
			if g.IntN(5) == 0 {
				ts += int64(g.IntN(1e9))/8*8 + int64(i)
			}
			e := model.Entry{Timestamp: ts, Line: g.line()}
			if g.IntN(3) == 0 {
				e.Metadata = model.Metadata{{Name: g.pick("pod", "env"), Value: g.pick("p1", "p2")}}
			}
			s.Entries = append(s.Entries, e)
			if g.IntN(8) == 0 {
				s.Entries = append(s.Entries, e)
			}
		}
		out = append(out, s)
	}
	return out
}

func (g generator) line() string {
	switch g.IntN(8) {
	case 0:
		return fmt.Sprintf(`{"v":%d,"w":"%s"}`, g.IntN(20), g.pick("red", "green"))
	case 1:
		return "plain text " + g.pick("red", "green", "from 10.0.0.1:80", "10.0.1.2", "110.0.0.1", "10.0.0.1.5")
	default:
		return fmt.Sprintf("v=%d w=%s app=%s", g.IntN(20), g.pick("red", "green", "blue"), g.pick("a", "q"))
	}
}

func (g generator) query() (string, engine.Params) {
	p := engine.Params{Start: int64(g.IntN(30)) * 1e9, Limit: 1 + g.IntN(30)}
	p.End = p.Start + int64(g.IntN(60))*1e9
	if g.IntN(4) == 0 {
		p.End += 500e6
	}
	p.Step = time.Duration(1+g.IntN(20)) * time.Second / time.Duration(1+g.IntN(2))
	if g.IntN(5) == 0 {
		p.Direction = engine.Direction(g.IntN(2))
		if g.IntN(3) == 0 {
			p.Interval = time.Duration(g.IntN(10)) * time.Second
		}
		return g.selector() + g.stages(), p
	}
	if g.IntN(3) == 0 {
		p.Start, p.Step = p.End, 0
	}
	return g.metric(3), p
}

func (g generator) selector() string {
	return g.pick(`{app=~".+"}`, `{app=~"a|b"}`, `{env="x"}`, `{app="a", env=~"x|y"}`, `{app=~".+", zone=""}`, `{app!="b", env!=""}`)
}

func (g generator) stages() string {
	out := ""
	for range g.IntN(3) {
		out += " " + g.pick(`|= "v"`, `!= "red"`, `|~ "w=(red|blue)"`, `|= "green" or "blue"`, `| logfmt`, `| logfmt w`, `| json`, `| json | __error__=""`,
			`| logfmt | v > 5`, `| logfmt | w="red"`, `| env="x"`, `| pod!=""`, `| line_format "{{.app}} {{.w}}"`, `| drop pod`, `| logfmt | keep w`, `| logfmt | keep w, env`, `| label_format n=app`,
			`|= ip("10.0.0.1")`, `|= ip("10.0.0.0/16")`, `|~ "." != ip("10.0.0.1")`)
	}
	return out
}

func (g generator) rangeText() string {
	out := fmt.Sprintf(" [%ds]", 1+g.IntN(40))
	if g.IntN(4) == 0 {
		out += fmt.Sprintf(" offset %ds", g.IntN(20)-10)
	}
	return out
}

func (g generator) grouping() string {
	return g.pick("", "by (app)", "by (env, w)", "without (app)", "by ()", "without (pod, w)", "by (pod)", "by (env)")
}

func (g generator) rangeAggregation() string {
	if g.IntN(2) == 0 {
		return g.pick("count_over_time", "rate", "bytes_over_time", "bytes_rate", "absent_over_time") + "(" + g.selector() + g.stages() + g.rangeText() + ")"
	}
	inner := g.selector() + g.pick(" | logfmt", ` |= "v=" | logfmt w, v`, g.stages()+" | logfmt") + " | unwrap v" + g.pick("", ` | __error__=""`, " | v != 3") + g.rangeText() + ")"
	switch op := g.pick("sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "stddev_over_time", "stdvar_over_time",
		"first_over_time", "last_over_time", "quantile_over_time", "rate_counter", "rate"); op {
	case "quantile_over_time":
		return op + "(" + g.pick("0", "0.25", "0.5", "0.99", "1", "2") + ", " + inner + g.grouping()
	case "rate", "rate_counter", "sum_over_time":
		return op + "(" + inner
	default:
		return op + "(" + inner + g.grouping()
	}
}

// metric is an expression at most so deep.
func (g generator) metric(depth int) string {
	if depth == 0 {
		return g.rangeAggregation()
	}
	switch g.IntN(9) {
	case 0, 1, 2:
		op := g.pick("sum", "avg", "min", "max", "count", "stddev", "stdvar")
		return op + " " + g.grouping() + " (" + g.metric(depth-1) + ")"
	case 3:
		return g.pick("topk", "bottomk") + " " + g.pick("", "by (env)", "without (app)") + fmt.Sprintf(" (%d, ", 1+g.IntN(3)) + g.metric(depth-1) + ")"
	case 4:
		return g.pick("sort", "sort_desc") + "(" + g.metric(depth-1) + ")"
	case 5:
		l, r := g.metric(depth-1), g.pick("2", "vector(1)", "7.5")
		if g.IntN(2) == 0 {
			l, r = r, l
		}
		return "(" + l + ") " + g.pick("+", "-", "*", "/", "%", "^", ">", "<= bool", "!=", "== bool") + " (" + r + ")"
	case 6:
		sides := g.pick(" + (", " > (", " / on (app) (", " - ignoring (pod, w) (", " * on (env) group_left () (", " >= on (env) group_right (app) (", " + on (app) group_left (env) (")
		return "(" + g.metric(depth-1) + ")" + sides + g.metric(depth-1) + ")"
	case 7:
		return "(" + g.metric(depth-1) + ")" + g.pick(" and ", " or ", " unless ") + g.pick("", "on (app) ", "ignoring (pod, w) ", "on () ") + "(" + g.metric(depth-1) + ")"
	default:
		return `label_replace(` + g.metric(depth-1) + `, "` + g.pick("new", "app") + `", "` + g.pick("$1", "k", "") + `", "` + g.pick("app", "env", "nope") + `", "` + g.pick("(.*)", "(a|x)", "") + `")`
	}
}
