package querier

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// DetectedLabels returns the labels of the selected streams that are of use to
// choose by, sorted: those with nothing but numbers or UUIDs are not.
func (q *Querier) DetectedLabels(ctx context.Context, tenants []string, req *scan.Request) ([]loghttp.DetectedLabel, error) {
	series, err := q.Series(ctx, tenants, req)
	if err != nil {
		return nil, err
	}
	values := map[string]map[string]bool{}
	for _, ls := range series {
		ls.Range(func(l labels.Label) {
			if strings.HasPrefix(l.Name, "__") {
				return
			}
			if values[l.Name] == nil {
				values[l.Name] = map[string]bool{}
			}
			values[l.Name][l.Value] = true
		})
	}
	var out []loghttp.DetectedLabel
	for name, set := range values {
		if worthChoosing(name, set) {
			out = append(out, loghttp.DetectedLabel{Label: name, Cardinality: uint64(len(set))})
		}
	}
	slices.SortFunc(out, func(a, b loghttp.DetectedLabel) int { return strings.Compare(a.Label, b.Label) })
	return out, nil
}

// alwaysChosen are the labels that people choose by, whatever their values.
var alwaysChosen = []string{"cluster", "namespace", "instance", "pod"}

// worthChoosing reports whether a label's values mean something to people: a
// single name among them is enough, and 0 and 1 are switches.
func worthChoosing(name string, values map[string]bool) bool {
	if slices.Contains(alwaysChosen, name) {
		return true
	}
	switches := 0
	for v := range values {
		switch {
		case v == "0" || v == "1":
			switches++
		case !isNumber(v) && !isUUID(v):
			return true
		}
	}
	return switches == len(values)
}

// A FieldsRequest asks for the fields of entries.
type FieldsRequest struct {
	Query      *syntax.LogSelector
	Start, End int64 // nanoseconds, the end excluded
	LineLimit  int   // entries to look at, the newest, of a query with stages
	Limit      int   // fields, or values of one, that are wanted
}

// DetectedFields returns the fields of what a query selects, by name: of all entries,
// or, where the query has stages, of the newest that it returns.
func (q *Querier) DetectedFields(ctx context.Context, tenants []string, req *FieldsRequest) ([]loghttp.DetectedField, error) {
	d, err := q.detect(ctx, tenants, req, "")
	if err != nil {
		return nil, err
	}
	return d.list(req.Limit), nil
}

// DetectedFieldValues returns values of a field of the same entries, sorted.
func (q *Querier) DetectedFieldValues(ctx context.Context, tenants []string, req *FieldsRequest, name string) ([]string, error) {
	d, err := q.detect(ctx, tenants, req, name)
	if err != nil {
		return nil, err
	}
	return d.sorted(req.Limit), nil
}

// rangeQuery is a step, which makes a query one over a range, whatever its bounds.
const rangeQuery = time.Second

// detect finds the fields of what a query selects, or only one of them.
func (q *Querier) detect(ctx context.Context, tenants []string, req *FieldsRequest, only string) (*detector, error) {
	if len(req.Query.Stages) == 0 {
		return q.listFields(ctx, tenants, req, only)
	}
	limit := stricter(req.LineLimit, q.queryLimits(tenants).MaxEntries)
	res, err := q.Query(ctx, tenants, req.Query, engine.Params{
		Start: req.Start, End: req.End, Step: rangeQuery, Limit: limit, Direction: engine.Backward, Categorize: true,
	})
	if err != nil {
		return nil, err
	}
	tellGaps(ctx, res.Warnings...)
	d, err := newDetector()
	if err != nil {
		return nil, err
	}
	d.only = only
	streams, _ := res.Data.(engine.Streams)
	for i := range streams {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.addStream(&streams[i])
	}
	return d, nil
}
