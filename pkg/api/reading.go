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

// A plainText is an answer that is no JSON. It has its warnings itself.
type plainText string

// reading serves a question of one tenant or several. What answer returns is
// the body in JSON, unless it is bytes, which are the body, or a [plainText].
func (a *API) reading(answer func(*question) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, gaps := querier.WithGaps(r.Context())
		body, plain, err := a.read(w, r.WithContext(ctx), gaps, answer)
		if err != nil {
			a.fail(w, r, err, false)
			return
		}
		warnings := gaps.List()
		w.Header().Set(CompletenessHeader, complete)
		if len(warnings) > 0 {
			w.Header().Set(CompletenessHeader, partly)
		}
		if plain {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write(body) // a client that is gone has nobody to tell
			return
		}
		writeJSON(w, loghttp.InsertWarnings(body, warnings))
	}
}

// read returns the body of an answer, and whether it is plain text.
func (a *API) read(w http.ResponseWriter, r *http.Request, gaps *querier.Gaps, answer func(*question) (any, error)) (body []byte, plain bool, err error) {
	tenants, err := a.readTenants(r)
	if err != nil {
		return nil, false, err
	}
	f, err := a.form(w, r)
	if err != nil {
		return nil, false, err
	}
	value, err := answer(&question{r, tenants, f, gaps})
	if err != nil {
		return nil, false, err
	}
	switch value := value.(type) {
	case []byte:
		return value, false, nil
	case plainText:
		return []byte(value), true, nil
	}
	body, err = json.Marshal(value)
	return append(body, '\n'), false, err
}
