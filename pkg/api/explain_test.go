package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	w := shop(t, nil)
	const all = "&start=100&end=200"
	for _, tc := range []struct {
		name, query string
		status      int
		want        []string
	}{
		{"a plan of logs", `query={env="prod"} |= "x"` + all, 200, []string{`"analyzed":false`, `"lineFilters":["|= \"x\""]`, `"name":"ingester"`, `"columns":"times, lines, metadata"`}},
		{"a plan over time", `query=sum(rate({env="prod"}[10s]))&step=10` + all, 200, []string{`"stepSeconds":10`, `"query":"rate({env=\"prod\"}[10s]) by ()"`}},
		{"at one time", `query=count_over_time({env="prod"}[100s])&time=200&analyze=true`, 200, []string{`"analyzed":true`, `"total":{`, `"start":"1970-01-01T00:03:20Z","end":"1970-01-01T00:03:20Z"`}},
		{"a pushed field", `query={env="prod"} | logfmt | took > 1s` + all, 200, []string{`"fields":["took \u003e 1s"]`}},
		{"text", `query={env="prod"}&analyze=1&format=text` + all, 200, []string{"{env=\"prod\"}\n  from 1970-01-01T00:01:40Z to 1970-01-01T00:03:20Z, tenant t\n", "\n  scan {env=\"prod\"}\n", " decided 0 by header"}},
		{"no query", "start=100&end=200", 400, []string{"parse error"}},
		{"a query that is none", "query={" + all, 400, []string{"parse error at line 1, col 2"}},
		{"analyze that is neither", `query={env="prod"}&analyze=maybe` + all, 400, []string{`analyze must be true or false, not "maybe"`}},
		{"a format that is none", `query={env="prod"}&format=xml` + all, 400, []string{`format must be text or json, not "xml"`}},
		{"a bad time", `query={env="prod"}&start=soon`, 400, []string{"could not parse 'start' parameter"}},
		{"logs at one time", `query={env="prod"}&time=200`, 400, []string{"log queries are not supported as an instant query type"}},
	} {
		status, body, header := w.get(t, "t", "/loki/api/v1/explain", tc.query)
		if status != tc.status {
			t.Errorf("%s: %d, %s; want %d", tc.name, status, body, tc.status)
		}
		for _, want := range tc.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s\nwant %s in it", tc.name, body, want)
			}
		}
		kind := "application/json; charset=UTF-8"
		if tc.name == "text" || tc.status != http.StatusOK {
			kind = "text/plain; charset=utf-8"
		}
		if got := header.Get("Content-Type"); got != kind {
			t.Errorf("%s: Content-Type %q, want %q", tc.name, got, kind)
		}
	}
	if status, body, _ := w.get(t, "", "/loki/api/v1/explain", `query={env="prod"}`+all); status != http.StatusUnauthorized {
		t.Errorf("without a tenant: %d, %s", status, body)
	}
}
