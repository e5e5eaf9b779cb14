package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Differences tells, for each query, how the answers of the other servers differ
// from those of the first, and what is wrong with any of them. It is empty if all
// say the same.
func (r *Report) Differences() []string {
	var out []string
	for _, q := range Suite(Plants{}) {
		var first *Timing
		var of *Result
		for _, result := range r.Results {
			t := result.timing(q.Name)
			switch {
			case t == nil:
			case t.Error != "":
				out = append(out, fmt.Sprintf("%s: %s: %s", q.Name, result.Server, t.Error))
			case t.Answer == nil:
				out = append(out, fmt.Sprintf("%s: %s: there is no answer", q.Name, result.Server))
			case first == nil:
				if !q.Empty && len(t.Answer.Entries)+len(t.Answer.Series) == 0 {
					out = append(out, fmt.Sprintf("%s: %s: the answer is empty", q.Name, result.Server))
				}
				first, of = t, result
			default:
				tolerance := exact
				if of.Kind != result.Kind {
					tolerance = max(exact, q.Tolerance)
				}
				for _, d := range CompareAnswers(first.Answer, t.Answer, tolerance) {
					out = append(out, fmt.Sprintf("%s: %s against %s: %s", q.Name, of.Server, result.Server, d))
				}
			}
		}
	}
	for _, result := range r.Results {
		if result.Ingest != nil && result.Ingest.Missing != 0 {
			out = append(out, fmt.Sprintf("ingest: %s has %d of %d entries", result.Server, result.Ingest.Entries-result.Ingest.Missing, result.Ingest.Entries))
		}
	}
	return out
}

// WriteMarkdown writes tables with a column for each server, and below them where
// their answers differ.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	r.writeTable(&b, "", r.rows())
	if cpu := r.cpuRows(); len(cpu) > 0 {
		b.WriteString("\n")
		r.writeTable(&b, "CPU time of the server for each run", cpu)
	}
	if differences := r.Differences(); len(differences) > 0 {
		b.WriteString("\nDifferences:\n\n")
		for _, d := range differences {
			fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(d, "\n", " "))
		}
	} else if len(r.Results) > 1 {
		b.WriteString("\nThe answers are the same.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A tableRow is a title and a cell for each server.
type tableRow struct {
	title string
	cells []string
}

func (r *Report) writeTable(b *strings.Builder, title string, rows []tableRow) {
	names := make([]string, len(r.Results))
	for i, result := range r.Results {
		names[i] = result.Server
	}
	fmt.Fprintf(b, "| %s | %s |\n|---|%s\n", title, strings.Join(names, " | "), strings.Repeat("---:|", len(names)))
	for _, row := range rows {
		fmt.Fprintf(b, "| %s | %s |\n", row.title, strings.Join(row.cells, " | "))
	}
}

// rows are what was measured. What is known of no server is left out.
func (r *Report) rows() (rows []tableRow) {
	row := func(title string, cell func(*Result) string) { rows = r.appendRow(rows, title, cell) }
	ingest := func(cell func(*Ingest) float64, decimals int) func(*Result) string {
		return func(r *Result) string {
			if r.Ingest == nil {
				return ""
			}
			return number(cell(r.Ingest), decimals)
		}
	}
	megabytes := func(n int64) float64 { return float64(n) / 1e6 }
	row("pushed, MB of lines", ingest(func(in *Ingest) float64 { return megabytes(in.Bytes) }, 0))
	row("ingest, MB/s, with the making of the lines", ingest(func(in *Ingest) float64 { return ratio(megabytes(in.Bytes), in.Seconds) }, 0))
	row("ingest, MB per CPU-second, to the last acknowledgement", ingest(func(in *Ingest) float64 { return ratio(megabytes(in.Bytes), in.CPUSeconds) }, 0))
	row("ingest, MB per CPU-second, until stored and at rest", ingest(func(in *Ingest) float64 { return ratio(megabytes(in.Bytes), in.RestCPUSeconds) }, 0))
	row("disk, MB", ingest(func(in *Ingest) float64 { return megabytes(in.DiskBytes) }, 1))
	row("RSS at the last acknowledgement, MB", ingest(func(in *Ingest) float64 { return megabytes(in.RSSBytes) }, 0))
	row("RSS at rest, MB", ingest(func(in *Ingest) float64 { return megabytes(in.RestRSSBytes) }, 0))
	row("peak RSS of ingest, MB", ingest(func(in *Ingest) float64 { return megabytes(in.PeakBytes) }, 0))
	row("peak RSS with queries, MB", func(r *Result) string { return number(megabytes(r.PeakBytes), 0) })
	for _, q := range Suite(Plants{}) {
		row(q.About+", ms", func(r *Result) string { return r.timing(q.Name).cell() })
	}
	return rows
}

// cpuRows are what the queries cost the servers.
func (r *Report) cpuRows() (rows []tableRow) {
	for _, q := range Suite(Plants{}) {
		rows = r.appendRow(rows, q.About+", ms", func(r *Result) string {
			if t := r.timing(q.Name); t != nil && t.CPU > 0 {
				return short(t.CPU)
			}
			return ""
		})
	}
	return rows
}

func (r *Report) appendRow(rows []tableRow, title string, cell func(*Result) string) []tableRow {
	row := tableRow{title: title}
	known := false
	for _, result := range r.Results {
		text := cell(result)
		row.cells = append(row.cells, text)
		known = known || text != ""
	}
	if !known {
		return rows
	}
	return append(rows, row)
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// number is empty for 0, which is what is not known.
func number(f float64, decimals int) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'f', decimals, 64)
}

// cell is the median and, in parentheses, the first time.
func (t *Timing) cell() string {
	switch {
	case t == nil:
		return ""
	case t.Error != "":
		return "failed"
	}
	return fmt.Sprintf("%s (%s)", short(t.Median), short(t.First))
}

// short shows two or three digits.
func short(ms float64) string {
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64)
	default:
		return strconv.FormatFloat(ms, 'f', 0, 64)
	}
}
