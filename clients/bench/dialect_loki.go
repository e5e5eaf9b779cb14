package bench

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// lokiDialect is Loki's API and LogQL, which Skald speaks too.
type lokiDialect struct{}

func (lokiDialect) pushPath() string { return "/loki/api/v1/push" }

func (lokiDialect) flush() []string { return []string{"/flush"} }

func (lokiDialect) text(q *Query) string { return q.LogQL }

// A value at a time is about the span before it, so the first step ends one step
// into the corpus, and the last one with it.
func (lokiDialect) request(q *Query, c Corpus) (string, url.Values) {
	form := url.Values{"query": {q.LogQL}}
	switch q.Form {
	case Instant:
		form.Set("time", nanos(c.End().UnixNano()))
		return "/loki/api/v1/query", form
	case Logs:
		form.Set("limit", strconv.Itoa(q.Limit))
		form.Set("start", nanos(c.Start.UnixNano()))
	case Range:
		form.Set("step", strconv.Itoa(int(q.Step.Seconds())))
		form.Set("start", nanos(c.Start.Add(q.Step).UnixNano()))
	}
	form.Set("end", nanos(c.End().UnixNano()))
	return "/loki/api/v1/query_range", form
}

func nanos(ts int64) string { return strconv.FormatInt(ts, 10) }

func (lokiDialect) decode(q *Query, body []byte) (*Answer, error) {
	r, err := loghttp.DecodeResponse(body)
	if err != nil {
		return nil, err
	}
	a := &Answer{}
	key := func(l labels.Labels) string { return seriesKey(q.By, l.Get) }
	switch result := r.Result.(type) {
	case loghttp.Streams:
		for _, s := range result {
			for _, e := range s.Entries {
				a.Entries = append(a.Entries, Entry{Timestamp: e.Timestamp, Pod: s.Labels.Get("pod"), Line: &e.Line})
			}
		}
	case loghttp.Vector:
		for _, s := range result {
			a.add(key(s.Metric), s.T/1000, s.F)
		}
	case loghttp.Matrix:
		for _, s := range result {
			for _, p := range s.Points {
				a.add(key(s.Metric), p.T/1000, p.F)
			}
		}
	default:
		return nil, fmt.Errorf("an answer of type %s", r.Result.Type())
	}
	if q.Top {
		a.dropLast()
	}
	a.sort()
	if len(r.Warnings) > 0 {
		return a, fmt.Errorf("the server warns: %q", r.Warnings)
	}
	return a, nil
}
