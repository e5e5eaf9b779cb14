package api

import (
	"errors"
	"strconv"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/scan"
)

var errLegacyMetric = errors.New("legacy endpoints only support log queries: use /loki/api/v1/query_range")

// legacyQuery serves /api/prom/query.
func (a *API) legacyQuery(q *question) (any, error) {
	p, err := loghttp.ParseRangeQuery(q.form, a.now())
	if err != nil {
		return nil, err
	}
	text, err := legacyText(p.Query, q.form.Get("regexp"))
	if err != nil {
		return nil, err
	}
	sel, err := logSelector(text)
	if err != nil {
		return nil, err
	}
	res, err := a.run(q, text, sel, engine.Params{
		Start: p.Start, End: p.End, Step: p.Step, Limit: p.Limit, Direction: engine.Direction(p.Direction),
	})
	if err != nil {
		return nil, err
	}
	streams, _ := result(res).(loghttp.Streams)
	return loghttp.AppendLegacyStreams(nil, streams), nil
}

// legacyText is a log query with the filter that legacy requests have beside it.
func legacyText(query, filter string) (string, error) {
	if _, err := logSelector(query); err != nil {
		if errors.Is(err, errNotLogs) {
			err = badRequest(errLegacyMetric)
		}
		return "", err
	}
	if filter != "" {
		query += " |~ " + strconv.Quote(filter)
	}
	return query, nil
}

// legacyLabelNames serves /api/prom/label.
func (a *API) legacyLabelNames(q *question) (any, error) {
	return a.legacyValues(q, func(req *scan.Request) ([]string, error) {
		return a.querier.LabelNames(q.Context(), q.tenants, req)
	})
}

// legacyLabelValues serves /api/prom/label/{name}/values.
func (a *API) legacyLabelValues(q *question) (any, error) {
	return a.legacyValues(q, func(req *scan.Request) ([]string, error) {
		return a.querier.LabelValues(q.Context(), q.tenants, req, pathVar(q.Request, "name"))
	})
}

func (a *API) legacyValues(q *question, ask func(*scan.Request) ([]string, error)) (any, error) {
	p, err := loghttp.ParseSelectorRequest(q.form, a.now())
	if err != nil {
		return nil, err
	}
	req, err := selected(&p, true)
	if err != nil {
		return nil, err
	}
	names, err := ask(req)
	return loghttp.AppendLegacyValues(nil, names), err
}
