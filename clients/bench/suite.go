package bench

import (
	"fmt"
	"time"
)

// The forms of queries.
const (
	Logs    = "logs"    // the newest lines, up to a limit
	Range   = "range"   // values at every step
	Instant = "instant" // values over the whole corpus
)

// A Query is one question in both languages.
type Query struct {
	Name          string // short, for -only
	About         string
	Form          string
	Step          time.Duration // of Range
	Limit         int           // of Logs
	By            []string      // the labels of series
	LogQL, LogsQL string
	// Tolerance is how far values of servers of different kinds may be apart, as a
	// share of the value, where their languages do not mean the same to the last
	// digit.
	Tolerance float64
	// Top says that the answer is the largest values at each time. Which of several
	// equal ones are the last to be in it is for the server to choose.
	Top bool
	// Empty says that no line fits. An empty answer to another query is wrong.
	Empty bool
	// WholeLines says that the answer depends on lines as they were pushed.
	WholeLines bool
}

// exact is the tolerance of everything else: sums may be added up in any order.
const exact = 1e-9

// Suite are the queries, for the plants of a corpus.
//
// LogsQL asks for fields of JSON lines by name where LogQL searches the line, as
// users of VictoriaLogs do.
func Suite(p Plants) []*Query {
	return []*Query{
		{
			Name: "needle", About: "needle over all streams", Form: Logs, Limit: 100,
			LogQL:  fmt.Sprintf(`{cluster="bench"} |= "%s"`, p.Needle),
			LogsQL: fmt.Sprintf(`{cluster="bench"} trace_id:="%s"`, p.Needle),
		},
		{
			Name: "absent", About: "absent needle", Form: Logs, Limit: 100, Empty: true,
			LogQL:  fmt.Sprintf(`{cluster="bench"} |= "%s"`, p.Absent),
			LogsQL: fmt.Sprintf(`{cluster="bench"} trace_id:="%s"`, p.Absent),
		},
		{
			Name: "substring", About: "rare substring inside a token", Form: Logs, Limit: 100,
			LogQL:  fmt.Sprintf(`{app="kubelet"} |= "%s"`, p.Rare),
			LogsQL: fmt.Sprintf(`{app="kubelet"} *%s*`, p.Rare),
		},
		{
			Name: "regex", About: "case-insensitive regex to 100 lines", Form: Logs, Limit: 100,
			LogQL:  `{namespace="platform"} |~ "(?i)connection (refused|reset)"`,
			LogsQL: `{namespace="platform"} ~"(?i)connection (refused|reset)"`,
		},
		{
			Name: "count", About: "count all by app, 1 m steps", Form: Range, Step: time.Minute, By: []string{"app"},
			LogQL:  `sum by (app) (count_over_time({cluster="bench"}[1m]))`,
			LogsQL: `{cluster="bench"} | stats by (app) count() n`,
		},
		{
			Name: "error", About: `count of "error" by app, 1 m steps`, Form: Range, Step: time.Minute, By: []string{"app"},
			LogQL:  `sum by (app) (count_over_time({cluster="bench"} |= "error" [1m]))`,
			LogsQL: `{cluster="bench"} (level:="error" or *error*) | stats by (app) count() n`,
		},
		{
			Name: "json", About: "json, status >= 500, count, 1 m steps", Form: Range, Step: time.Minute,
			LogQL:  `sum(count_over_time({app="gateway"} | json | status >= 500 [1m]))`,
			LogsQL: `{app="gateway"} status:>=500 | stats count() n`,
		},
		{
			Name: "json_by", About: "json, count by status, 1 m steps", Form: Range, Step: time.Minute, By: []string{"status"},
			LogQL:  `sum by (status) (count_over_time({app="gateway"} | json [1m]))`,
			LogsQL: `{app="gateway"} | stats by (status) count() n`,
		},
		{
			Name: "quantile", About: "p99 of a JSON number by method, 30 m steps", Form: Range, Step: 30 * time.Minute, By: []string{"method"},
			LogQL:  `quantile_over_time(0.99, {app="gateway"} | json | unwrap duration_ms [30m]) by (method)`,
			LogsQL: `{app="gateway"} duration_ms:* | stats by (method) quantile(0.99, duration_ms) p99`,
			// VictoriaLogs takes a value that is there, LogQL one between two.
			Tolerance: 0.5,
		},
		{
			Name: "logfmt", About: "logfmt filter to 100 lines", Form: Logs, Limit: 100,
			LogQL:  `{app="search"} | logfmt | level="warn" | took_ms > 400`,
			LogsQL: `{app="search"} | unpack_logfmt fields (level, took_ms) | filter level:="warn" took_ms:>400`,
		},
		{
			Name: "topk", About: "topk of rate by pod, 5 m steps", Form: Range, Step: 5 * time.Minute, By: []string{"pod"}, Top: true,
			LogQL:  `topk(10, sum by (pod) (rate({cluster="bench"}[5m])))`,
			LogsQL: `{cluster="bench"} | stats by (pod) rate() r | sort by (r desc) partition by (_time) limit 10`,
		},
		{
			Name: "bytes", About: "bytes over time by namespace, 5 m steps", Form: Range, Step: 5 * time.Minute, By: []string{"namespace"}, WholeLines: true,
			LogQL:  `sum by (namespace) (bytes_over_time({cluster="bench"}[5m]))`,
			LogsQL: `{cluster="bench"} | stats by (namespace) sum_len(_msg) n`,
		},
		{
			Name: "regexp", About: "regexp extract after a filter, 30 m steps", Form: Range, Step: 30 * time.Minute, By: []string{"user"},
			LogQL:  `sum by (user) (count_over_time({app="bastion"} |= "Failed password" | regexp "for (invalid user )?(?P<user>[a-z0-9]+) from" [30m]))`,
			LogsQL: `{app="bastion"} "Failed password" | extract_regexp "for (invalid user )?(?P<user>[a-z0-9]+) from" | stats by (user) count() n`,
		},
		{
			Name: "recent", About: "100 most recent lines", Form: Logs, Limit: 100,
			LogQL:  `{cluster="bench"}`,
			LogsQL: `{cluster="bench"}`,
		},
	}
}

// everything counts all entries of a corpus.
func everything() *Query {
	return &Query{
		Name: "everything", Form: Instant,
		LogQL:  `sum(count_over_time({cluster="bench"}[6h]))`,
		LogsQL: `{cluster="bench"} | stats count() n`,
	}
}
