package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"
	"github.com/grafana/dskit/user"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// maxFormBytes bounds the form of a query.
const maxFormBytes = 10 << 20

// form reads the parameters of a request, from its URL and from its body.
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, fmt.Errorf("a form of more than %d bytes: %w", tooLarge.Limit, err)
		}
		return nil, badRequest(fmt.Errorf("could not parse the parameters: %w", err))
	}
	return r.Form, nil
}

// query serves /loki/api/v1/query.
func (a *API) query(w http.ResponseWriter, r *http.Request) {
	a.answer(w, r, func(f url.Values) (string, engine.Params, error) {
		q, err := loghttp.ParseInstantQuery(f, a.now())
		return q.Query, engine.Params{Start: q.Time, End: q.Time, Limit: q.Limit, Direction: engine.Direction(q.Direction)}, err
	})
}

// queryRange serves /loki/api/v1/query_range.
func (a *API) queryRange(w http.ResponseWriter, r *http.Request) {
	a.answer(w, r, func(f url.Values) (string, engine.Params, error) {
		q, err := loghttp.ParseRangeQuery(f, a.now())
		return q.Query, engine.Params{
			Start: q.Start, End: q.End, Step: q.Step, Interval: q.Interval,
			Limit: q.Limit, Direction: engine.Direction(q.Direction),
		}, err
	})
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, parse func(url.Values) (string, engine.Params, error)) {
	resp, err := a.ask(w, r, parse)
	if err != nil {
		a.fail(w, r, err, false)
		return
	}
	writeJSON(w, loghttp.AppendResponse(nil, resp))
}

func (a *API) ask(w http.ResponseWriter, r *http.Request, parse func(url.Values) (string, engine.Params, error)) (*loghttp.Response, error) {
	tenants, err := a.readTenants(r)
	if err != nil {
		return nil, err
	}
	f, err := form(w, r)
	if err != nil {
		return nil, err
	}
	text, params, err := parse(f)
	if err != nil {
		return nil, err
	}
	expr, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	params.Categorize = loghttp.WantsCategories(r.Header.Get(loghttp.EncodingFlagsHeader))
	params.NoCache = loghttp.WantsNoCache(r.Header)
	res, err := a.querier.Query(r.Context(), tenants, expr, params)
	if err != nil {
		return nil, err
	}
	return &loghttp.Response{
		Result:      result(res),
		Categorized: params.Categorize,
		Warnings:    res.Warnings,
		Stats:       stats(&res.Stats),
	}, nil
}

// result gives the engine's result the form of answers.
func result(res *engine.Result) loghttp.Result {
	switch data := res.Data.(type) {
	case engine.Streams:
		out := make(loghttp.Streams, len(data))
		for n, s := range data {
			out[n] = loghttp.Stream{Labels: s.Labels, Entries: make([]loghttp.Entry, len(s.Entries))}
			for i, e := range s.Entries {
				out[n].Entries[i] = loghttp.Entry{Timestamp: e.Timestamp, Line: e.Line, Structured: e.Metadata, Parsed: e.Parsed}
			}
		}
		return out
	case promql.Vector:
		out := make(loghttp.Vector, len(data))
		for n, s := range data {
			out[n] = loghttp.Sample{Metric: s.Metric, Point: loghttp.Point{T: s.T, F: s.F}}
		}
		return out
	case promql.Matrix:
		out := make(loghttp.Matrix, len(data))
		for n, s := range data {
			out[n] = loghttp.Series{Metric: s.Metric, Points: make([]loghttp.Point, len(s.Floats))}
			for i, p := range s.Floats {
				out[n].Points[i] = loghttp.Point{T: p.T, F: p.F}
			}
		}
		return out
	case promql.Scalar:
		return loghttp.Scalar{T: data.T, F: data.V}
	}
	panic(fmt.Sprintf("a result of type %T", res.Data)) // the engine has no other
}

// stats gives the engine's figures the names that clients know.
func stats(s *engine.Stats) loghttp.Stats {
	var out loghttp.Stats
	seconds := s.Exec.Seconds()
	sum := &out.Summary
	sum.ExecTime = seconds
	sum.TotalBytesProcessed = s.LineBytes + s.MetadataBytes
	sum.TotalLinesProcessed = s.Lines
	if seconds > 0 {
		sum.BytesProcessedPerSecond = int64(float64(sum.TotalBytesProcessed) / seconds)
		sum.LinesProcessedPerSecond = int64(float64(s.Lines) / seconds)
	}
	sum.QueueTime = s.Queued.Seconds()
	sum.Splits = s.Parts
	sum.Subqueries = s.Scans
	sum.TotalEntriesReturned = s.Entries
	sum.TotalPostFilterLines = s.PostFilter
	sum.TotalStructuredMetadataBytesProcessed = s.MetadataBytes

	kept := &out.Cache.Result
	kept.EntriesRequested, kept.EntriesFound, kept.EntriesStored = s.CacheRequested, s.CacheFound, s.CacheStored
	kept.BytesReceived = s.CacheBytes

	store := &out.Querier.Store
	out.Querier.QuerierExecTime = seconds
	store.TotalChunksRef = s.BlocksRead + s.BlocksDirectory + s.BlocksSkipped + s.BlocksDamaged
	store.TotalChunksDownloaded = s.BlocksRead
	store.QueryReferencedStructuredMetadata = s.MetadataBytes > 0
	store.Chunk.CompressedBytes = s.ReadBytes
	store.Chunk.DecompressedBytes = s.LineBytes
	store.Chunk.DecompressedLines = s.Lines
	store.Chunk.DecompressedStructuredMetadataBytes = s.MetadataBytes
	store.Chunk.PostFilterLines = s.PostFilter
	store.Chunk.TotalDuplicates = s.Duplicates
	return out
}

