package block

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
)

// shapes are the questions that must not take lines, by the families whose lines
// they are about.
var shapes = map[string][]string{
	"json": {
		`sum(count_over_time({job="j"} | json | status >= 500 [1m]))`,
		`sum(count_over_time({job="j"} |= "error" | json | status >= 500 [1m]))`,
		`sum by (status) (count_over_time({job="j"} | json [1m]))`,
		`sum by (status, method) (rate({job="j"} | json | level="error" [1m]))`,
		`sum by (level) (bytes_over_time({job="j"} | json | duration_ms > 20 [1m]))`,
		`sum by (pod) (bytes_rate({job="j"} | json | status >= 500 or level =~ "warn|error" [1m]))`,
		`quantile_over_time(0.99, {job="j"} | json | __error__="" | unwrap duration_ms [1m]) by (method)`,
		`avg_over_time({job="j"} | json | unwrap bytes | __error__="" [1m]) by (status)`,
		`max_over_time({job="j"} | json | unwrap bytes(bytes) [1m]) by ()`,
		`topk(3, sum by (path) (rate({job="j"} | json | msg="request completed" [1m])))`,
		`{job="j"} | json | status >= 500`,
		`sum by (code) (count_over_time({job="j"} | json code="status", who="user_id" | who > 5 [1m]))`,
		`sum by (x) (count_over_time({job="j"} | json x="nothing.here", l="[\"level\"]" | l = "error" [1m]))`,
		`quantile_over_time(0.99, {job="j"} | json d="duration_ms" | unwrap d [1m]) by (pod)`,
		`{job="j"} | json code="status" | code >= 500`,
		`sum by (pod, status) (count_over_time({job="j"} | json [1m]))`,
		`{job="j"} | detected_level="error" | json | user_id=1`,
	},
	"logfmt": {
		`sum(count_over_time({job="j"} | logfmt | duration > 1s [1m]))`,
		`sum by (level) (count_over_time({job="j"} | logfmt [1m]))`,
		`sum by (caller) (rate({job="j"} | logfmt | level="info" | num_chunks > 2 [1m]))`,
		`quantile_over_time(0.9, {job="j"} | logfmt | unwrap duration(duration) | __error__="" [1m]) by (org_id)`,
		`sum by (latency) (sum_over_time({job="j"} | logfmt | bytes > 1MB | unwrap bytes(bytes) [1m]))`,
		`{job="j"} | logfmt | duration > 1s`,
		`sum by (l) (count_over_time({job="j"} | logfmt l="level", d="duration" | d != "" | d > 1s [1m]))`,
		`{job="j"} | logfmt --strict | duration > 1s`,
		`sum by (level) (count_over_time({job="j"} | logfmt --strict --keep-empty [1m]))`,
		`sum by (caller) (count_over_time({job="j"} | logfmt --strict c="caller", l="level" | l != "info" [1m]))`,
		`{job="j"} | logfmt | level="error" | table != "index_19000"`,
	},
	"nginx": {
		`sum by (status) (count_over_time({job="j"} | pattern "<ip> - - [<_>] \"<_>\" <status> <bytes> \"<_>" [1m]))`,
		`sum(count_over_time({job="j"} | pattern "<ip> - - [<_>] \"<_>\" <status> <bytes> \"<_>" | status >= 500 [1m]))`,
		`sum by (ip) (sum_over_time({job="j"} | pattern "<ip> - - [<_>] \"<_>\" <status> <bytes> \"<_>" | unwrap bytes [1m]))`,
		`{job="j"} | pattern "<ip> - - [<_>] \"<_>\" <status> <bytes> \"<_>" | status = 404`,
		`sum(count_over_time({job="j"} | pattern "<ip> - - [<_>" | ip != ip("10.0.0.0-10.40.0.0") [1m]))`,
		`{job="j"} | pattern "<ip> - - [<_>" | ip = ip("10.0.0.0/12")`,
		`sum by (method) (count_over_time({job="j"} | pattern "<_> \"<method> <path> <_>\" <status> <_>" [1m]))`,
		`sum by (method, path) (bytes_over_time({job="j"} | pattern "<_> \"<method> <path> <_>\" <status> <_>" | status >= 500 [1m]))`,
		`sum by (method) (count_over_time({job="j"} | regexp "\"(?P<method>[A-Z]+) (?P<path>\\S+) HTTP" | path =~ "/api.*" [1m]))`,
	},
	"sshd": {
		`sum by (user) (count_over_time({job="j"} |= "Failed password" | regexp "for (invalid user )?(?P<user>[a-z0-9]+) from" [1m]))`,
		`sum by (user) (count_over_time({job="j"} | regexp "user (?P<user>[a-z0-9]+) from (?P<ip>[0-9.]+)" | user=~"user1.*" [1m]))`,
		`sum by (ip) (count_over_time({job="j"} | regexp "(?P<ip>\\d+\\.\\d+\\.\\d+\\.\\d+)" [1m]))`,
		`max_over_time({job="j"} | regexp "port (?P<port>\\d+)" | unwrap port [1m]) by (pod)`,
		`sum(count_over_time({job="j"} | regexp "from (?P<ip>\\S+)" | ip = ip("10.0.0.0/9") [1m]))`,
		`{job="j"} | regexp "port (?P<port>\\d+)" | port > 60000`,
		`sum by (what) (count_over_time({job="j"} | pattern "<_>: <what> for <who> from <ip> port <port>" [1m]))`,
	},
	"": { // of any lines
		`sum by (detected_level) (count_over_time({job="j"}[1m]))`,
		`sum by (pod, detected_level) (bytes_over_time({job="j"}[1m]))`,
		`sum(count_over_time({job="j"} | detected_level="error" [1m]))`,
		`sum(count_over_time({job="j"} | json | __error__!="" | status > 1 [1m]))`,
		`max_over_time({job="j"} | took > 3ms | unwrap duration(took) | __error__="" [1m]) by (detected_level)`,
		`{job="j"} | detected_level="error"`,
		`count_over_time({job="j"} |= "e" [1m])`,
		`sum without (took, pod) (bytes_over_time({job="j"}[1m]))`,
		`sum without (took) (rate({job="j"} | detected_level="error" or took > 3ms | drop detected_level [1m]))`,
	},
}

