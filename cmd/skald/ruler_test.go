package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/parts"
)

// A part is a real server that Skald talks to.
type part struct {
	*parts.Process
	addr string
}

// startPart runs a program until the test ends, and waits until it is ready.
func startPart(t *testing.T, addr, program string, args ...string) *part {
	t.Helper()
	p := &part{parts.NewProcess(t, program, args...), addr}
	p.Dir = t.TempDir()
	p.Start()
	p.AwaitOK("http://" + addr + "/-/ready")
	return p
}

func startAlertmanager(t *testing.T) *part {
	program := parts.Need(t, "prometheus-alertmanager", "prometheus-alertmanager")
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(file, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := parts.Addr(t)
	return startPart(t, addr, program, "--config.file="+file, "--web.listen-address="+addr,
		"--cluster.listen-address=", "--storage.path="+t.TempDir())
}

func startPrometheus(t *testing.T) *part {
	program := parts.Need(t, "prometheus", "prometheus")
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte("global: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := parts.Addr(t)
	return startPart(t, addr, program, "--config.file="+file, "--web.listen-address="+addr,
		"--web.enable-remote-write-receiver", "--storage.tsdb.path="+t.TempDir())
}

// getJSON asks addr and reads the answer into v.
func getJSON(t *testing.T, addr, path string, q url.Values, v any) bool {
	t.Helper()
	resp, err := http.Get("http://" + addr + path + "?" + q.Encode())
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(v) == nil
}

// rulerServer is a server whose rules are evaluated each second.
func rulerServer(t *testing.T, settings string) *server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "skald.yaml")
	config := fmt.Sprintf(`
auth_enabled: false
ruler:
  evaluation_interval: 1s
  poll_interval: 1s
  resend_delay: 1s
  for_grace_period: 1s
  external_labels: {cluster: test}
%s`, settings)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return newServer(t, t.TempDir(), "-config.file="+file, "-server.http-listen-address=127.0.0.1", "-server.grpc-listen-address=127.0.0.1")
}

// setRules stores a group.
func (s *server) setRules(namespace, group string) {
	s.tb.Helper()
	resp, err := http.Post("http://"+s.http+"/loki/api/v1/rules/"+url.PathEscape(namespace), "application/yaml", strings.NewReader(group))
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusAccepted {
		s.tb.Fatalf("rules are answered with %s: %s", resp.Status, body)
	}
}

func (s *server) pushNow(labels, line string) {
	s.tb.Helper()
	if err := s.push(s.tb.Context(), labels, []model.Entry{{Timestamp: time.Now().UnixNano(), Line: line}}); err != nil {
		s.tb.Fatal(err)
	}
}

// An amAlert is an alert as an Alertmanager tells it.
type amAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

func (p *part) alerts(t *testing.T, name string) []amAlert {
	var out []amAlert
	getJSON(t, p.addr, "/api/v2/alerts", url.Values{"filter": {`alertname="` + name + `"`}}, &out)
	return out
}

const fires = `
name: pay
interval: 1s
rules:
- record: app:errors:count
  expr: sum by (app) (count_over_time({app="pay"} |= "error" [4s]))
- alert: PayErrors
  expr: sum by (app) (count_over_time({app="pay"} |= "error" [4s])) > 1
  labels: {severity: page}
  annotations:
    summary: '{{ $labels.app }} had {{ $value }} errors'
    skald_evidence: "1"
`

// Rules are evaluated where the entries are, by a query frontend of another process, over
// HTTP or gRPC.
func TestRulesAtAFrontend(t *testing.T) {
	am := startAlertmanager(t)
	data := rulerServer(t, "")
	data.start()
	for way, address := range map[string]string{"http": "http://" + data.http, "grpc": "dns:///" + data.grpc} {
		s := rulerServer(t, "  alertmanager_url: http://"+am.addr+"\n  evaluation: {mode: remote, query_frontend: {address: \""+address+"\"}}\n")
		s.start()
		s.setRules("shop", strings.ReplaceAll(fires, "PayErrors", way))
		parts.Await(t, "the alert of the rules over "+way+" fires, with its evidence", func() bool {
			data.pushNow(`{app="pay"}`, "error 42")
			found := am.alerts(t, way)
			return len(found) == 1 && strings.HasSuffix(found[0].Annotations["skald_evidence"], " error 42")
		})
		if page := s.must("", "GET", "/metrics"); !strings.Contains(page, `loki_ruler_remote_eval_success_total{user="fake"}`) {
			t.Errorf("no query over %s is counted", way)
		}
	}
}

