package api

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/scan"
)

var (
	// errVolumeDisabled is of tenants with volume_enabled off. Its text is what
	// clients look for.
	errVolumeDisabled = &statusError{http.StatusNotFound, errors.New("not found")}
	errNoShardSize    = errors.New("targetBytesPerShard is missing: how many bytes a shard should have, as in 100MB")
	errNotLogs        = errors.New("only log selector is supported")
)

// selected is the request for the streams of a selector, which is not {}; optional
// ones may be left out, which selects all streams.
func selected(q *loghttp.SelectorRequest, optional bool) (*scan.Request, error) {
	req := &scan.Request{Interval: interval(q.Start, q.End)}
	if q.Query == "" && optional {
		return req, nil
	}
	var err error
	if req.Matchers, err = syntax.ParseMatchers(q.Query); err == nil && len(req.Matchers) == 0 {
		err = badRequest(errNoMatchers)
	}
	return req, err
}

// indexStats serves /loki/api/v1/index/stats.
func (a *API) indexStats(q *question) (any, error) {
	p, err := loghttp.ParseSelectorRequest(q.form, a.now())
	if err != nil {
		return nil, err
	}
	req, err := selected(&p, false)
	if err != nil {
		return nil, err
	}
	return a.querier.IndexStats(q.Context(), q.tenants, req)
}

// indexShards serves /loki/api/v1/index/shards. The engine divides a query
// itself, so there is one shard, of all streams.
func (a *API) indexShards(q *question) (any, error) {
	var size limits.Bytes
	text := q.form.Get("targetBytesPerShard")
	if text == "" {
		return nil, badRequest(errNoShardSize)
	}
	if err := size.Set(text); err != nil {
		return nil, badRequest(err)
	}
	stats, err := a.indexStats(q)
	if err != nil {
		return nil, err
	}
	return &loghttp.ShardsResponse{
		Shards: []loghttp.Shard{{
			Bounds: loghttp.ShardBounds{Max: math.MaxUint64},
			Stats:  stats.(loghttp.IndexStatsResponse), // what indexStats answers
		}},
		ChunkGroups: []struct{}{},
	}, nil
}

// volume serves /loki/api/v1/index/volume and, ranged, /index/volume_range.
func (a *API) volume(ranged bool) func(*question) (any, error) {
	return func(q *question) (any, error) {
		for _, t := range q.tenants {
			if !a.limits.For(t).VolumeEnabled {
				return nil, errVolumeDisabled
			}
		}
		p, err := loghttp.ParseVolumeRequest(q.form, a.now(), ranged)
		if err != nil {
			return nil, err
		}
		matchers, err := syntax.ParseMatchers(p.Query) // {} are all streams
		if err != nil {
			return nil, err
		}
		began := a.now()
		volumes, err := a.querier.Volume(q.Context(), q.tenants, &querier.VolumeRequest{
			Matchers: matchers, Interval: interval(p.Start, p.End), TargetLabels: p.TargetLabels,
			ByLabels: p.ByLabels, Limit: p.Limit, Step: p.Step,
		})
		if err != nil {
			return nil, err
		}
		var res loghttp.Response
		res.Stats.Summary.ExecTime = a.now().Sub(began).Seconds()
		res.Stats.Summary.TotalEntriesReturned = int64(len(volumes))
		if ranged {
			res.Result = volumeMatrix(volumes, p.End)
		} else {
			res.Result = volumeVector(volumes, p.End)
		}
		return loghttp.AppendResponse(nil, &res), nil
	}
}

func volumeVector(volumes []querier.Volume, end int64) loghttp.Vector {
	out := make(loghttp.Vector, len(volumes))
	for i, v := range volumes {
		out[i] = loghttp.Sample{Metric: v.Labels, Point: loghttp.Point{T: end / 1e6, F: float64(v.Bytes)}}
	}
	return out
}

