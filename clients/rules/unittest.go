package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	commonmodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan/rowscan"
)

// A suite is a file of unit tests, in the layout that promtool's have, with
// streams of lines in the place of series.
type suite struct {
	RuleFiles          []string             `yaml:"rule_files"`
	EvaluationInterval commonmodel.Duration `yaml:"evaluation_interval"`
	GroupEvalOrder     []string             `yaml:"group_eval_order"`
	Tests              []unitTest           `yaml:"tests"`
}

// A unitTest writes down lines, and what rules and expressions make of them. All
// its times count from the same beginning.
type unitTest struct {
	Name           string               `yaml:"name"`
	Interval       commonmodel.Duration `yaml:"interval"`
	InputStreams   []inputStream        `yaml:"input_streams"`
	AlertRuleTest  []alertTest          `yaml:"alert_rule_test"`
	LogQLExprTest  []exprTest           `yaml:"logql_expr_test"`
	ExternalLabels map[string]string    `yaml:"external_labels"`
	ExternalURL    string               `yaml:"external_url"`
}

type inputStream struct {
	Labels  string       `yaml:"labels"`
	Entries []inputEntry `yaml:"entries"`
}

// An inputEntry is a line, or the same line again and again.
type inputEntry struct {
	At       commonmodel.Duration `yaml:"at"`
	Line     string               `yaml:"line"`
	Metadata map[string]string    `yaml:"metadata"`
	// Every and Until repeat the line: at At, At+Every and so on, up to Until.
	Every commonmodel.Duration `yaml:"every"`
	Until commonmodel.Duration `yaml:"until"`
}

type alertTest struct {
	EvalTime  commonmodel.Duration `yaml:"eval_time"`
	Alertname string               `yaml:"alertname"`
	ExpAlerts []expAlert           `yaml:"exp_alerts"`
}

type expAlert struct {
	ExpLabels      map[string]string `yaml:"exp_labels"`
	ExpAnnotations map[string]string `yaml:"exp_annotations"`
}

type exprTest struct {
	Expr       string               `yaml:"expr"`
	EvalTime   commonmodel.Duration `yaml:"eval_time"`
	ExpSamples []expSample          `yaml:"exp_samples"`
	// ExpLines are those of a log query, the oldest first.
	ExpLines []string `yaml:"exp_lines"`
}

type expSample struct {
	Labels string  `yaml:"labels"`
	Value  float64 `yaml:"value"`
}

// maxInput bounds the lines of a unit test.
const maxInput = 1_000_000

// runTests runs files of unit tests and says of each whether it passed. The
// error is about files that cannot be run.
func runTests(ctx context.Context, out io.Writer, paths []string) (failed bool, err error) {
	if len(paths) == 0 {
		return false, errors.New("no test files: name some")
	}
	for _, path := range paths {
		s, err := readSuite(path)
		if err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		found, err := s.rules(path)
		if err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		var wrong []string
		for i := range s.Tests {
			t := &s.Tests[i]
			if t.Name == "" {
				t.Name = "#" + strconv.Itoa(i+1)
			}
			problems, err := t.run(ctx, s, found)
			if err != nil {
				return false, fmt.Errorf("%s: test %s: %w", path, t.Name, err)
			}
			for _, p := range problems {
				wrong = append(wrong, "test "+t.Name+": "+p)
			}
		}
		if len(wrong) == 0 {
			tests := "tests"
			if len(s.Tests) == 1 {
				tests = "test"
			}
			fmt.Fprintf(out, "%s: ok, %d %s\n", path, len(s.Tests), tests)
			continue
		}
		failed = true
		fmt.Fprintf(out, "%s: FAILED\n%s\n", path, indent(strings.Join(wrong, "\n")))
	}
	return failed, nil
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

func readSuite(path string) (*suite, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &suite{EvaluationInterval: commonmodel.Duration(time.Minute)}
	dec := yaml.NewDecoder(bytes.NewReader(content))
	dec.KnownFields(true)
	if err := dec.Decode(s); err != nil {
		return nil, err
	}
	if s.EvaluationInterval <= 0 {
		return nil, errors.New("evaluation_interval must be more than 0")
	}
	return s, nil
}

// rules reads the rule files, whose names count from the folder of the tests.
func (s *suite) rules(path string) ([]rulefile.Namespace, error) {
	var src source
	for _, pattern := range s.RuleFiles {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(path), pattern)
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("rule_files: %w", err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("rule_files: there is no file %s", pattern)
		}
		src.args = append(src.args, found...)
	}
	if len(src.args) == 0 {
		return nil, nil
	}
	files, err := src.load()
	return namespaces(files), err
}