// Of two Alertmanagers one is down: the other learns what fires, and then that
// it is over.
func TestAlertsReachAlertmanager(t *testing.T) {
	am := startAlertmanager(t)
	s := rulerServer(t, "  alertmanager_url: http://"+parts.Addr(t)+",http://"+am.addr+"\n  external_url: http://grafana\n  datasource_uid: logs\n")
	s.start()
	s.setRules("shop", fires)

	var alert amAlert
	parts.Await(t, "the alert fires", func() bool {
		s.pushNow(`{app="pay"}`, "error 42")
		s.pushNow(`{app="pay"}`, "all is well")
		found := am.alerts(t, "PayErrors")
		if len(found) == 1 {
			alert = found[0]
		}
		return len(found) == 1
	})
	for name, want := range map[string]string{"app": "pay", "severity": "page", "cluster": "test"} {
		if alert.Labels[name] != want {
			t.Errorf("label %s is %q, want %q", name, alert.Labels[name], want)
		}
	}
	if a := alert.Annotations; !strings.HasPrefix(a["summary"], "pay had ") || !strings.HasSuffix(a["skald_evidence"], " error 42") {
		t.Errorf("annotations %q", a)
	}
	if u, err := url.Parse(alert.GeneratorURL); err != nil || u.Path != "/explore" || !strings.Contains(u.Query().Get("left"), `"uid":"logs"`) {
		t.Errorf("link %s", alert.GeneratorURL)
	}
	// Alertmanager shows alerts that go on; ours is over when its lines are.
	parts.Await(t, "the alert is resolved", func() bool { return len(am.alerts(t, "PayErrors")) == 0 })
}

// An alert that waits goes on waiting after a crash.
func TestPendingAlertsSurviveKill(t *testing.T) {
	s := rulerServer(t, "")
	s.start()
	s.setRules("shop", `
name: pay
interval: 1s
rules:
- alert: Waiting
  expr: count_over_time({app="pay"}[1h]) > 0
  for: 30m
`)
	s.pushNow(`{app="pay"}`, "a line")
	type answer struct {
		Data struct {
			Alerts []struct {
				State    string    `json:"state"`
				ActiveAt time.Time `json:"activeAt"`
			} `json:"alerts"`
		} `json:"data"`
	}
	pending := func() (since time.Time) {
		parts.Await(t, "the alert is pending", func() bool {
			var a answer
			if !getJSON(t, s.http, "/prometheus/api/v1/alerts", nil, &a) || len(a.Data.Alerts) != 1 || a.Data.Alerts[0].State != "pending" {
				return false
			}
			since = a.Data.Alerts[0].ActiveAt
			return true
		})
		return since
	}
	// Time in which nobody evaluates does not make an alert older. So it is older
	// than the process, or it begins anew, if its age was more than it took to start;
	// which nobody knows before it did.
	states := filepath.Join(s.dir, "bucket", "ruler-states")
	const lag = 2 * time.Second // between evaluations that are saved
	for age := 2 * lag; ; {
		since := pending()
		parts.Await(t, fmt.Sprint("an age of ", age, " is saved"), func() bool {
			found, _ := filepath.Glob(filepath.Join(states, "*", "*"))
			if len(found) != 1 {
				return false
			}
			info, err := os.Stat(found[0])
			return err == nil && info.ModTime().Sub(since) >= age
		})
		s.Kill()
		began := time.Now()
		s.start()
		pending()
		if took := time.Since(began); took > age-lag {
			age = 2*took + lag
			continue
		}
		parts.Await(t, "the state is taken up again", func() bool { return pending().Before(began) })
		return
	}
}