// volumeMatrix gives each step the last millisecond that is in it, and one in the
// midst of which the range ends that end.
func volumeMatrix(volumes []querier.Volume, end int64) loghttp.Matrix {
	out := make(loghttp.Matrix, len(volumes))
	for i, v := range volumes {
		out[i] = loghttp.Series{Metric: v.Labels, Points: make([]loghttp.Point, len(v.Steps))}
		for n, s := range v.Steps {
			at := s.End/1e6 - 1
			if s.End > end {
				at = end / 1e6
			}
			out[i].Points[n] = loghttp.Point{T: at, F: float64(s.Bytes)}
		}
	}
	slices.SortFunc(out, func(a, b loghttp.Series) int { return labels.Compare(a.Metric, b.Metric) })
	return out
}

// detectedLabels serves /loki/api/v1/detected_labels.
func (a *API) detectedLabels(q *question) (any, error) {
	p, err := loghttp.ParseSelectorRequest(q.form, a.now())
	if err != nil {
		return nil, err
	}
	req, err := selected(&p, true)
	if err != nil {
		return nil, err
	}
	list, err := a.querier.DetectedLabels(q.Context(), q.tenants, req)
	return loghttp.DetectedLabelsResponse{DetectedLabels: list}, err
}

// detectedFields serves /loki/api/v1/detected_fields.
func (a *API) detectedFields(q *question) (any, error) {
	req, err := a.fieldsRequest(q)
	if err != nil {
		return nil, err
	}
	out := loghttp.DetectedFieldsResponse{}
	if out.Fields, err = a.querier.DetectedFields(q.Context(), q.tenants, req); len(out.Fields) > 0 {
		out.Limit = req.Limit
	}
	return out, err
}

// detectedFieldValues serves /loki/api/v1/detected_field/{name}/values.
func (a *API) detectedFieldValues(q *question) (any, error) {
	req, err := a.fieldsRequest(q)
	if err != nil {
		return nil, err
	}
	out := loghttp.DetectedFieldsResponse{}
	if out.Values, err = a.querier.DetectedFieldValues(q.Context(), q.tenants, req, pathVar(q.Request, "name")); len(out.Values) > 0 {
		out.Limit = req.Limit
	}
	return out, err
}

func (a *API) fieldsRequest(q *question) (*querier.FieldsRequest, error) {
	p, err := loghttp.ParseFieldsRequest(q.form, a.now())
	if err != nil {
		return nil, err
	}
	sel, err := logSelector(p.Query)
	if err != nil {
		return nil, err
	}
	if _, err := a.admit(q, p.Query, sel, engine.Params{Start: p.Start, End: p.End, Step: time.Second, Limit: p.LineLimit}); err != nil {
		return nil, err
	}
	return &querier.FieldsRequest{Query: sel, Start: p.Start, End: p.End, LineLimit: p.LineLimit, Limit: p.Limit}, nil
}

// logSelector reads a query that must be one for entries.
func logSelector(text string) (*syntax.LogSelector, error) {
	expr, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	sel, ok := expr.(*syntax.LogSelector)
	if !ok {
		return nil, badRequest(errNotLogs)
	}
	return sel, nil
}

// patterns serves /loki/api/v1/patterns.
func (a *API) patterns(q *question) (any, error) {
	if !a.cfg.Patterns {
		return nil, errNoPatterns
	}
	p, err := loghttp.ParsePatternsRequest(q.form, a.now())
	if err != nil {
		return nil, err
	}
	req, err := selected(&p.SelectorRequest, false)
	if err != nil {
		return nil, err
	}
	list, err := a.querier.Patterns(q.Context(), q.tenants, req, p.Step)
	if list == nil {
		list = []loghttp.Pattern{}
	}
	return loghttp.PatternsResponse{Status: "success", Data: list}, err
}

// errNoPatterns says which setting turns patterns on.
var errNoPatterns = &statusError{http.StatusNotFound, errors.New("patterns are not served (pattern_ingester.enabled)")}
