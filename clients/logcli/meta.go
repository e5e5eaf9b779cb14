package logcli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/api"
)

// asking returns the bounds for a command that needs a server.
func (c *cli) asking(command string) (start, end int64, err error) {
	if err := c.flags.noStdin(command); err != nil {
		return 0, 0, err
	}
	return c.interval()
}

// writeLines prints a list, one a line.
func (c *cli) writeLines(list []string) error {
	if len(list) == 0 {
		return nil
	}
	return c.write([]byte(strings.Join(list, "\n") + "\n"))
}

func (c *cli) runLabels(ctx context.Context) error {
	start, end, err := c.asking("labels")
	if err != nil {
		return err
	}
	names, err := c.client.Labels(ctx, c.flags.label, start, end)
	if err != nil {
		return err
	}
	return c.writeLines(names)
}

func (c *cli) runSeries(ctx context.Context) error {
	start, end, err := c.asking("series")
	if err != nil {
		return err
	}
	series, err := c.client.Series(ctx, c.flags.matcher, start, end)
	if err != nil {
		return err
	}
	if c.flags.analyze {
		return c.write(analyze(series))
	}
	var lines []string
	for _, s := range series {
		lines = append(lines, s.String())
	}
	slices.Sort(lines)
	return c.writeLines(lines)
}

// analyze is a table of labels, those with most values first.
func analyze(series []labels.Labels) []byte {
	type count struct {
		name    string
		values  map[string]bool
		streams int
	}
	byName := map[string]*count{}
	for _, s := range series {
		s.Range(func(l labels.Label) {
			n := byName[l.Name]
			if n == nil {
				n = &count{name: l.Name, values: map[string]bool{}}
				byName[l.Name] = n
			}
			n.values[l.Value] = true
			n.streams++
		})
	}
	counts := make([]*count, 0, len(byName))
	for _, n := range byName {
		counts = append(counts, n)
	}
	slices.SortFunc(counts, func(a, b *count) int {
		return cmp.Or(cmp.Compare(len(b.values), len(a.values)), cmp.Compare(a.name, b.name))
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, "Total Streams:  %d\nUnique Labels:  %d\n\n", len(series), len(counts))
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "Label Name\tUnique Values\tFound In Streams")
	for _, n := range counts {
		fmt.Fprintf(w, "%s\t%d\t%d\n", n.name, len(n.values), n.streams)
	}
	_ = w.Flush()
	return b.Bytes()
}

func (c *cli) runStats(ctx context.Context) error {
	start, end, err := c.asking("stats")
	if err != nil {
		return err
	}
	s, err := c.client.IndexStats(ctx, c.flags.query, start, end)
	if err != nil {
		return err
	}
	size := strings.ReplaceAll(humanize.Bytes(s.Bytes), " ", "")
	return c.write(fmt.Appendf(nil, "{\n  bytes: %s\n  chunks: %d\n  streams: %d\n  entries: %d\n}\n", size, s.Chunks, s.Streams, s.Entries))
}

func (c *cli) runVolume(ctx context.Context) error { return c.volume(ctx, "volume") }

func (c *cli) runVolumeRange(ctx context.Context) error {
	if c.flags.step < 1e9 {
		return usageError("--step must be a second or more")
	}
	return c.volume(ctx, "volume_range")
}

func (c *cli) volume(ctx context.Context, command string) error {
	start, end, err := c.asking(command)
	if err != nil {
		return err
	}
	f := &c.flags
	q := api.Volume{Query: f.query, Start: start, End: end, Limit: f.limit, TargetLabels: strings.Join(f.targetLabels, ","), ByLabels: f.byLabels}
	if command == "volume_range" {
		q.Step = f.step
	}
	r, err := c.client.Volume(ctx, q)
	if err != nil {
		return err
	}
	return c.printResult(r)
}

func (c *cli) runFields(ctx context.Context) error {
	start, end, err := c.asking("detected-fields")
	if err != nil {
		return err
	}
	f := &c.flags
	if f.step <= 0 {
		return usageError("--step must be more than 0")
	}
	r, raw, err := c.client.DetectedFields(ctx, api.Fields{Query: f.query, Field: f.field, Start: start, End: end, Limit: f.limit, LineLimit: f.lineLimit, Step: f.step})
	if err != nil {
		return err
	}
	if f.output == "raw" {
		return c.write(append(bytes.TrimRight(raw, "\n"), '\n'))
	}
	var lines []string
	for _, field := range r.Fields {
		lines = append(lines, fmt.Sprintf("label: %s\t\ttype: %s\t\tcardinality: %d", field.Label, field.Type, field.Cardinality))
	}
	lines = append(lines, r.Values...)
	slices.Sort(lines)
	return c.writeLines(lines)
}

func (c *cli) runDetectedLabels(ctx context.Context) error {
	start, end, err := c.asking("detected-labels")
	if err != nil {
		return err
	}
	r, raw, err := c.client.DetectedLabels(ctx, c.flags.query, start, end)
	if err != nil {
		return err
	}
	if c.flags.output == "raw" {
		return c.write(append(bytes.TrimRight(raw, "\n"), '\n'))
	}
	var lines []string
	for _, l := range r.DetectedLabels {
		lines = append(lines, fmt.Sprintf("label: %s\t\tcardinality: %d", l.Label, l.Cardinality))
	}
	slices.Sort(lines)
	return c.writeLines(lines)
}

// runPatterns prints a pattern a line: how many lines have it, their level, and
// the pattern itself; or the pattern alone, or all as JSON.
func (c *cli) runPatterns(ctx context.Context) error {
	start, end, err := c.asking("patterns")
	if err != nil {
		return err
	}
	r, _, err := c.client.Patterns(ctx, c.flags.query, start, end, c.flags.step)
	if err != nil {
		return err
	}
	type pattern struct {
		Count   int64  `json:"count"`
		Level   string `json:"level"`
		Pattern string `json:"pattern"`
	}
	found := make([]pattern, len(r.Data))
	for i, p := range r.Data {
		found[i] = pattern{Level: p.Level, Pattern: p.Pattern}
		for _, s := range p.Samples {
			found[i].Count += s.Count
		}
	}
	slices.SortStableFunc(found, func(a, b pattern) int { return cmp.Compare(b.Count, a.Count) })
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, p := range found {
		switch c.flags.output {
		case "raw":
			fmt.Fprintln(&b, p.Pattern)
		case "jsonl":
			if err := enc.Encode(p); err != nil {
				return err
			}
		default:
			fmt.Fprintf(w, "%d\t%s\t%s\n", p.Count, p.Level, strings.ReplaceAll(p.Pattern, "\t", " "))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return c.write(b.Bytes())
}