// wantColumns asks questions of rows and wants all blocks answered without a line.
func wantColumns(t *testing.T, rows []Row, queries []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range rows {
		rows[i].Stream = uint32(r.IntN(2))
		rows[i].Metadata = append(rows[i].Metadata[:0:0], labels.Label{Name: "detected_level", Value: pick(r, "info", "error")}, labels.Label{Name: "took", Value: fmt.Sprint(r.IntN(9000), "us")})
	}
	streams := []labels.Labels{labels.FromStrings("job", "j", "pod", "a"), labels.FromStrings("job", "j", "pod", "b")}
	for _, query := range queries {
		src := newBlockSource(t, rows, 20_000, streams)
		naive := *src
		naive.naive = true
		p := engine.Params{Start: rows[0].Timestamp - int64(time.Hour), End: rows[len(rows)-1].Timestamp + int64(time.Hour), Step: 10 * time.Minute, Limit: 100, Direction: engine.Backward}
		got, want := outcome(src, query, p), outcome(&naive, query, p)
		switch {
		case got != want:
			t.Errorf("%s\nby columns:\n%.1500s\nby lines:\n%.1500s", query, got, want)
		case strings.HasPrefix(want, "error"):
			t.Errorf("%s is no question for these lines: %s", query, want)
		case src.how["rows"] > 0 || src.how["columns"]+src.how["header"] == 0:
			t.Errorf("%s is answered by %v, with %d unsure of %d rows", query, src.how, src.unsure, src.rows)
		}
	}
}

// The questions that columns are for are answered from them, block for block.
func TestShapesTakeNoLines(t *testing.T) {
	for f := range families {
		t.Run(families[f].name, func(t *testing.T) {
			rows := familyRows(f, 5, 400_000)
			wantColumns(t, rows, shapes[families[f].name])
			wantColumns(t, rows, shapes[""])
		})
	}
}

// The same of every file of real lines, as far as a question makes sense for it.
func TestShapesTakeNoLinesOfFiles(t *testing.T) {
	byFile := map[string][]string{
		"nginxplus_json.log": {
			`sum by (pid) (count_over_time({job="j"} | json [1m]))`,
			`sum(count_over_time({job="j"} | json | connections_active > 2 [1m]))`,
			`sum by (connections_idle) (bytes_over_time({job="j"} | json | ssl_handshakes > 100 and connections_active <= 3 [1m]))`,
			`quantile_over_time(0.9, {job="j"} | json | unwrap connections_idle [1m]) by (nginx_version)`,
			`{job="j"} | json | connections_active > 3`,
		},
		"apache_access.log": {
			`sum by (ip) (count_over_time({job="j"} | pattern "<ip> - - [<_>" [1m]))`,
		},
	}
	for _, name := range dataFiles(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			rows, err := fileRows(name, 3_000_000)
			if err != nil {
				t.Fatal(err)
			}
			wantColumns(t, rows, shapes[""])
			wantColumns(t, rows, byFile[filepath.Base(name)])
		})
	}
}
