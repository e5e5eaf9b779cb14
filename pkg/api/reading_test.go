package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/api"
	"github.com/skaldlogs/skald/pkg/limits"
)

// TestCompleteness: every answer says whether it has all that was asked for, and
// what it lacks.
func TestCompleteness(t *testing.T) {
	w := shop(t, nil)
	const all = "&start=100&end=200"
	const selector = `query={env="prod"}` + all
	paths := map[string]string{
		"/loki/api/v1/query":                      `query=count_over_time({env="prod"}[100s])&time=200`,
		"/loki/api/v1/query_range":                selector,
		"/loki/api/v1/explain":                    selector + "&analyze=true",
		"/loki/api/v1/labels":                     "start=100&end=200",
		"/loki/api/v1/label/app/values":           selector,
		"/loki/api/v1/series":                     `match[]={env="prod"}` + all,
		"/loki/api/v1/index/stats":                selector,
		"/loki/api/v1/index/volume":               selector,
		"/loki/api/v1/index/volume_range":         selector,
		"/loki/api/v1/index/shards":               selector + "&targetBytesPerShard=1MB",
		"/loki/api/v1/patterns":                   selector,
		"/loki/api/v1/detected_labels":            selector,
		"/loki/api/v1/detected_fields":            selector,
		"/loki/api/v1/detected_field/took/values": selector,
		"/api/prom/query":                         selector,
		"/api/prom/label":                         "start=100&end=200",
		"/api/prom/label/app/values":              "start=100&end=200",
		"/api/prom/series":                        `match[]={env="prod"}` + all,
	}
	for path, query := range paths {
		w.store.gaps = nil
		status, body, header := w.get(t, "t", path, query)
		if status != http.StatusOK || header.Get(api.CompletenessHeader) != "complete" || strings.Contains(body, "warnings") {
			t.Errorf("%s: %d, %q, %.200s; want it complete", path, status, header.Get(api.CompletenessHeader), body)
		}
		w.store.gaps = []string{`segment "7" cannot be read`}
		status, body, header = w.get(t, "t", path, query)
		if status != http.StatusOK || header.Get(api.CompletenessHeader) != "partial" || !strings.HasSuffix(body, `,"warnings":["segment \"7\" cannot be read"]}`+"\n") {
			t.Errorf("%s: %d, %q, …%s; want it partial, and why", path, status, header.Get(api.CompletenessHeader), body[max(0, len(body)-100):])
		}
	}
	// Also where there is nothing else to say.
	if _, body, _ := w.get(t, "t", "/loki/api/v1/detected_fields", `query={app="none"}`+all); !strings.HasPrefix(body, `{"warnings":[`) {
		t.Errorf("no fields: %s, want the warning alone", body)
	}
}

// TestLimitsOfARequest: a request may ask for less than its tenant may have.
func TestLimitsOfARequest(t *testing.T) {
	const query = `query={env="prod"}&start=100&end=200`
	off := shop(t, nil)
	if status, body, _ := off.get(t, "t", "/loki/api/v1/query_range", query, "X-Loki-Query-Limits", `{"requiredLabels":["app"]}`); status != http.StatusOK {
		t.Errorf("while it is off: %d %s", status, body)
	}
	w := shop(t, func(c *api.Config, _ *limits.Limits) { c.RequestLimits = true })
	for _, tc := range []struct {
		header string
		status int
		want   string
	}{
		{`{}`, 200, ""},
		{`{"maxQueryLength":"1h","maxEntriesLimitPerQuery":100,"maxQueryTime":"1m","maxQueryBytesRead":"1GB"}`, 200, ""},
		{`{"maxQueryLength":"1m"}`, 400, "the query time range exceeds the limit"},
		{`{"maxQueryLength":60000000000}`, 400, "the query time range exceeds the limit"},
		{`{"maxEntriesLimitPerQuery":10}`, 400, "max entries limit per query exceeded"},
		{`{"requiredLabels":["app"]}`, 400, "missing required matchers [app]"},
		{`{"minimumLabelsNumber":2}`, 400, "less label matchers than required"},
		{`{"maxQueryBytesRead":"1KB"}`, 400, "too many bytes"},
		{`{"maxQueryTime":"1ns"}`, 504, "request timed out"},
		{`{"maxQueryLength":"soon"}`, 400, "header X-Loki-Query-Limits"},
		{`nonsense`, 400, "header X-Loki-Query-Limits"},
	} {
		status, body, _ := w.get(t, "t", "/loki/api/v1/query_range", query, "X-Loki-Query-Limits", tc.header)
		if status != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %.200s, want %d %s", tc.header, status, body, tc.status, tc.want)
		}
	}
}

// TestLimitsOfQuestions: all that reads is within the tenant's limits.
func TestLimitsOfQuestions(t *testing.T) {
	w := shop(t, func(_ *api.Config, l *limits.Limits) {
		l.RequiredLabels = limits.Strings{"app"}
		l.BlockedQueries = []limits.BlockQuery{{Pattern: "secret", Regex: true}}
		l.MaxQueryLength = limits.Duration(time.Hour)
		l.MaxStreamsMatchersPerQuery = 1
	})
	const short, long = "&start=100&end=200", "&start=100&end=10000"
	for _, tc := range []struct{ name, path, query, want string }{
		{"a query", "/loki/api/v1/query_range", `query={env="prod"}` + short, "required_labels"},
		{"an instant query", "/loki/api/v1/query", `query=rate({env="prod"}[1m])&time=200`, "required_labels"},
		{"fields", "/loki/api/v1/detected_fields", `query={env="prod"}` + short, "required_labels"},
		{"a legacy query", "/api/prom/query", `query={env="prod"}` + short, "required_labels"},
		{"a tail", "/loki/api/v1/tail", `query={env="prod"}`, "required_labels"},
		{"a blocked query", "/loki/api/v1/query_range", `query={app="secret"}` + short, "query blocked by policy"},
		{"a blocked tail", "/loki/api/v1/tail", `query={app="secret"}`, "query blocked by policy"},
		{"labels of a long time", "/loki/api/v1/labels", long[1:], "the query time range exceeds the limit"},
		{"values of a long time", "/loki/api/v1/label/app/values", long[1:], "the query time range exceeds the limit"},
		{"series of a long time", "/loki/api/v1/series", long[1:], "the query time range exceeds the limit"},
		{"series of many selectors", "/loki/api/v1/series", `match={app="a"}&match={app="b"}` + short, "max_streams_matchers_per_query"},
	} {
		status, body, _ := w.get(t, "t", tc.path, tc.query)
		if status != http.StatusBadRequest || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %.200s, want 400 and %s", tc.name, status, body, tc.want)
		}
	}
}

// TestFormsAreBounded: parameters in a body that is too long are refused.
func TestFormsAreBounded(t *testing.T) {
	w := shop(t, func(c *api.Config, _ *limits.Limits) { c.MaxFormBytes = 64 })
	for size, want := range map[int]int{10: http.StatusOK, 100: http.StatusRequestEntityTooLarge} {
		body := "start=100&end=200&x=" + strings.Repeat("x", size)
		req, err := http.NewRequest(http.MethodPost, w.server.URL+"/loki/api/v1/labels", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Scope-OrgID", "t")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a form of %d bytes: %d, want %d", len(body), resp.StatusCode, want)
		}
	}
}
