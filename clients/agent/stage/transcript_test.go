package stage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/stage"
)

// TestTranscripts runs pipelines as testdata/transcripts tells:
//
//	stages            a pipeline, in YAML
//	put [ts] [labels] entries, one a line; prints what comes out. ␛ ␍ ␊ ␠ stand
//	                  for the characters that they show.
//	wait D            time passes; what is due is flushed
//	flush             all that is held back is flushed
//	ledger            what became of the lines so far
//	metrics           what metrics stages made
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return b.do(t, d)
			})
		})
	})
}

// A bench is a pipeline under test.
type bench struct {
	reg      *prometheus.Registry
	pipeline *stage.Pipeline
	chain    *stage.Chain
	ledger   *position.Ledger
	track    *position.Track
	offset   int64
	out      printer
	lbls     map[string]*entry.Labels
}

func newBench() *bench { return &bench{lbls: map[string]*entry.Labels{}} }

func (b *bench) do(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "stages":
		if b.pipeline != nil {
			b.pipeline.Close()
		}
		cfg, err := stage.ParseConfig([]byte(d.Input))
		if err != nil {
			return err.Error()
		}
		b.reg = prometheus.NewRegistry()
		if b.pipeline, err = stage.New(cfg, stage.Options{Metrics: stage.NewMetrics(b.reg)}); err != nil {
			return err.Error()
		}
		b.out = printer{}
		b.ledger = position.NewLedger("c")
		b.track = position.NewTrack(b.ledger)
		b.offset = 0
		b.chain = b.pipeline.Chain(&b.out)
		return "ok"
	case "put":
		return b.put(t, d)
	case "wait":
		wait, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		if due := b.chain.Due(); due.IsZero() || time.Now().Before(due) {
			return "nothing is due"
		}
		return b.took(b.chain.Flush(context.Background(), time.Now()))
	case "flush":
		return b.took(b.chain.Flush(context.Background(), time.Time{}))
	case "ledger":
		return b.account()
	case "metrics":
		return gather(t, b.reg)
	default:
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	}
}

// put sends lines, each an entry of the labels given, with times that rise by a second.
func (b *bench) put(t *testing.T, d *datadriven.TestData) string {
	ts, lbls := int64(100), `{job="j"}`
	if d.HasArg("ts") {
		d.ScanArgs(t, "ts", &ts)
	}
	for _, a := range d.CmdArgs {
		if a.Key == "labels" {
			lbls = "{" + strings.Join(a.Vals, ",") + "}"
		}
	}
	l, ok := b.lbls[lbls]
	if !ok {
		l = entry.NewLabels(parseLabels(lbls))
		b.lbls[lbls] = l
	}
	var entries []entry.Entry
	for i, line := range strings.Split(strings.TrimSuffix(d.Input, "\n"), "\n") {
		line = strings.NewReplacer("␛", "\x1b", "␍", "\r", "␊", "\n", "␠", " ").Replace(line)
		end := b.offset + int64(len(line)) + 1
		entries = append(entries, entry.Entry{
			Labels: l, Timestamp: (ts + int64(i)) * 1e9, Line: line,
			Mark: entry.Mark{Track: b.track, Range: position.Range{Start: b.offset, End: end}, Lines: 1},
		})
		b.offset = end
	}
	b.track.Read(int64(len(entries)))
	return b.took(b.chain.Put(context.Background(), entries))
}

func parseLabels(text string) labels.Labels {
	var pairs []string
	for _, p := range strings.Split(strings.Trim(text, "{}"), ",") {
		name, value, _ := strings.Cut(p, "=")
		pairs = append(pairs, strings.TrimSpace(name), strings.Trim(value, `"`))
	}
	return labels.FromStrings(pairs...)
}

// took returns what came out since the last call.
func (b *bench) took(err error) string {
	if err != nil {
		return err.Error()
	}
	out := b.out.text.String()
	b.out.text.Reset()
	if out == "" {
		return "nothing"
	}
	return out
}

// account tells what became of all lines.
func (b *bench) account() string {
	var out strings.Builder
	dropped := b.ledger.Dropped()
	held := b.ledger.Read.Load() - b.out.lines
	fmt.Fprintf(&out, "read %d, passed on %d", b.ledger.Read.Load(), b.out.lines)
	var reasons []string
	for reason, n := range dropped {
		held -= n
		reasons = append(reasons, fmt.Sprintf("dropped %d: %s", n, reason))
	}
	slices.Sort(reasons)
	fmt.Fprintf(&out, ", held %d, settled up to %d of %d\n", held, b.track.Low(), b.offset)
	for _, r := range reasons {
		fmt.Fprintln(&out, r)
	}
	return out.String()
}

// A printer is a sink that writes down what it takes, and acknowledges it.
type printer struct {
	text  strings.Builder
	lines int64
}

func (p *printer) Put(_ context.Context, entries []entry.Entry) error {
	if len(entries) == 0 {
		return errors.New("a put of nothing")
	}
	for _, e := range entries {
		fmt.Fprintf(&p.text, "%s %s %q", e.Labels.All(), seconds(e.Timestamp), e.Line)
		for _, m := range e.Metadata {
			fmt.Fprintf(&p.text, " %s=%q", m.Name, m.Value)
		}
		if n := e.Mark.Count(); n != 1 {
			fmt.Fprintf(&p.text, " (%d lines)", n)
		}
		p.text.WriteByte('\n')
		p.lines += e.Mark.Count()
		e.Mark.Each(func(t *position.Track, r position.Range, lines int64) { t.Settle(0, lines, r) })
	}
	return nil
}

// seconds is a time as it reads best: a small one as a number.
func seconds(ts int64) string {
	switch {
	case ts < 1e6*1e9 && ts%1e9 == 0:
		return fmt.Sprint(ts/1e9, "s")
	case ts < 1e6*1e9:
		return fmt.Sprint(time.Duration(ts))
	default:
		return time.Unix(0, ts).UTC().Format(time.RFC3339Nano)
	}
}

func gather(t *testing.T, reg *prometheus.Registry) string {
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			out.WriteString(f.GetName() + "{")
			for i, l := range m.GetLabel() {
				if i > 0 {
					out.WriteString(", ")
				}
				fmt.Fprintf(&out, "%s=%q", l.GetName(), l.GetValue())
			}
			out.WriteString("} ")
			switch {
			case m.Counter != nil:
				fmt.Fprintln(&out, m.Counter.GetValue())
			case m.Gauge != nil:
				fmt.Fprintln(&out, m.Gauge.GetValue())
			case m.Histogram != nil:
				fmt.Fprintf(&out, "count %d, sum %g", m.Histogram.GetSampleCount(), m.Histogram.GetSampleSum())
				for _, b := range m.Histogram.GetBucket() {
					fmt.Fprintf(&out, ", ≤ %g: %d", b.GetUpperBound(), b.GetCumulativeCount())
				}
				out.WriteByte('\n')
			}
		}
	}
	if out.Len() == 0 {
		return "none"
	}
	return out.String()
}
