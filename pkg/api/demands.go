package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/querier"
)

const (
	// tagsHeader names what a query is for.
	tagsHeader = "X-Query-Tags"
	// limitsHeader has limits that a request puts on itself.
	limitsHeader = "X-Loki-Query-Limits"
	// partialSource is who takes a part of the series for an answer.
	partialSource = "grafana-lokiexplore-app"
)

// queryTags reads k=v,k2=v2. Names are in lower case.
func queryTags(r *http.Request) map[string]string {
	tags := map[string]string{}
	for pair := range strings.SplitSeq(r.Header.Get(tagsHeader), ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			tags[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return tags
}

// ownLimits reads the limits that a request puts on itself, where the operator
// lets it.
func (a *API) ownLimits(r *http.Request) (own querier.RequestLimits, err error) {
	text := r.Header.Get(limitsHeader)
	if text == "" || !a.cfg.RequestLimits {
		return own, nil
	}
	var header struct {
		MaxQueryLength      ownDuration  `json:"maxQueryLength"`
		MaxQueryInterval    ownDuration  `json:"maxQueryInterval"`
		MaxQueryLookback    ownDuration  `json:"maxQueryLookback"`
		MaxQueryTime        ownDuration  `json:"maxQueryTime"`
		MaxEntries          int          `json:"maxEntriesLimitPerQuery"`
		RequiredLabels      []string     `json:"requiredLabels"`
		MinimumLabelsNumber int          `json:"minimumLabelsNumber"`
		MaxQueryBytesRead   ownByteCount `json:"maxQueryBytesRead"`
	}
	if err := json.Unmarshal([]byte(text), &header); err != nil {
		return own, badRequest(fmt.Errorf("header %s: %w", limitsHeader, err))
	}
	return querier.RequestLimits{
		MaxLength:      time.Duration(header.MaxQueryLength),
		MaxRange:       time.Duration(header.MaxQueryInterval),
		MaxLookback:    time.Duration(header.MaxQueryLookback),
		MaxEntries:     header.MaxEntries,
		MaxBytes:       uint64(header.MaxQueryBytesRead),
		RequiredLabels: header.RequiredLabels,
		MinimumLabels:  header.MinimumLabelsNumber,
		Timeout:        time.Duration(header.MaxQueryTime),
	}, nil
}

// An ownDuration is a span of time as configuration writes it, or nanoseconds.
type ownDuration limits.Duration

// UnmarshalJSON implements [json.Unmarshaler].
func (d *ownDuration) UnmarshalJSON(b []byte) error {
	if text, ok := unquote(b); ok {
		return (*limits.Duration)(d).Set(text)
	}
	return json.Unmarshal(b, (*int64)(d))
}

// An ownByteCount is a size as configuration writes it, or a number of bytes.
type ownByteCount limits.Bytes

// UnmarshalJSON implements [json.Unmarshaler].
func (n *ownByteCount) UnmarshalJSON(b []byte) error {
	if text, ok := unquote(b); ok {
		return (*limits.Bytes)(n).Set(text)
	}
	return json.Unmarshal(b, (*uint64)(n))
}

func unquote(b []byte) (string, bool) {
	var text string
	err := json.Unmarshal(b, &text)
	return text, err == nil
}