// labelNames serves /loki/api/v1/labels.
func (a *API) labelNames(w http.ResponseWriter, r *http.Request) {
	a.names(w, r, func(tenants []string, req *scan.Request) ([]string, error) {
		return a.querier.LabelNames(r.Context(), tenants, req)
	})
}

// labelValues serves /loki/api/v1/label/{name}/values.
func (a *API) labelValues(w http.ResponseWriter, r *http.Request) {
	a.names(w, r, func(tenants []string, req *scan.Request) ([]string, error) {
		return a.querier.LabelValues(r.Context(), tenants, req, mux.Vars(r)["name"])
	})
}

func (a *API) names(w http.ResponseWriter, r *http.Request, ask func([]string, *scan.Request) ([]string, error)) {
	names, err := func() ([]string, error) {
		tenants, err := a.readTenants(r)
		if err != nil {
			return nil, err
		}
		f, err := form(w, r)
		if err != nil {
			return nil, err
		}
		q, err := loghttp.ParseLabelsRequest(f, a.now())
		if err != nil {
			return nil, err
		}
		req := &scan.Request{Interval: interval(q.Start, q.End)}
		if q.Query != "" {
			if req.Matchers, err = syntax.ParseMatchers(q.Query); err != nil {
				return nil, err
			}
			if len(req.Matchers) == 0 {
				return nil, badRequest(errNoMatchers)
			}
		}
		return ask(tenants, req)
	}()
	if err != nil {
		a.fail(w, r, err, false)
		return
	}
	writeJSON(w, loghttp.AppendLabelNames(nil, names))
}

// series serves /loki/api/v1/series.
func (a *API) series(w http.ResponseWriter, r *http.Request) {
	series, err := func() ([]labels.Labels, error) {
		tenants, err := a.readTenants(r)
		if err != nil {
			return nil, err
		}
		f, err := form(w, r)
		if err != nil {
			return nil, err
		}
		q, err := loghttp.ParseSeriesRequest(f, a.now())
		if err != nil {
			return nil, err
		}
		return a.allSeries(r, tenants, &q)
	}()
	if err != nil {
		a.fail(w, r, err, false)
		return
	}
	writeJSON(w, loghttp.AppendSeries(nil, series))
}

// allSeries is the union over the selectors of a request.
func (a *API) allSeries(r *http.Request, tenants []string, q *loghttp.SeriesRequest) ([]labels.Labels, error) {
	selectors := [][]*labels.Matcher{nil}
	if len(q.Matches) > 0 {
		selectors = nil
		for _, text := range q.Matches {
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
	for _, m := range selectors {
		series, err := a.querier.Series(r.Context(), tenants, &scan.Request{Matchers: m, Interval: interval(q.Start, q.End)})
		if err != nil {
			return nil, err
		}
		for _, l := range series {
			if text := l.String(); !seen[text] {
				seen[text] = true
				out = append(out, l)
			}
		}
	}
	return out, nil
}

// formatQuery serves /loki/api/v1/format_query. It needs no tenant's data.
func (a *API) formatQuery(w http.ResponseWriter, r *http.Request) {
	if _, err := a.tenants(r.Header.Get(user.OrgIDHeaderName)); err != nil {
		a.fail(w, r, err, false)
		return
	}
	f, err := form(w, r)
	if err != nil {
		a.fail(w, r, err, false)
		return
	}
	expr, err := syntax.Parse(f.Get("query"))
	if err != nil {
		writeStatusJSON(w, http.StatusBadRequest, map[string]string{"status": "invalid-query", "error": err.Error()})
		return
	}
	writeStatusJSON(w, http.StatusOK, map[string]string{"status": "success", "data": syntax.Pretty(expr)})
}

// errNoMatchers is of label requests, which may leave the selector out instead.
var errNoMatchers = errors.New("a selector needs at least one matcher; leave query out to ask about all streams")

// interval is a request's [start, end) as a closed interval.
func interval(start, end int64) model.Interval { return model.Interval{Mint: start, Maxt: end - 1} }
