package logcli

import (
	"errors"
	"net/http"
	"strings"
	"syscall"

	"github.com/gorilla/websocket"

	"github.com/skaldlogs/skald/clients/api"
)

// describe says what a command could not do.
func describe(command string, err error) string {
	// The attempts were shown one by one.
	if errors.Is(err, api.ErrAttempts) {
		err = api.ErrAttempts
	}
	var usage usageError
	if errors.As(err, &usage) {
		return usage.Error()
	}
	what := map[string]string{
		"delete create": "Error creating delete request",
		"delete list":   "Error listing delete requests",
		"delete cancel": "Error cancelling delete request",
		"fmt":           "unable to format logql",
		"query":         "Query failed",
		"instant-query": "Query failed",
	}[command]
	if what == "" {
		what = "Error doing request"
	}
	return what + ": " + err.Error()
}

// A usageError is about the command line; its text says all.
type usageError string

func (e usageError) Error() string { return string(e) }

// hint says what to do about an error, where something can be done.
func (c *cli) hint(err error) string {
	var status *api.StatusError
	if errors.As(err, &status) {
		switch {
		case status.Code == http.StatusUnauthorized && strings.Contains(status.Body, "no org id"):
			return "the server wants to know the tenant: set --org-id or LOKI_ORG_ID"
		case status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden:
			return "credentials are set with --username and --password, --bearer-token or --bearer-token-file"
		case status.Code == http.StatusNotFound && strings.HasPrefix(status.Body, "404 page not found"):
			return "the server does not offer this: --addr may be wrong, or the feature not enabled there"
		case status.Code == http.StatusTooManyRequests:
			return "the server is busy or the tenant past a limit: --retries with --min-backoff tries again"
		case strings.Contains(status.Body, "not supported as an instant query"):
			return "ask for entries with logcli query"
		}
		return ""
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "no server listens at " + c.cfg.Address + ": set --addr or LOKI_ADDR"
	}
	var closed *websocket.CloseError
	if errors.As(err, &closed) && strings.Contains(closed.Text, "only log selector") {
		return "a tail is for log queries; metrics are asked for with logcli query or instant-query"
	}
	return ""
}
