package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// request sends a request in the name of a tenant, and returns status and body.
func (s *server) request(tenant, method, path string, values ...string) (int, string, error) {
	q := url.Values{}
	for i := 0; i < len(values); i += 2 {
		q.Add(values[i], values[i+1])
	}
	req, err := http.NewRequest(method, "http://"+s.http+path+"?"+q.Encode(), nil)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("X-Scope-OrgID", tenant)
	req.Close = true // a crash cuts connections
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// must is request for what must work.
func (s *server) must(tenant, method, path string, values ...string) string {
	s.tb.Helper()
	status, text, err := s.request(tenant, method, path, values...)
	if err != nil || status >= 300 {
		s.tb.Fatalf("%s %s %v: %d %s %v", method, path, values, status, text, err)
	}
	return text
}

// pushAs pushes lines of one stream, a second apart. Empty ones only take time.
func (s *server) pushAs(tenant, stream string, first int64, lines []string) {
	s.tb.Helper()
	var values [][2]string
	for n, line := range lines {
		if line != "" {
			values = append(values, [2]string{fmt.Sprint(first + int64(n)*int64(time.Second)), line})
		}
	}
	if len(values) == 0 {
		return
	}
	var labels map[string]string
	if err := json.Unmarshal([]byte(stream), &labels); err != nil {
		s.tb.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"streams": []any{map[string]any{"stream": labels, "values": values}}})
	if err != nil {
		s.tb.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+s.http+"/loki/api/v1/push", strings.NewReader(string(body)))
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("X-Scope-OrgID", tenant)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusNoContent {
		s.tb.Fatalf("push: %s: %s", resp.Status, text)
	}
}

// result is the data of an answer, without statistics.
func result(text string) string {
	var r struct {
		Data struct {
			Result json.RawMessage `json:"result"`
		} `json:"data"`
		Warnings []string `json:"warnings"`
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return text
	}
	return fmt.Sprint(string(r.Data.Result), r.Warnings)
}

// What a tenant deleted is as if it had never been pushed, whatever is asked:
// another tenant never pushed it. In memory, in segments, after a restart and
// when it was removed for good.
func TestDeletedIsAsNeverPushed(t *testing.T) {
	s := newServer(t, t.TempDir(), "-auth.enabled=true", "-compactor.retention-enabled=true", "-compactor.delete-request-cancel-period=24h")
	s.start()
	rnd := rand.New(rand.NewPCG(1, 40))
	first := time.Now().Add(-20*time.Minute).Unix() / 60 * 60 * int64(time.Second)
	streams := []string{`{"app":"web","env":"prod"}`, `{"app":"web","env":"dev"}`, `{"app":"db","env":"prod"}`}
	push := func(round int, covered bool) {
		for _, stream := range streams {
			var all, left []string
			for n := range 100 {
				line := fmt.Sprintf(`{"status":%d,"path":"/p%d","took":"%dms","user":"u%d","round":%d}`, []int{200, 200, 404, 500}[rnd.IntN(4)], rnd.IntN(5), rnd.IntN(300), rnd.IntN(4), round)
				if n%3 == 0 {
					line = fmt.Sprintf("level=%s took=%dms user=u%d msg=%q", []string{"info", "error"}[rnd.IntN(2)], rnd.IntN(300), rnd.IntN(4), "done "+fmt.Sprint(n, round))
				}
				all = append(all, line)
				if covered && (strings.Contains(stream, "web") && strings.Contains(line, "u2") || strings.Contains(stream, "dev")) {
					line = ""
				}
				left = append(left, line)
			}
			start := first + int64(round)*120*int64(time.Second)
			s.pushAs("all", stream, start, all)
			s.pushAs("left", stream, start, left)
		}
	}
	queries := []string{
		`{env="prod"}`, `{app="web"} |= "u2"`, `{app="web"} != "u2"`, `{env=~".+"} | json | status >= 500`, `{app=~".+"} | logfmt | level="error"`,
		`{app="web"} | json | line_format "{{.path}} {{.status}}"`,
		`sum by (app) (count_over_time({env=~".+"}[1m]))`, `sum by (env) (bytes_over_time({app="web"}[2m]))`, `count_over_time({app="web"} |= "u2" [5m])`,
		`sum by (status) (count_over_time({app="web"} | json | __error__="" [5m]))`, `sum by (user) (rate({env="prod"} | logfmt | __error__="" | user != "" [5m]))`,
		`max by (user) (max_over_time({app="web"} | json | unwrap status | __error__="" [5m]))`, `quantile_over_time(0.9, {env="prod"} | json | unwrap duration(took) | __error__="" [5m]) by (app)`,
		`topk(2, sum by (path) (count_over_time({env="prod"} | json | __error__="" [10m])))`, `absent_over_time({env="dev"}[1m])`,
		`sum by (level) (count_over_time({app="db"} | detected_level="error" [5m]))`,
	}
	compare := func(when string) {
		t.Helper()
		for _, q := range queries {
			ways := [][]string{{"limit", "20", "direction", "backward"}, {"limit", "2000", "direction", "forward"}}
			if !strings.HasPrefix(q, "{") {
				ways = ways[:1]
			}
			for _, more := range ways {
				args := append([]string{"query", q, "start", fmt.Sprint(first), "end", fmt.Sprint(first + int64(20*time.Minute)), "step", "60"}, more...)
				got, want := result(s.must("all", "GET", "/loki/api/v1/query_range", args...)), result(s.must("left", "GET", "/loki/api/v1/query_range", args...))
				if got != want {
					t.Errorf("%s: %s %v\n got %.400s\nwant %.400s", when, q, more, got, want)
				}
			}
		}
	}
	flush := func() { s.must("all", "POST", "/flush") }

	push(0, true)
	flush()
	push(1, true) // in memory
	if all, left := s.must("all", "GET", "/loki/api/v1/index/stats", "query", queries[0]), s.must("left", "GET", "/loki/api/v1/index/stats", "query", queries[0]); all == left {
		t.Fatal("the tenants have the same before anything was deleted")
	}
	for _, q := range []string{`{app="web"} |= "u2"`, `{env="dev"}`} {
		s.must("all", "POST", "/loki/api/v1/delete", "query", q, "start", fmt.Sprint(first/1e9-100))
	}
	compare("deleted, some in memory")
	push(2, false)
	compare("with later entries")
	flush()
	compare("flushed")
	s.must("all", "POST", "/compact")
	compare("merged")
	s.Kill()
	s.args = append(s.args, "-compactor.delete-request-cancel-period=0s")
	s.start()
	compare("after a crash")
	flush()
	s.must("all", "POST", "/compact")
	compare("removed")
	if list := s.must("all", "GET", "/loki/api/v1/delete"); strings.Count(list, `"processed"`) != 2 {
		t.Errorf("the requests are %s, want both processed", list)
	}
}

