package api

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// explain serves /loki/api/v1/explain: the parameters are those of query_range, or
// those of query where there is a time. With analyze=true the query is run. The
// answer is JSON, or text with format=text or where the client takes text and not
// JSON.
func (a *API) explain(q *question) (any, error) {
	text, err := wantsText(q)
	if err != nil {
		return nil, err
	}
	e, err := a.explanation(q)
	if err != nil {
		return nil, err
	}
	q.gaps.Tell(e.Warnings...)
	if text {
		e.Warnings = q.gaps.List()
		return plainText(e.Text()), nil
	}
	return map[string]any{"status": "success", "data": e}, nil
}

func (a *API) explanation(q *question) (*explain.Query, error) {
	analyze := false
	if v := q.form.Get("analyze"); v != "" {
		var err error
		if analyze, err = strconv.ParseBool(v); err != nil {
			return nil, badRequest(fmt.Errorf("analyze must be true or false, not %q", v))
		}
	}
	text, params, err := a.explained(q)
	if err != nil {
		return nil, err
	}
	expr, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	d, err := a.admit(q, text, expr, params)
	if err != nil {
		return nil, err
	}
	d.Params.NoCache = loghttp.WantsNoCache(q.Header)
	ctx, cancel := engine.WithTimeout(q.Context(), d.Own.Timeout)
	defer cancel()
	plan, err := a.querier.Explain(ctx, q.tenants, expr, d.Params, analyze)
	return plan, located(text, err)
}

// explained returns the query and when it is evaluated.
func (a *API) explained(q *question) (string, engine.Params, error) {
	if q.form.Has("time") {
		p, err := loghttp.ParseInstantQuery(q.form, a.now())
		if err != nil {
			return "", engine.Params{}, err
		}
		return p.Query, engine.Params{Start: p.Time, End: p.Time, Limit: p.Limit, Direction: engine.Direction(p.Direction)}, nil
	}
	p, err := loghttp.ParseRangeQuery(q.form, a.now())
	if err != nil {
		return "", engine.Params{}, err
	}
	return p.Query, engine.Params{
		Start: p.Start, End: p.End, Step: p.Step, Interval: p.Interval,
		Limit: p.Limit, Direction: engine.Direction(p.Direction),
	}, nil
}

// wantsText reports whether an explanation is to be text.
func wantsText(q *question) (bool, error) {
	switch format := q.form.Get("format"); format {
	case "text":
		return true, nil
	case "json":
		return false, nil
	case "":
		accept := q.Header.Get("Accept")
		return strings.Contains(accept, "text/plain") && !strings.Contains(accept, "application/json"), nil
	default:
		return false, badRequest(fmt.Errorf("format must be text or json, not %q", format))
	}
}
