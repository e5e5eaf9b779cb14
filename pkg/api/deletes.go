package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	prommodel "github.com/prometheus/common/model"

	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
)

// A Deleter takes requests to delete entries.
type Deleter interface {
	Delete(ctx context.Context, tenant, query string, interval model.Interval) (ulid.ULID, error)
	Deletes(ctx context.Context, tenant string) ([]compactor.DeleteState, error)
	CancelDelete(ctx context.Context, tenant string, id ulid.ULID, force bool) error
	DeleteVersion(tenant string) string
}

var _ Deleter = (*compactor.Compactor)(nil)

// What may be wrong with a delete request, in the words that clients know.
var (
	errDeletesOff      = &statusError{http.StatusForbidden, errors.New("deletion is not available for this tenant")}
	errNoQuery         = errors.New("query not set")
	errNoStart         = errors.New("start time not set")
	errBadStart        = errors.New("invalid start time: require unix seconds or RFC3339 format")
	errBadEnd          = errors.New("invalid end time: require unix seconds or RFC3339 format")
	errFuture          = errors.New("deletes in the future are not allowed")
	errNoTime          = errors.New("start time can't be greater than or equal to end time")
	errBadMaxInterval  = errors.New("invalid max_interval: valid time units are 's', 'm', 'h'")
	errNoRequestID     = errors.New("request_id not set: it says which delete request to cancel")
	errBadForce        = errors.New("invalid force: want true or false")
	errQueryExpression = "invalid query expression: "
)

// deleting serves what one tenant asks of the deleter, if it may.
func (a *API) deleting(do func(w http.ResponseWriter, r *http.Request, tenant string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant, err := a.oneTenant(r)
		if err == nil && a.limits.For(tenant).DeletionMode == limits.DeletionDisabled {
			err = errDeletesOff
		}
		if err == nil {
			err = do(w, r, tenant)
		}
		if err != nil {
			a.fail(w, r, deleteError(err), true)
		}
	}
}

// deleteError gives the deleter's errors their status.
func deleteError(err error) error {
	switch {
	case errors.Is(err, compactor.ErrNoRequest):
		return &statusError{http.StatusNotFound, compactor.ErrNoRequest}
	case errors.Is(err, compactor.ErrTooLate):
		return badRequest(err)
	case errors.Is(err, compactor.ErrNoIngesters):
		return &statusError{http.StatusServiceUnavailable, err}
	}
	return err
}

// createDelete serves POST and PUT /loki/api/v1/delete.
func (a *API) createDelete(w http.ResponseWriter, r *http.Request, tenant string) error {
	f, err := a.form(w, r)
	if err != nil {
		return err
	}
	iv, err := deleteInterval(f.Get("start"), f.Get("end"), a.now())
	switch {
	case f.Get("query") == "":
		return badRequest(errNoQuery)
	case err != nil:
		return badRequest(err)
	}
	if text := f.Get("max_interval"); text != "" {
		// A request is applied segment by segment, so there is nothing to cut up.
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || !onlyUnits(text) {
			return badRequest(errBadMaxInterval)
		}
	}
	id, err := a.deleter.Delete(r.Context(), tenant, f.Get("query"), iv)
	if err != nil {
		if statusOf(err) == http.StatusBadRequest {
			err = &statusError{http.StatusBadRequest, errors.New(errQueryExpression + err.Error())}
		}
		return err
	}
	w.Header().Set("X-Delete-Request-Id", id.String())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// onlyUnits reports whether a duration has no other units than s, m and h.
func onlyUnits(text string) bool {
	return strings.Trim(text, "0123456789.smh") == "" && !strings.Contains(text, "ms")
}

// deleteInterval reads the times of a delete request, both of which are included.
func deleteInterval(start, end string, now time.Time) (model.Interval, error) {
	if start == "" {
		return model.Interval{}, errNoStart
	}
	from, ok := deleteTime(start)
	if !ok {
		return model.Interval{}, errBadStart
	}
	to := now
	if end != "" {
		if to, ok = deleteTime(end); !ok {
			return model.Interval{}, errBadEnd
		}
	}
	switch {
	case to.After(now):
		return model.Interval{}, errFuture
	case !from.Before(to):
		return model.Interval{}, errNoTime
	}
	return model.Interval{Mint: from.UnixNano(), Maxt: to.UnixNano()}, nil
}

// deleteTime reads seconds since 1970, of ten digits or less, or RFC 3339.
func deleteTime(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0), n >= 0 && len(text) <= 10
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return t, false // nanoseconds have no room for it
	}
	return t, true
}

// A deleteJSON is a request as clients list it; times are in seconds.
type deleteJSON struct {
	RequestID string         `json:"request_id"`
	StartTime prommodel.Time `json:"start_time"`
	EndTime   prommodel.Time `json:"end_time"`
	Query     string         `json:"query"`
	Status    string         `json:"status"`
	CreatedAt prommodel.Time `json:"created_at"`
	UserID    string         `json:"user_id"`
	// Waits says what the request waits for; absent when that is its time only.
	Waits string `json:"waits_for,omitempty"`
}

// listDeletes serves GET /loki/api/v1/delete.
func (a *API) listDeletes(w http.ResponseWriter, r *http.Request, tenant string) error {
	states, err := a.deleter.Deletes(r.Context(), tenant)
	if err != nil {
		return err
	}
	list := make([]deleteJSON, 0, len(states))
	for i := range states {
		s := &states[i]
		list = append(list, deleteJSON{
			RequestID: s.ID.String(),
			StartTime: prommodel.TimeFromUnixNano(s.Interval.Mint),
			EndTime:   prommodel.TimeFromUnixNano(s.Interval.Maxt),
			Query:     s.Query,
			Status:    s.Status(a.now()),
			CreatedAt: prommodel.TimeFromUnixNano(s.Created.UnixNano()),
			Waits:     s.WaitsFor(),
		})
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	writeJSON(w, append(text, '\n'))
	return nil
}

// cancelDelete serves DELETE /loki/api/v1/delete.
func (a *API) cancelDelete(w http.ResponseWriter, r *http.Request, tenant string) error {
	params := r.URL.Query()
	text := params.Get("request_id")
	if text == "" {
		return badRequest(errNoRequestID)
	}
	force := false
	if f := params.Get("force"); f != "" {
		var err error
		if force, err = strconv.ParseBool(f); err != nil {
			return badRequest(errBadForce)
		}
	}
	id, err := ulid.ParseStrict(text)
	if err != nil {
		return compactor.ErrNoRequest // no request has such an id
	}
	if err := a.deleter.CancelDelete(r.Context(), tenant, id, force); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// generationNumbers serves /loki/api/v1/cache/generation_numbers: what changes
// when cached results are no longer true because of a delete request.
func (a *API) generationNumbers(w http.ResponseWriter, r *http.Request, tenant string) error {
	text, err := json.Marshal(a.deleter.DeleteVersion(tenant))
	if err != nil {
		return err
	}
	writeJSON(w, append(text, '\n'))
	return nil
}
