package logcli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/api"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

func (c *cli) runQuery(ctx context.Context) error {
	f := &c.flags
	if err := f.noStore(); err != nil {
		return err
	}
	if f.tail {
		if err := f.noStdin("--tail"); err != nil {
			return err
		}
		return c.runTail(ctx)
	}
	start, end, err := c.interval()
	if err != nil {
		return err
	}
	if f.batch <= 0 {
		return usageError("--batch must be more than 0")
	}
	if f.stdin {
		return c.queryStdin(ctx, start, end)
	}
	c.paging = true
	if f.parallelWorkers > 1 || f.partPrefix != "" {
		return c.runParallel(ctx, start, end)
	}
	if f.mergeParts {
		return usageError("--merge-parts goes with --part-path-prefix")
	}
	d := &download{
		ask: c.client.QueryRange, told: c.infof, entries: c.printPage, result: c.printResult,
		query: api.Range{Query: f.query, Start: start, End: end, Forward: f.forward, Step: f.step, Interval: f.interval},
		limit: f.limit, batch: f.batch,
	}
	return d.run(ctx)
}

func (c *cli) runInstant(ctx context.Context) error {
	f := &c.flags
	if err := f.noStore(); err != nil {
		return err
	}
	now := c.now
	if f.now != "" {
		var err error
		if now, err = parseTime(f.now); err != nil {
			return err
		}
	}
	if f.stdin {
		return c.instantStdin(ctx, now)
	}
	r, err := c.client.Query(ctx, api.Instant{Query: f.query, Time: now.UnixNano(), Limit: f.limit, Forward: f.forward})
	if err != nil {
		return err
	}
	if streams, ok := r.Result.(loghttp.Streams); ok {
		c.printCost(r)
		return c.printPage(streams, entriesOf(streams, f.forward))
	}
	return c.printResult(r)
}

// printCost shows warnings, and statistics where they are wanted.
func (c *cli) printCost(r *loghttp.Response) {
	for _, w := range r.Warnings {
		c.logf("Warning: %s", w)
	}
	if c.flags.stats {
		c.printStats(&r.Stats)
	}
	c.requests.Add(1)
	if streams, ok := r.Result.(loghttp.Streams); ok {
		c.entries.Add(int64(streams.Entries()))
	}
}

// printResult prints an answer that is no entries; those come by printPage.
func (c *cli) printResult(r *loghttp.Response) error {
	c.printCost(r)
	if _, ok := r.Result.(loghttp.Streams); ok {
		return nil
	}
	return c.printMetric(r.Result)
}

// printPage prints those entries of streams that were not printed yet.
func (c *cli) printPage(streams loghttp.Streams, entries []entry) error {
	if len(entries) == 0 {
		return nil
	}
	common := commonLabels(streams)
	c.tellLabels(common)
	return c.write(c.print.append(nil, entries, common))
}

// tellLabels says which labels are not beside each entry.
func (c *cli) tellLabels(common labels.Labels) {
	if !common.IsEmpty() {
		text := common.String()
		if c.colours {
			text = red + text + reset
		}
		c.infof("Common labels: %s", text)
	}
	c.tellFilters()
}

func (c *cli) tellFilters() {
	if len(c.print.exclude) > 0 {
		c.infof("Ignoring labels key: %s", strings.Join(c.print.exclude, ","))
	}
	if len(c.print.include) > 0 {
		c.infof("Print only labels key: %s", strings.Join(c.print.include, ","))
	}
}

// A download asks for all entries of a range, page by page.
type download struct {
	ask     func(context.Context, api.Range) (*loghttp.Response, error)
	told    func(format string, args ...any)
	entries func(loghttp.Streams, []entry) error // a page without what was printed already
	result  func(*loghttp.Response) error        // every answer, before its entries

	query api.Range
	limit int // 0 or less: all
	batch int
}

func (d *download) run(ctx context.Context) error {
	q := d.query
	got := 0
	var printed []entry // those at the end of the last page that have the same time
	for {
		q.Limit = d.batch
		if d.limit > 0 {
			q.Limit = min(q.Limit, d.limit-got+len(printed))
		}
		r, err := d.ask(ctx, q)
		if most := serverLimit(err); most > 0 && most < q.Limit {
			d.told("the server gives at most %d entries at once: --batch is %d from now on", most, most)
			d.batch = most
			continue
		}
		if err != nil {
			return err
		}
		if err := d.result(r); err != nil {
			return err
		}
		streams, ok := r.Result.(loghttp.Streams)
		if !ok {
			return nil
		}
		page := entriesOf(streams, q.Forward)
		fresh := without(page, printed)
		if d.limit > 0 && len(fresh) > d.limit-got {
			fresh = fresh[:d.limit-got]
		}
		if err := d.entries(streams, fresh); err != nil {
			return err
		}
		got += len(fresh)
		if len(page) < q.Limit || len(fresh) == 0 || d.limit > 0 && got >= d.limit {
			return nil
		}
		last := page[len(page)-1].Timestamp
		first := len(page)
		for first > 0 && page[first-1].Timestamp == last {
			first--
		}
		printed = page[first:]
		if len(printed) >= d.batch {
			return usageError(fmt.Sprintf("Invalid batch size %d: %d entries have the same time, so the next page would hold only what is printed already. Use a --batch of at least %d",
				d.batch, len(printed), len(printed)+1))
		}
		if q.Forward {
			q.Start = last
		} else {
			q.End = last + 1
		}
	}
}

// without returns the entries of a page that are not among those printed.
func without(page, printed []entry) []entry {
	if len(printed) == 0 {
		return page
	}
	type key struct {
		ts     int64
		line   string
		labels string
	}
	seen := map[key]int{}
	for i := range printed {
		seen[key{printed[i].Timestamp, printed[i].Line, printed[i].labels.String()}]++
	}
	fresh := page[:0:0]
	for i := range page {
		if page[i].Timestamp == printed[0].Timestamp {
			k := key{page[i].Timestamp, page[i].Line, page[i].labels.String()}
			if seen[k] > 0 {
				seen[k]--
				continue
			}
		}
		fresh = append(fresh, page[i])
	}
	return fresh
}

var overLimit = regexp.MustCompile(`max_entries_limit_per_query \(\d+ > (\d+)\)`)

// serverLimit returns how many entries a server gives at once, where err says
// that it was asked for more.
func serverLimit(err error) int {
	var status *api.StatusError
	if !errors.As(err, &status) || status.Code != http.StatusBadRequest {
		return 0
	}
	if m := overLimit.FindStringSubmatch(status.Body); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// isMetric reports whether a query is one for numbers; a query that cannot be
// parsed is the server's to judge.
func isMetric(query string) bool {
	e, err := syntax.Parse(query)
	if err != nil {
		return false
	}
	_, ok := e.(syntax.MetricExpr)
	return ok
}