// source makes the lines of a test a source of entries.
func (t *unitTest) source() (*rowscan.Source, error) {
	var streams []rowscan.Stream
	lines := 0
	for i, in := range t.InputStreams {
		ls, err := parseLabels(in.Labels)
		if err != nil {
			return nil, fmt.Errorf("input_streams %d: labels: %w", i+1, err)
		}
		s := rowscan.Stream{Labels: ls}
		for n, e := range in.Entries {
			if e.Every < 0 || e.Every == 0 && e.Until != 0 {
				return nil, fmt.Errorf("input_streams %d: entry %d: until needs every, which must be more than 0", i+1, n+1)
			}
			var meta model.Metadata
			for _, name := range slices.Sorted(maps.Keys(e.Metadata)) {
				meta = append(meta, labels.Label{Name: name, Value: e.Metadata[name]})
			}
			for at := e.At; ; at += e.Every {
				if lines++; lines > maxInput {
					return nil, fmt.Errorf("input_streams: more than %d lines", maxInput)
				}
				s.Entries = append(s.Entries, model.Entry{Timestamp: int64(at), Line: e.Line, Metadata: meta})
				if e.Every == 0 || at+e.Every > e.Until {
					break
				}
			}
		}
		streams = append(streams, s)
	}
	return rowscan.New(streams), nil
}

// parseLabels reads labels as streams have them: {a="b"}.
func parseLabels(text string) (labels.Labels, error) {
	if strings.TrimSpace(text) == "{}" || strings.TrimSpace(text) == "" {
		return labels.EmptyLabels(), nil
	}
	matchers, err := syntax.ParseMatchers(text)
	if err != nil {
		return labels.EmptyLabels(), err
	}
	b := labels.NewScratchBuilder(len(matchers))
	for _, m := range matchers {
		if m.Type != labels.MatchEqual {
			return labels.EmptyLabels(), fmt.Errorf("%s: labels have values, as in {a=\"b\"}", m)
		}
		b.Add(m.Name, m.Value)
	}
	b.Sort()
	return b.Labels(), nil
}

// run runs one test and returns what is not as it should be.
func (t *unitTest) run(ctx context.Context, s *suite, found []rulefile.Namespace) ([]string, error) {
	src, err := t.source()
	if err != nil {
		return nil, err
	}
	eng := engine.New(engine.Options{})
	ask := func(expr syntax.Expr, p engine.Params) (*engine.Result, error) {
		return eng.Exec(ctx, src, "test", expr, p, engine.Limits{})
	}
	var wrong []string
	for _, e := range t.LogQLExprTest {
		problem, err := e.run(ask)
		if err != nil {
			return nil, fmt.Errorf("logql_expr_test: %s: %w", e.Expr, err)
		}
		if problem != "" {
			wrong = append(wrong, problem)
		}
	}
	if len(t.AlertRuleTest) == 0 {
		return wrong, nil
	}
	interval := time.Duration(t.Interval)
	if interval <= 0 {
		interval = time.Duration(s.EvaluationInterval)
	}
	query := func(_ context.Context, text string, at time.Time) (promql.Vector, error) {
		e, err := rulefile.ParseExpr(text)
		if err != nil {
			return nil, err
		}
		res, err := ask(e.Metric, engine.Params{Start: at.UnixNano(), End: at.UnixNano()})
		if err != nil {
			return nil, err
		}
		return vectorOf(res.Data)
	}
	r, err := newReplay(ctx, found, interval, labels.FromMap(t.ExternalLabels), t.ExternalURL, query)
	if err != nil {
		return nil, err
	}
	r.order(s.GroupEvalOrder)
	more, err := t.alerts(ctx, r)
	return append(wrong, more...), err
}