// The process is killed after each step of applying a delete, while queries run:
// no answer has what was deleted, misses another line or has one twice, before
// and after; and what was begun is finished by the next process.
func TestKilledWhileDeleting(t *testing.T) {
	for _, step := range []string{"claimed", "claimed:2", "step written", "segment written", "segment checked", "entry written", "receipt written", "request removed", "entry removed", "object deleted", "entry written:3"} {
		t.Run(step, func(t *testing.T) {
			s := newServer(t, t.TempDir(), "-compactor.retention-enabled=true", "-compactor.delete-request-cancel-period=0s", "-compactor.compaction-interval=1h")
			s.start()
			first := time.Now().Add(-10*time.Minute).Unix() * int64(time.Second)
			for round := range 3 {
				var lines []string
				for n := range 50 {
					lines = append(lines, fmt.Sprintf("line %d of %d for user-%d", n, round, n%5))
				}
				s.pushAs("", `{"app":"web"}`, first+int64(round)*int64(time.Minute), lines)
				s.must("", "POST", "/flush")
			}
			s.must("", "POST", "/loki/api/v1/delete", "query", `{app="web"} |= "user-3"`, "start", fmt.Sprint(first/1e9))
			args := []string{"query", `{app="web"}`, "start", fmt.Sprint(first), "end", fmt.Sprint(first + int64(10*time.Minute)), "limit", "1000"}
			want := result(s.must("", "GET", "/loki/api/v1/query_range", args...))
			if n := strings.Count(want, "line "); n != 120 || strings.Contains(want, "user-3") {
				t.Fatalf("%d lines are left, want 120", n)
			}
			s.Stop()

			t.Setenv("SKALD_TEST_KILL_AT", step)
			s.start()
			compacted := make(chan struct{})
			go func() {
				defer close(compacted)
				_, _, _ = s.request("", "POST", "/compact") // the process does not live to answer
			}()
			asked := 0
			for {
				status, text, err := s.request("", "GET", "/loki/api/v1/query_range", args...)
				if err != nil {
					break // it is dead
				}
				asked++
				if got := result(text); status != http.StatusOK || got != want {
					t.Fatalf("while compacting: %d %.300s, want %.300s", status, got, want)
				}
				select {
				case <-compacted:
					if _, _, err := s.request("", "GET", "/ready"); err == nil {
						t.Fatalf("it came to no step %q\n%s", step, s.Log)
					}
				default:
				}
			}
			<-compacted
			s.Kill()

			t.Setenv("SKALD_TEST_KILL_AT", "")
			s.start()
			if got := result(s.must("", "GET", "/loki/api/v1/query_range", args...)); got != want {
				t.Errorf("started again: %.300s, want %.300s", got, want)
			}
			s.must("", "POST", "/compact")
			if got := result(s.must("", "GET", "/loki/api/v1/query_range", args...)); got != want {
				t.Errorf("compacted: %.300s, want %.300s", got, want)
			}
			if list := s.must("", "GET", "/loki/api/v1/delete"); !strings.Contains(list, `"status":"processed"`) {
				t.Errorf("the request is %s, want it processed", list)
			}
			t.Logf("%d answers before the crash", asked)
		})
	}
}
