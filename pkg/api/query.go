package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/grafana/dskit/user"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/querier"
)

// form reads the parameters of a request, from its URL and from its body.
func (a *API) form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, a.cfg.MaxFormBytes)
	if err := r.ParseForm(); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return nil, fmt.Errorf("a form of more than %d bytes: %w", tooLarge.Limit, err)
		}
		return nil, badRequest(fmt.Errorf("could not parse the parameters: %w", err))
	}
	return r.Form, nil
}

// query serves /loki/api/v1/query.
func (a *API) query(q *question) (any, error) {
	p, err := loghttp.ParseInstantQuery(q.form, a.now())
	if err != nil {
		return nil, err
	}
	return a.ask(q, p.Query, engine.Params{Start: p.Time, End: p.Time, Limit: p.Limit, Direction: engine.Direction(p.Direction)})
}

// queryRange serves /loki/api/v1/query_range.
func (a *API) queryRange(q *question) (any, error) {
	p, err := loghttp.ParseRangeQuery(q.form, a.now())
	if err != nil {
		return nil, err
	}
	return a.ask(q, p.Query, engine.Params{
		Start: p.Start, End: p.End, Step: p.Step, Interval: p.Interval,
		Limit: p.Limit, Direction: engine.Direction(p.Direction),
	})
}

// ask runs a query, and returns the answer's body.
func (a *API) ask(q *question, text string, params engine.Params) (any, error) {
	expr, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	params.Categorize = loghttp.WantsCategories(q.Header.Get(loghttp.EncodingFlagsHeader))
	res, err := a.run(q, text, expr, params)
	if err != nil {
		return nil, err
	}
	return loghttp.AppendResponse(nil, &loghttp.Response{
		Result:      result(res),
		Categorized: params.Categorize,
		Stats:       stats(&res.Stats),
	}), nil
}

// admit returns a query as it may be run.
func (a *API) admit(q *question, text string, expr syntax.Expr, params engine.Params) (*querier.Demand, error) {
	own, err := a.ownLimits(q.Request)
	if err != nil {
		return nil, err
	}
	d := &querier.Demand{Text: text, Expr: expr, Params: params, Tags: queryTags(q.Request), Own: own}
	d.Params, err = a.querier.Admit(q.Context(), q.tenants, d)
	return d, err
}

// run asks the querier, unless the tenants' limits or those that the request
// puts on itself are against it.
func (a *API) run(q *question, text string, expr syntax.Expr, params engine.Params) (*engine.Result, error) {
	d, err := a.admit(q, text, expr, params)
	if err != nil {
		return nil, err
	}
	d.Params.NoCache = loghttp.WantsNoCache(q.Header)
	d.Params.PartialSeries = d.Tags["source"] == partialSource
	ctx, cancel := engine.WithTimeout(q.Context(), d.Own.Timeout)
	defer cancel()
	res, err := a.querier.Query(ctx, q.tenants, expr, d.Params)
	if err != nil {
		return nil, located(text, err)
	}
	q.gaps.Tell(res.Warnings...)
	return res, nil
}

// located adds to an error about a stage where in the query that is.
func located(query string, err error) error {
	var stage *pipeline.StageError
	if !errors.As(err, &stage) || stage.Stage.Pos() == 0 {
		return err
	}
	return fmt.Errorf("%w\n%s", err, syntax.Place(query, stage.Stage.Pos()))
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

	// What is not of memory is of the store.
	m := &s.Memory
	store := &out.Querier.Store
	out.Querier.QuerierExecTime = seconds
	store.TotalChunksRef = s.BlocksRead + s.BlocksDirectory + s.BlocksSkipped + s.BlocksDamaged - m.Blocks
	store.TotalChunksDownloaded = s.BlocksRead - m.BlocksRead
	store.QueryReferencedStructuredMetadata = s.MetadataBytes > m.MetadataBytes
	store.Chunk.CompressedBytes = s.ReadBytes - m.ReadBytes
	store.Chunk.DecompressedBytes = s.LineBytes - m.LineBytes
	store.Chunk.DecompressedLines = s.Lines - m.Lines
	store.Chunk.DecompressedStructuredMetadataBytes = s.MetadataBytes - m.MetadataBytes
	store.Chunk.PostFilterLines = s.PostFilter - m.PostFilter
	store.Chunk.TotalDuplicates = s.Duplicates

	in := &out.Ingester
	in.TotalReached, in.TotalChunksMatched = m.Ingesters, m.Blocks
	in.TotalBatches, in.TotalLinesSent = m.Batches, m.Lines
	in.RecvWaitTime = m.Wait.Seconds()
	in.Store.TotalChunksRef, in.Store.TotalChunksDownloaded = m.Blocks, m.BlocksRead
	in.Store.QueryReferencedStructuredMetadata = m.MetadataBytes > 0
	in.Store.Chunk.HeadChunkBytes, in.Store.Chunk.HeadChunkLines = m.LineBytes, m.Lines
	in.Store.Chunk.HeadChunkStructuredMetadataBytes = m.MetadataBytes
	in.Store.Chunk.CompressedBytes, in.Store.Chunk.PostFilterLines = m.ReadBytes, m.PostFilter
	return out
}

// formatQuery serves /loki/api/v1/format_query. It needs no tenant's data.
func (a *API) formatQuery(w http.ResponseWriter, r *http.Request) {
	if _, err := a.tenants(r.Header.Get(user.OrgIDHeaderName)); err != nil {
		a.fail(w, r, err, false)
		return
	}
	f, err := a.form(w, r)
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

// interval is a request's [start, end) as a closed interval.
func interval(start, end int64) model.Interval { return model.Interval{Mint: start, Maxt: end - 1} }
