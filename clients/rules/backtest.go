package rules

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

// maxSteps is how many steps a server evaluates at once.
const maxSteps = 10_000

// A firing is the time for which an alert was pending or fired.
type firing struct {
	alert             string
	labels            labels.Labels
	since, fired, end time.Time // fired is zero where it only waited; end where it goes on
	value             float64   // the highest
}

// A backtest replays rules over what a server has stored.
type backtest struct {
	client   *client
	from, to time.Time
	interval time.Duration // of groups without one
	progress io.Writer     // nil where nobody looks

	answers map[answerKey]*steps
}

type answerKey struct {
	query string
	every time.Duration
}

// steps are the answers to a query over time.
type steps struct {
	every   time.Duration
	vectors map[int64]promql.Vector // by ms
}

// run evaluates the rules at each of their intervals.
func (b *backtest) run(ctx context.Context, found []rulefile.Namespace) ([]firing, error) {
	every := map[string]time.Duration{} // by query: the shortest interval at which it is evaluated
	for _, ns := range found {
		for _, g := range ns.Groups {
			d := time.Duration(g.Interval)
			if d == 0 {
				d = b.interval
			}
			for _, r := range g.Rules {
				if r.Alert == "" {
					continue
				}
				if old, ok := every[r.Expr]; !ok || d < old {
					every[r.Expr] = d
				}
			}
		}
	}
	b.answers = map[answerKey]*steps{}
	done := 0
	for query, d := range every {
		if b.progress != nil {
			fmt.Fprintf(b.progress, "\r%d of %d expressions", done, len(every))
		}
		done++
		if err := b.fetch(ctx, query, d); err != nil {
			return nil, err
		}
	}
	if b.progress != nil {
		fmt.Fprintf(b.progress, "\r%d of %d expressions\n", done, len(every))
	}
	query := func(_ context.Context, text string, at time.Time) (promql.Vector, error) {
		d, ok := every[text]
		if !ok {
			return nil, nil // a recording rule, which no log query can read
		}
		return b.answers[answerKey{text, d}].vectors[at.UnixMilli()], nil
	}
	r, err := newReplay(ctx, found, b.interval, labels.EmptyLabels(), "", query)
	if err != nil {
		return nil, err
	}
	return b.replay(ctx, r)
}

// fetch asks for the answers to a query, in as many requests as it takes.
func (b *backtest) fetch(ctx context.Context, query string, every time.Duration) error {
	s := &steps{every: every, vectors: map[int64]promql.Vector{}}
	b.answers[answerKey{query, every}] = s
	for from := ceil(b.from, every); !from.After(b.to); from = from.Add(maxSteps * every) {
		to := from.Add((maxSteps - 1) * every)
		if to.After(b.to) {
			to = b.to.Add(-time.Duration(b.to.UnixNano() % int64(every)))
		}
		if to.Before(from) {
			return nil
		}
		matrix, err := b.client.queryRange(ctx, query, from, to, every)
		if err != nil {
			return err
		}
		for _, series := range matrix {
			for _, p := range series.Floats {
				s.vectors[p.T] = append(s.vectors[p.T], promql.Sample{T: p.T, F: p.F, Metric: series.Metric})
			}
		}
	}
	return nil
}

// ceil is the first multiple of d that is not before t.
func ceil(t time.Time, d time.Duration) time.Time {
	if r := t.UnixNano() % int64(d); r > 0 {
		return t.Add(d - time.Duration(r))
	}
	return t
}

// replay steps through time and notes what alerts do.
func (b *backtest) replay(ctx context.Context, r *replay) ([]firing, error) {
	every := b.interval
	for _, g := range r.groups {
		every = gcd(every, g.Interval())
	}
	type key struct {
		alert  string
		labels string
	}
	open := map[key]*firing{}
	var out []firing
	for at := ceil(b.from, every); !at.After(b.to); at = at.Add(every) {
		if err := r.step(ctx, at); err != nil {
			return nil, err
		}
		seen := map[key]bool{}
		for _, g := range r.groups {
			for _, rule := range g.AlertingRules() {
				for _, a := range rule.ActiveAlerts() {
					k := key{rule.Name(), a.Labels.String()}
					seen[k] = true
					f := open[k]
					if f == nil {
						f = &firing{alert: rule.Name(), labels: a.Labels, since: at, value: a.Value}
						open[k] = f
					}
					f.value = max(f.value, a.Value)
					if a.State == rules.StateFiring && f.fired.IsZero() {
						f.fired = at
					}
				}
			}
		}
		for k, f := range open {
			if !seen[k] {
				f.end = at
				out = append(out, *f)
				delete(open, k)
			}
		}
	}
	for _, f := range open {
		out = append(out, *f)
	}
	sort.SliceStable(out, func(i, j int) bool {
		if !out[i].since.Equal(out[j].since) {
			return out[i].since.Before(out[j].since)
		}
		return out[i].labels.String() < out[j].labels.String()
	})
	return out, nil
}

func gcd(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// report writes what alerts would have done.
func report(out io.Writer, firings []firing, from, to time.Time) {
	fired := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ACTIVE SINCE\tFIRED\tENDED\tHIGHEST\tALERT")
	for _, f := range firings {
		at, end := "only waited", "goes on"
		if !f.fired.IsZero() {
			fired++
			at = f.fired.UTC().Format(time.RFC3339)
		}
		if !f.end.IsZero() {
			end = f.end.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.since.UTC().Format(time.RFC3339), at, end, strconv.FormatFloat(f.value, 'g', 6, 64), f.labels)
	}
	if len(firings) > 0 {
		_ = w.Flush()
	}
	fmt.Fprintf(out, "%s to %s: %d alerts would have fired, %d only waited\n", from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), fired, len(firings)-fired)
}
