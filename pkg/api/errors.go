package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/ruler"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/wal"
)

// statusCanceled is what a request that its client gave up is counted under.
const statusCanceled = 499

// A statusError is an error whose status was decided where it arose.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

func badRequest(err error) error { return &statusError{http.StatusBadRequest, err} }

// statusOf chooses the status code that an error is answered with.
func statusOf(err error) int {
	var (
		status    *statusError
		ruleSet   *ruler.RulesError
		ruleLimit *ruler.LimitError
		parse     *syntax.ParseError
		limit     *engine.LimitError
		entry     *engine.PipelineError
		match     *engine.MatchError
		stage     *pipeline.StageError
		labels    *distributor.LabelsError
		rate      *distributor.RateError
		tooLarge  *http.MaxBytesError
	)
	switch {
	case errors.Is(err, ruler.ErrGroupNotFound), errors.Is(err, ruler.ErrNamespaceNotFound):
		return http.StatusNotFound
	case errors.As(err, &ruleSet), errors.As(err, &ruleLimit), errors.Is(err, ruler.ErrReadOnly):
		return http.StatusBadRequest
	case errors.As(err, &status):
		return status.status
	case errors.Is(err, errNoTenant):
		return http.StatusUnauthorized
	case errors.As(err, &parse), errors.As(err, &limit), errors.As(err, &entry),
		errors.As(err, &match), errors.As(err, &stage), errors.Is(err, engine.ErrInstantLogs), errors.As(err, &labels):
		return http.StatusBadRequest
	case errors.Is(err, distributor.ErrNoStreams):
		return http.StatusUnprocessableEntity
	case errors.Is(err, compactor.ErrNotOwner), errors.Is(err, catalog.ErrClaimed):
		return http.StatusConflict
	case errors.As(err, &rate), errors.Is(err, frontend.ErrTooManyOutstanding):
		return http.StatusTooManyRequests
	case errors.Is(err, loghttp.ErrTooLarge), errors.Is(err, wal.ErrTooLarge), errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, loghttp.ErrMalformed), errors.Is(err, loghttp.ErrUnsupported):
		return http.StatusBadRequest
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrDeadlineExceeded):
		// The body ended early, or came too slowly.
		return http.StatusBadRequest
	case errors.Is(err, loghttp.ErrBusy), errors.Is(err, ingester.ErrOverloaded), errors.Is(err, ingester.ErrNotRunning), errors.Is(err, distributor.ErrStopping):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.Canceled):
		return statusCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// fail answers with an error. Where the mistake is the client's, the text is
// all there is to it; everything else is also the operator's to know.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error, newline bool) {
	status := statusOf(err)
	text := err.Error()
	switch status {
	case http.StatusGatewayTimeout:
		text = "request timed out: " + text
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
	a.logFailure(err, status, r.URL.Path)
	if (newline || status == http.StatusUnauthorized) && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// logFailure tells the operator of a failure that is not the client's.
func (a *API) logFailure(err error, status int, path string) {
	if status >= 500 {
		level.Error(a.logger).Log("msg", "a request failed", "err", err, "path", path, "status", status)
	}
}
