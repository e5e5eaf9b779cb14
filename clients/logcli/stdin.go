package logcli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/scan/rowscan"
)

// maxStdin bounds what is read of stdin.
const maxStdin = 20 << 20

// stdinSelector selects the stream that the lines of stdin are.
const stdinSelector = `{source="logcli"}`

// anyStream opens a source whose streams all selectors select: lines of stdin
// have no labels of their own that a query copied from elsewhere could name.
type anyStream struct{ scan.Source }

func (a anyStream) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	all := *req
	all.Matchers = nil
	return a.Source.Open(ctx, &all)
}

// readStdin makes entries of the lines of stdin, the last or, for an answer that
// begins with the newest, the first of them at the time end. No two have the same
// time, so that equal lines stay two entries.
func (c *cli) readStdin(end int64, forward bool) (scan.Source, int, error) {
	var lines []string
	in := bufio.NewReaderSize(c.in, 64<<10)
	size := 0
	for {
		line, err := in.ReadString('\n')
		if size += len(line); size > maxStdin {
			c.logf("Warning: only the first %d MB of stdin are read", maxStdin>>20)
			break
		}
		if text := strings.TrimSuffix(line, "\n"); err == nil || text != "" {
			lines = append(lines, strings.TrimSuffix(text, "\r"))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
	}
	entries := make([]model.Entry, len(lines))
	for i, line := range lines {
		ts := end - int64(i)
		if forward {
			ts = end - int64(len(lines)-1-i)
		}
		entries[i] = model.Entry{Timestamp: ts, Line: line}
	}
	stream := rowscan.Stream{Labels: labels.FromStrings("source", "logcli"), Entries: entries}
	return anyStream{rowscan.New([]rowscan.Stream{stream})}, len(lines), nil
}

// stdinQuery parses a query, which may leave its selector out.
func stdinQuery(query string) (syntax.Expr, error) {
	if text := strings.TrimSpace(query); strings.HasPrefix(text, "|") || strings.HasPrefix(text, "!") {
		query = stdinSelector + " " + text
	}
	return syntax.Parse(query)
}

func (c *cli) queryStdin(ctx context.Context, start, end int64) error {
	f := &c.flags
	expr, err := stdinQuery(f.query)
	if err != nil {
		return err
	}
	source, lines, err := c.readStdin(end, f.forward)
	if err != nil {
		return err
	}
	p := engine.Params{Start: start, End: end + 1, Interval: f.interval, Limit: max(lines, 1), Direction: engine.Backward}
	if f.forward {
		p.Direction = engine.Forward
	}
	if _, ok := expr.(syntax.MetricExpr); ok {
		if p.Step = f.step; p.Step <= 0 {
			p.Step = max(time.Duration(end-start)/250/time.Second*time.Second, time.Second)
		}
		if (end-start)/int64(p.Step) > loghttp.MaxPoints {
			return usageError("--step is so short that there would be more than 11,000 points")
		}
		// The lines are at the end, so the last point is there.
		p.Start, p.End = end-(end-start)/int64(p.Step)*int64(p.Step), end
	}
	return c.execStdin(ctx, source, expr, p)
}

func (c *cli) instantStdin(ctx context.Context, now time.Time) error {
	expr, err := stdinQuery(c.flags.query)
	if err != nil {
		return err
	}
	source, _, err := c.readStdin(now.UnixNano(), c.flags.forward)
	if err != nil {
		return err
	}
	return c.execStdin(ctx, source, expr, engine.Params{Start: now.UnixNano(), End: now.UnixNano()})
}

func (c *cli) execStdin(ctx context.Context, source scan.Source, expr syntax.Expr, p engine.Params) error {
	r, err := engine.New(engine.Options{}).Exec(ctx, source, "stdin", expr, p, engine.Limits{})
	if err != nil {
		return err
	}
	answer := &loghttp.Response{Warnings: r.Warnings}
	answer.Stats.Summary = loghttp.SummaryStats{
		TotalBytesProcessed: r.Stats.LineBytes, TotalLinesProcessed: r.Stats.Lines, ExecTime: r.Stats.Exec.Seconds(),
		TotalEntriesReturned: r.Stats.Entries, TotalPostFilterLines: r.Stats.PostFilter,
	}
	switch data := r.Data.(type) {
	case engine.Streams:
		streams := make(loghttp.Streams, len(data))
		for i, s := range data {
			streams[i].Labels = s.Labels
			for _, e := range s.Entries {
				streams[i].Entries = append(streams[i].Entries, loghttp.Entry{Timestamp: e.Timestamp, Line: e.Line})
			}
		}
		answer.Result = streams
		if err := c.printResult(answer); err != nil {
			return err
		}
		return c.printPage(streams, entriesOf(streams, p.Direction == engine.Forward))
	case promql.Matrix:
		m := make(loghttp.Matrix, len(data))
		for i, s := range data {
			m[i].Metric = s.Metric
			for _, f := range s.Floats {
				m[i].Points = append(m[i].Points, loghttp.Point(f))
			}
		}
		answer.Result = m
	case promql.Vector:
		v := make(loghttp.Vector, len(data))
		for i, s := range data {
			v[i] = loghttp.Sample{Metric: s.Metric, Point: loghttp.Point{T: s.T, F: s.F}}
		}
		answer.Result = v
	case promql.Scalar:
		answer.Result = loghttp.Scalar{T: data.T, F: data.V}
	}
	return c.printResult(answer)
}
