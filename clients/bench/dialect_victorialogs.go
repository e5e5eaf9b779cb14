package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"
)

// victoriaDialect is VictoriaLogs' API and LogsQL, with Loki's push.
type victoriaDialect struct{}

// The default is to take JSON lines apart. The parameter only says which of their
// fields is the message.
func (victoriaDialect) pushPath() string { return "/insert/loki/api/v1/push?_msg_field=msg" }

func (victoriaDialect) flush() []string { return []string{"/internal/force_flush"} }

func (victoriaDialect) text(q *Query) string { return q.LogsQL }

func (victoriaDialect) request(q *Query, c Corpus) (string, url.Values) {
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	form := url.Values{"query": {q.LogsQL}}
	switch q.Form {
	case Instant:
		form.Set("query", fmt.Sprintf("_time:[%s, %s) %s", stamp(c.Start), stamp(c.End()), q.LogsQL))
		form.Set("time", stamp(c.End()))
		return "/select/logsql/stats_query", form
	case Range:
		form.Set("step", strconv.Itoa(int(q.Step.Seconds()))+"s")
		form.Set("start", stamp(c.Start))
		form.Set("end", stamp(c.End()))
		return "/select/logsql/stats_query_range", form
	}
	form.Set("limit", strconv.Itoa(q.Limit))
	form.Set("start", stamp(c.Start))
	form.Set("end", stamp(c.End()))
	return "/select/logsql/query", form
}

func (victoriaDialect) decode(q *Query, body []byte) (*Answer, error) {
	a := &Answer{}
	var err error
	if q.Form == Logs {
		err = a.readLines(body)
	} else {
		err = a.readStats(q, body)
	}
	if err != nil {
		return nil, err
	}
	if q.WholeLines {
		for _, app := range apps {
			if app.family != &jsonApp {
				continue
			}
			for _, by := range q.By {
				value := map[string]string{"app": app.name, "namespace": app.namespace}[by]
				if k := by + `="` + value + `"`; value != "" && !has(a.LeftOut, k) {
					a.LeftOut = append(a.LeftOut, k)
					delete(a.Series, k)
				}
			}
		}
	}
	if q.Top {
		a.dropLast()
	}
	a.sort()
	return a, nil
}

// readLines reads one JSON object a line.
func (a *Answer) readLines(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	for {
		var e struct {
			Time time.Time `json:"_time"`
			Msg  string    `json:"_msg"`
			App  string    `json:"app"`
			Pod  string    `json:"pod"`
		}
		switch err := dec.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		entry := Entry{Timestamp: e.Time.UnixNano(), Pod: e.Pod, Line: &e.Msg}
		if app := appByName(e.App); app != nil && app.family == &jsonApp {
			entry.Line = nil
		}
		a.Entries = append(a.Entries, entry)
	}
}

// readStats reads what Prometheus would answer. Buckets have the time of their
// beginning.
func (a *Answer) readStats(q *Query, body []byte) error {
	type sample [2]any
	var r struct {
		Status string
		Data   struct {
			Result []struct {
				Metric map[string]string
				Value  *sample
				Values []sample
			}
		}
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return err
	}
	if r.Status != "success" {
		return fmt.Errorf("an answer of status %q", r.Status)
	}
	for _, s := range r.Data.Result {
		key := seriesKey(q.By, func(n string) string { return s.Metric[n] })
		samples := s.Values
		if s.Value != nil {
			samples = append(samples, *s.Value)
		}
		for _, p := range samples {
			ts, isNumber := p[0].(float64)
			text, isText := p[1].(string)
			v, err := strconv.ParseFloat(text, 64)
			if !isNumber || !isText || err != nil {
				return fmt.Errorf("a sample %v: want [seconds, \"number\"]", p)
			}
			if q.Form == Range {
				ts += q.Step.Seconds()
			}
			a.add(key, int64(ts), v)
		}
	}
	return nil
}