// order sorts groups as a suite wants them.
func (r *replay) order(names []string) {
	rank := func(g *rules.Group) int {
		if i := slices.Index(names, g.Name()); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortStableFunc(r.groups, func(a, b *rules.Group) int { return rank(a) - rank(b) })
}

// alerts evaluates the rules up to each time that is asked about, and compares.
func (t *unitTest) alerts(ctx context.Context, r *replay) ([]string, error) {
	tests := slices.Clone(t.AlertRuleTest)
	slices.SortStableFunc(tests, func(a, b alertTest) int { return int(a.EvalTime - b.EvalTime) })
	every := time.Duration(math.MaxInt64)
	for _, g := range r.groups {
		every = min(every, g.Interval())
	}
	var wrong []string
	now := time.Duration(0)
	for _, a := range tests {
		if !slices.ContainsFunc(r.groups, func(g *rules.Group) bool {
			return slices.ContainsFunc(g.AlertingRules(), func(r *rules.AlertingRule) bool { return r.Name() == a.Alertname })
		}) {
			return nil, fmt.Errorf("alert_rule_test: no rule file has the alert %q", a.Alertname)
		}
		for ; now <= time.Duration(a.EvalTime); now += every {
			if err := r.step(ctx, time.Unix(0, int64(now)).UTC()); err != nil {
				return nil, err
			}
		}
		if p := a.compare(r); p != "" {
			wrong = append(wrong, p)
		}
	}
	return wrong, nil
}

// compare says how the alerts that fire differ from those that should.
func (a *alertTest) compare(r *replay) string {
	var got, want []string
	for _, g := range r.groups {
		for _, rule := range g.AlertingRules() {
			if rule.Name() != a.Alertname {
				continue
			}
			for _, alert := range rule.ActiveAlerts() {
				if alert.State == rules.StateFiring {
					got = append(got, describe(alert.Labels, alert.Annotations))
				}
			}
		}
	}
	for _, e := range a.ExpAlerts {
		ls := map[string]string{labels.AlertName: a.Alertname}
		maps.Copy(ls, e.ExpLabels)
		want = append(want, describe(labels.FromMap(ls), labels.FromMap(e.ExpAnnotations)))
	}
	return differ(fmt.Sprintf("alert %s at %s", a.Alertname, a.EvalTime), got, want)
}

func describe(ls, annotations labels.Labels) string {
	if annotations.IsEmpty() {
		return ls.String()
	}
	return ls.String() + " annotations " + annotations.String()
}

// run evaluates an expression and says how its result differs.
func (e *exprTest) run(ask func(syntax.Expr, engine.Params) (*engine.Result, error)) (string, error) {
	expr, err := syntax.Parse(e.Expr)
	if err != nil {
		return "", err
	}
	what := fmt.Sprintf("%s at %s", e.Expr, e.EvalTime)
	if _, logs := expr.(*syntax.LogSelector); logs {
		res, err := ask(expr, engine.Params{Start: 0, End: int64(e.EvalTime) + 1, Limit: maxInput, Direction: engine.Forward})
		if err != nil {
			return "", err
		}
		return differ(what, lines(res.Data.(engine.Streams)), e.ExpLines), nil
	}
	res, err := ask(expr, engine.Params{Start: int64(e.EvalTime), End: int64(e.EvalTime)})
	if err != nil {
		return "", err
	}
	vector, err := vectorOf(res.Data)
	if err != nil {
		return "", err
	}
	var got, want []string
	for _, s := range vector {
		got = append(got, s.Metric.String()+" "+strconv.FormatFloat(s.F, 'g', 12, 64))
	}
	for _, s := range e.ExpSamples {
		ls, err := parseLabels(s.Labels)
		if err != nil {
			return "", fmt.Errorf("exp_samples: %w", err)
		}
		want = append(want, ls.String()+" "+strconv.FormatFloat(s.Value, 'g', 12, 64))
	}
	return differ(what, got, want), nil
}

// lines are those of all streams, the oldest first.
func lines(streams engine.Streams) []string {
	var all []engine.Entry
	for _, s := range streams {
		all = append(all, s.Entries...)
	}
	slices.SortStableFunc(all, func(a, b engine.Entry) int { return int(min(1, max(-1, a.Timestamp-b.Timestamp))) })
	out := make([]string, len(all))
	for i, e := range all {
		out[i] = e.Line
	}
	return out
}

// differ compares two lists whatever their order, and shows what only one has.
func differ(what string, got, want []string) string {
	slices.Sort(got)
	slices.Sort(want)
	if slices.Equal(got, want) {
		return ""
	}
	var b strings.Builder
	b.WriteString(what)
	i, j := 0, 0
	for i < len(got) || j < len(want) {
		switch {
		case j == len(want) || i < len(got) && got[i] < want[j]:
			fmt.Fprintf(&b, "\n  + %s", got[i])
			i++
		case i == len(got) || want[j] < got[i]:
			fmt.Fprintf(&b, "\n  - %s", want[j])
			j++
		default:
			fmt.Fprintf(&b, "\n    %s", got[i])
			i++
			j++
		}
	}
	b.WriteString("\n  (+ is there and should not be, - should be there and is not)")
	return b.String()
}
