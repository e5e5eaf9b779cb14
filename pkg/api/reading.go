package api

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/querier"
)

// CompletenessHeader says whether an answer has all that was asked for. The
// warnings of one that has not say what it lacks.
const CompletenessHeader = "X-Skald-Completeness"

// The values of [CompletenessHeader].
const (
	complete = "complete"
	partly   = "partial"
)

// A question is a request whose tenants and form were read.
type question struct {
	*http.Request
	tenants []string
	form    url.Values
	gaps    *querier.Gaps // of the answer
}

// reading serves a question of one tenant or several. What answer returns is
// the body in JSON, unless it is bytes, which are the body.
func (a *API) reading(answer func(*question) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, gaps := querier.WithGaps(r.Context())
		body, err := a.read(w, r.WithContext(ctx), gaps, answer)
		if err != nil {
			a.fail(w, r, err, false)
			return
		}
		w.Header().Set(CompletenessHeader, complete)
		if warnings := gaps.List(); len(warnings) > 0 {
			w.Header().Set(CompletenessHeader, partly)
			body = loghttp.InsertWarnings(body, warnings)
		}
		writeJSON(w, body)
	}
}

// read returns the body of an answer.
func (a *API) read(w http.ResponseWriter, r *http.Request, gaps *querier.Gaps, answer func(*question) (any, error)) ([]byte, error) {
	tenants, err := a.readTenants(r)
	if err != nil {
		return nil, err
	}
	f, err := form(w, r)
	if err != nil {
		return nil, err
	}
	body, err := answer(&question{r, tenants, f, gaps})
	if err != nil {
		return nil, err
	}
	if text, ok := body.([]byte); ok {
		return text, nil
	}
	text, err := json.Marshal(body)
	return append(text, '\n'), err
}
