package api

import (
	"errors"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// errNoMatchers is of the selector {}, which only series and volumes take.
var errNoMatchers = errors.New(`parse error at line 1, col 1: a selector needs at least one matcher, as in {app="web"}; labels may be asked for without a selector`)

// labelNames serves /loki/api/v1/labels.
func (a *API) labelNames(q *question) (any, error) {
	return a.names(q, func(req *scan.Request) ([]string, error) {
		return a.querier.LabelNames(q.Context(), q.tenants, req)
	})
}

// labelValues serves /loki/api/v1/label/{name}/values.
func (a *API) labelValues(q *question) (any, error) {
	return a.names(q, func(req *scan.Request) ([]string, error) {
		return a.querier.LabelValues(q.Context(), q.tenants, req, pathVar(q.Request, "name"))
	})
}

func (a *API) names(q *question, ask func(*scan.Request) ([]string, error)) (any, error) {
	p, err := loghttp.ParseLabelsRequest(q.form, a.now())
	if err != nil {
		return nil, err
	}
	req := &scan.Request{Interval: interval(p.Start, p.End)}
	if p.Query != "" {
		if req.Matchers, err = syntax.ParseMatchers(p.Query); err != nil {
			return nil, err
		}
		if len(req.Matchers) == 0 {
			return nil, badRequest(errNoMatchers)
		}
	}
	names, err := ask(req)
	return loghttp.AppendLabelNames(nil, names), err
}

// series serves /loki/api/v1/series: the union over the selectors of a request.
func (a *API) series(q *question) (any, error) {
	p, err := loghttp.ParseSeriesRequest(q.form, a.now())
	if err != nil {
		return nil, err
	}
	if err := a.querier.CheckSelectors(q.tenants, len(p.Matches)); err != nil {
		return nil, err
	}
	selectors := [][]*labels.Matcher{nil}
	if len(p.Matches) > 0 {
		selectors = nil
		for _, text := range p.Matches {
			if strings.Join(strings.Fields(text), "") == "{}" {
				selectors = append(selectors, nil) // all streams
				continue
			}
			m, err := syntax.ParseMatchers(text)
			if err != nil {
				return nil, err
			}
			selectors = append(selectors, m)
		}
	}
	var out []labels.Labels
	seen := map[string]bool{}
	for _, matchers := range selectors {
		series, err := a.querier.Series(q.Context(), q.tenants, &scan.Request{Matchers: matchers, Interval: interval(p.Start, p.End)})
		if err != nil {
			return nil, err
		}
		if len(selectors) == 1 {
			out = series
			break
		}
		for _, l := range series {
			if text := l.String(); !seen[text] {
				seen[text] = true
				out = append(out, l)
			}
		}
	}
	return loghttp.AppendSeries(nil, out), nil
}