// What rules record is read back from Prometheus.
func TestRecordedSeriesReachPrometheus(t *testing.T) {
	prom := startPrometheus(t)
	s := rulerServer(t, `
  remote_write:
    enabled: true
    clients:
      prom: {url: "http://`+prom.addr+`/api/v1/write"}
`)
	s.start()
	s.setRules("shop", `
name: pay
interval: 1s
rules:
- record: app:lines:count
  expr: sum by (app) (count_over_time({app="pay"}[1h]))
  labels: {team: shop}
`)
	for range 3 {
		s.pushNow(`{app="pay"}`, "a line")
	}
	recorded := func() bool {
		var a struct {
			Data struct {
				Result []struct {
					Metric map[string]string
					Value  [2]any
				}
			}
		}
		q := url.Values{"query": {`app:lines:count{app="pay", team="shop", cluster="test"}`}}
		return getJSON(t, prom.addr, "/api/v1/query", q, &a) && len(a.Data.Result) == 1 && a.Data.Result[0].Value[1] == "3"
	}
	parts.Await(t, "Prometheus has the series", recorded)
	page := s.must("", "GET", "/metrics")
	for _, want := range []string{
		`loki_ruler_wal_appender_ready{user="fake"} 1`, `loki_ruler_wal_storage_active_series{user="fake"} 1`,
		`loki_ruler_wal_storage_created_series_total{user="fake"} 1`, `loki_ruler_wal_storage_removed_series_total{user="fake"} 0`,
		`loki_ruler_wal_corruptions_total{user="fake"} 0`, `loki_ruler_wal_corruptions_repair_failed_total{user="fake"} 0`,
		`loki_ruler_wal_samples_appended_total{user="fake"} `, `loki_ruler_wal_disk_size{user="fake"} `, `loki_ruler_wal_replay_duration{user="fake"} `,
		"loki_ruler_wal_cleaner_abandoned_storage 0", "loki_ruler_wal_cleaner_cleanup_storage_success_total 0", "loki_ruler_wal_cleaner_cleanup_storage_error_total 0",
		`loki_ruler_wal_prometheus_remote_storage_samples_total{`,
	} {
		if !strings.Contains(page, "\n"+want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
}

func TestRulesAPI(t *testing.T) {
	s := rulerServer(t, "")
	s.start()
	do := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+s.http+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	const rules = "/loki/api/v1/rules"
	const group = "name: g\nrules:\n- record: r\n  expr: 'sum(rate({a = \"b\" }[1m]))'\n"
	for _, step := range []struct {
		method, path, body string
		status             int
		text               string // held by the answer
	}{
		{"GET", rules, "", 404, "no rule groups found"},
		{"GET", rules + "/ns/g", "", 404, "group does not exist"},
		{"DELETE", rules + "/ns/g", "", 404, "group does not exist"},
		{"DELETE", rules + "/ns", "", 404, "group namespace does not exist"},
		{"POST", rules + "/ns", "rules: []", 400, "Groupname must not be empty"},
		{"POST", rules + "/ns", "- 1", 400, "unable to decoded rule group"},
		{"POST", rules + "/ns", "name: g\nrules:\n- alert: A\n  expr: 'rate({'\n", 400, "could not parse expression for alert 'A' in group 'g': parse error"},
		{"POST", rules + "/ns", "name: g\nrules:\n- alert: A\n  record: b\n  expr: vector(1)\n", 400, "only one of 'record' and 'alert' must be set"},
		{"POST", rules + "/ns", group, 202, `{"status":"success","data":null,"errorType":"","error":""}`},
		{"POST", "/api/prom/rules/..%2f..%2fetc", strings.Replace(group, "name: g", `name: "g/1 ../x%2F?"`, 1), 202, "success"},
		{"GET", rules + "/..%2f..%2fetc/" + url.PathEscape("g/1 ../x%2F?"), "", 200, "name: g/1 ../x%2F?"},
		{"GET", rules + "/..%2f..%2fetc", "", 200, "../../etc:"},
		{"DELETE", rules + "/..%2f..%2fetc/" + url.PathEscape("g/1 ../x%2F?"), "", 202, "success"},
		{"POST", rules + "/%2e%2e", group, 202, "success"},
		{"DELETE", rules + "/%2e%2e/g", "", 202, "success"},
		{"POST", rules + "/..a%20b", strings.Replace(group, "name: g", `name: "../../x"`, 1), 202, "success"},
		{"GET", rules, "", 200, `expr: sum(rate({a = "b" }[1m]))`},
		{"GET", "/api/prom/rules/ns", "", 200, "ns:"},
		{"GET", rules + "/ns/g", "", 200, "name: g"},
		{"GET", rules + "?labels=a:b", "", 404, "no rule groups found"},
		{"GET", rules + "?labels=a", "", 400, "not of the form name:value"},
		{"GET", "/prometheus/api/v1/rules?type=nosuch", "", 400, `"errorType":"bad_data"`},
		{"GET", "/prometheus/api/v1/alerts", "", 200, `{"status":"success","data":{"alerts":[]},"errorType":"","error":""}`},
		{"DELETE", rules + "/..a%20b", "", 202, "success"},
		{"DELETE", rules + "/ns/g", "", 202, "success"},
		{"GET", rules, "", 404, "no rule groups found"},
	} {
		status, text := do(step.method, step.path, step.body)
		if status != step.status || !strings.Contains(text, step.text) {
			t.Errorf("%s %s: %d %q, want %d %q", step.method, step.path, status, text, step.status, step.text)
		}
	}
	outside, _ := filepath.Glob(filepath.Join(s.dir, "x*"))
	if len(outside) > 0 {
		t.Errorf("a group's name became a path: %v", outside)
	}

	do("POST", rules+"/ns", group)
	parts.Await(t, "the rule was evaluated", func() bool {
		_, text := do("GET", "/prometheus/api/v1/rules?type=RECORD&rule_group[]=g&file=ns", "")
		return strings.Contains(text, `"query":"sum(rate({a=\"b\"}[1m]))"`) && strings.Contains(text, `"health":"ok"`)
	})
}
