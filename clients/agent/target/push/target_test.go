package push

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target/targettest"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

func start(t *testing.T, cfg Config, relabel string) (url string, c *targettest.Collector) {
	t.Helper()
	c = targettest.New()
	cfg.Server.HTTPListenAddress = "127.0.0.1"
	target, err := Listen(cfg, c.Options(t, relabel))
	if err != nil {
		t.Fatal(err)
	}
	targettest.Run(t, target)
	return "http://" + target.Addr().String(), c
}

// post sends a body and returns the status and the text of the answer.
func post(t *testing.T, url, contentType, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(url, contentType, strings.NewReader(body))
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

const jsonPush = `{"streams":[
	{"stream":{"app":"a","job":"theirs","__secret":"x"},"values":[["1700000000000000000","one"],["1700000001000000000","two",{"trace":"t1"}]]},
	{"stream":{"app":"noise"},"values":[["1700000000000000000","dropped"]]},
	{"stream":{"app":"b"},"values":[["1700000002000000000","three"]]}]}`

func TestPushJSON(t *testing.T) {
	url, c := start(t, Config{UseIncomingTimestamp: true, Labels: map[string]string{"job": "ours"}},
		`[{source_labels: [app], regex: noise, action: drop}]`)
	if status, text := post(t, url+"/loki/api/v1/push", "application/json", jsonPush); status != http.StatusNoContent {
		t.Fatalf("status %d: %s", status, text)
	}
	got := c.Wait(t, 3)
	for i, want := range []string{
		`{app="a", job="ours"} "one"`,
		`{app="a", job="ours"} "two" {trace="t1"}`,
		`{app="b", job="ours"} "three"`,
	} {
		if got[i].String() != want {
			t.Errorf("entry %d is %s, want %s", i, got[i], want)
		}
	}
	if ts := got[1].Timestamp.Unix(); ts != 1700000001 {
		t.Errorf("time is %d", ts)
	}
}

func TestPushProtobufGetsOwnTimes(t *testing.T) {
	url, c := start(t, Config{}, "")
	before := time.Now()
	body := snappy.Encode(nil, logproto.AppendPush(nil, &model.Batch{Streams: []model.Stream{{
		Labels:  `{app="a"}`,
		Entries: []model.Entry{{Timestamp: 1, Line: "one"}, {Timestamp: 1, Line: "one"}},
	}}}))
	if status, text := post(t, url+"/loki/api/v1/push", "application/x-protobuf", string(body)); status != http.StatusNoContent {
		t.Fatalf("status %d: %s", status, text)
	}
	got := c.Wait(t, 2)
	if got[0].Timestamp.Before(before) || !got[1].Timestamp.After(got[0].Timestamp) {
		t.Errorf("times are %s and %s, want two of now", got[0].Timestamp, got[1].Timestamp)
	}
}

func TestRaw(t *testing.T) {
	url, c := start(t, Config{Labels: map[string]string{"job": "raw"}}, "")
	if status, text := post(t, url+"/promtail/api/v1/raw", "text/plain", "one\r\n\n two\nthree"); status != http.StatusNoContent {
		t.Fatalf("status %d: %s", status, text)
	}
	got := c.Wait(t, 3)
	for i, want := range []string{`{job="raw"} "one"`, `{job="raw"} " two"`, `{job="raw"} "three"`} {
		if got[i].String() != want {
			t.Errorf("entry %d is %s, want %s", i, got[i], want)
		}
	}
}

func TestBadPushes(t *testing.T) {
	url, c := start(t, Config{MaxSendMsgSize: 1000}, "")
	for _, tc := range []struct {
		name, path, contentType, body string
		want                          int
	}{
		{"bad JSON", "/loki/api/v1/push", "application/json", `{"streams":`, 400},
		{"bad protobuf", "/loki/api/v1/push", "application/x-protobuf", "x", 400},
		{"bad labels", "/loki/api/v1/push", "application/x-protobuf", string(snappy.Encode(nil, logproto.AppendPush(nil, &model.Batch{Streams: []model.Stream{{Labels: `{a="`, Entries: []model.Entry{{Line: "x"}}}}}))), 400},
		{"too long a text", "/promtail/api/v1/raw", "text/plain", strings.Repeat("x", 2000), 413},
		{"too long a push", "/loki/api/v1/push", "application/json", strings.Repeat(" ", 2000), 413},
		{"no such path", "/loki/api/v1/query", "application/json", "{}", 404},
	} {
		if status, text := post(t, url+tc.path, tc.contentType, tc.body); status != tc.want {
			t.Errorf("%s: status %d (%s), want %d", tc.name, status, text, tc.want)
		}
	}
	if got := c.Wait(t, 0); len(got) != 0 {
		t.Errorf("entries came of bad pushes: %v", got)
	}
	resp, err := http.Get(url + "/ready")
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("ready: %v, %v", resp, err)
	}
}

// refusing is a chain without room, whose context ends.
type refusing struct{ *targettest.Collector }

func (refusing) Put(context.Context, []entry.Entry) error { return errors.New("no room") }

func TestClientIsToldWhenEntriesAreNotTaken(t *testing.T) {
	c := targettest.New()
	opts := c.Options(t, "")
	opts.Chain = refusing{c}
	cfg := Config{}
	cfg.Server.HTTPListenAddress = "127.0.0.1"
	target, err := Listen(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	targettest.Run(t, target)
	if status, _ := post(t, "http://"+target.Addr().String()+"/loki/api/v1/push", "application/json", jsonPush); status != 500 {
		t.Errorf("status %d, want 500", status)
	}
}

func TestUnusedKeysAreNamed(t *testing.T) {
	var cfg Config
	text := "server: {http_listen_port: 1, grpc_listen_port: 2, log_source_ips_enabled: true, log_level: debug}"
	if err := yaml.Unmarshal([]byte(text), &cfg); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range cfg.Server.unused {
		got = append(got, k.Name)
	}
	if got := strings.Join(got, " "); got != "grpc_listen_port log_source_ips_enabled log_level" {
		t.Errorf("unused keys are %q", got)
	}
}

func TestOwnLabelsGiveWay(t *testing.T) {
	tg := &Target{cfg: Config{Labels: map[string]string{"job": "x"}}}
	if got := tg.own(labels.FromStrings("app", "a", "job", "y")); len(got) != 1 || got[0].Name != "app" {
		t.Errorf("own labels are %v", got)
	}
}
