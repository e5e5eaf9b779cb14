package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// A Range is a query over time.
type Range struct {
	Query      string
	Start, End int64 // nanoseconds
	Limit      int
	Forward    bool          // oldest first
	Step       time.Duration // 0 leaves it to the server
	Interval   time.Duration // 0 for none
}

// An Instant is a query at one time.
type Instant struct {
	Query   string
	Time    int64 // nanoseconds
	Limit   int
	Forward bool
}

func direction(forward bool) string {
	if forward {
		return "FORWARD"
	}
	return "BACKWARD"
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// seconds is a span as parameters have it.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func span(start, end int64) url.Values {
	return url.Values{"start": {number(start)}, "end": {number(end)}}
}

// QueryRange asks /query_range.
func (c *Client) QueryRange(ctx context.Context, q Range) (*loghttp.Response, error) {
	v := span(q.Start, q.End)
	v.Set("query", q.Query)
	v.Set("limit", strconv.Itoa(q.Limit))
	v.Set("direction", direction(q.Forward))
	if q.Step != 0 {
		v.Set("step", seconds(q.Step))
	}
	if q.Interval != 0 {
		v.Set("interval", seconds(q.Interval))
	}
	return c.response(ctx, "/loki/api/v1/query_range", v)
}

// Query asks /query.
func (c *Client) Query(ctx context.Context, q Instant) (*loghttp.Response, error) {
	return c.response(ctx, "/loki/api/v1/query", url.Values{
		"query": {q.Query}, "time": {number(q.Time)}, "limit": {strconv.Itoa(q.Limit)}, "direction": {direction(q.Forward)},
	})
}

func (c *Client) response(ctx context.Context, path string, v url.Values) (*loghttp.Response, error) {
	body, err := c.get(ctx, path, v)
	if err != nil {
		return nil, err
	}
	return loghttp.DecodeResponse(body)
}

// Labels asks for the names of labels, or the values of one where name is not
// empty.
func (c *Client) Labels(ctx context.Context, name string, start, end int64) ([]string, error) {
	path := "/loki/api/v1/labels"
	if name != "" {
		path = "/loki/api/v1/label/" + url.PathEscape(name) + "/values"
	}
	body, err := c.get(ctx, path, span(start, end))
	if err != nil {
		return nil, err
	}
	return loghttp.DecodeLabelNames(body)
}

// Series asks for the streams that a selector selects.
func (c *Client) Series(ctx context.Context, matcher string, start, end int64) ([]labels.Labels, error) {
	v := span(start, end)
	v.Set("match", matcher)
	body, err := c.get(ctx, "/loki/api/v1/series", v)
	if err != nil {
		return nil, err
	}
	return loghttp.DecodeSeries(body)
}

// IndexStats asks how much the streams of a selector hold.
func (c *Client) IndexStats(ctx context.Context, query string, start, end int64) (out loghttp.IndexStatsResponse, err error) {
	v := span(start, end)
	v.Set("query", query)
	return out, c.decode(ctx, "/loki/api/v1/index/stats", v, &out)
}

// A Volume is a question for how many bytes streams hold.
type Volume struct {
	Query        string
	Start, End   int64 // nanoseconds
	Limit        int
	TargetLabels string // names with commas between them
	ByLabels     bool
	Step         time.Duration // 0 asks for the volume of the whole time
}

// Volume asks /index/volume, or /index/volume_range where there is a step.
func (c *Client) Volume(ctx context.Context, q Volume) (*loghttp.Response, error) {
	v := span(q.Start, q.End)
	v.Set("query", q.Query)
	v.Set("limit", strconv.Itoa(q.Limit))
	if q.TargetLabels != "" {
		v.Set("targetLabels", q.TargetLabels)
	}
	if q.ByLabels {
		v.Set("aggregateBy", "labels")
	}
	if q.Step == 0 {
		return c.response(ctx, "/loki/api/v1/index/volume", v)
	}
	v.Set("step", number(int64(q.Step/time.Second)))
	return c.response(ctx, "/loki/api/v1/index/volume_range", v)
}

// A Fields is a question for the fields that a query's entries have.
type Fields struct {
	Query            string
	Field            string // whose values are wanted; empty for all fields
	Start, End       int64  // nanoseconds
	Limit, LineLimit int
	Step             time.Duration
}

// DetectedFields asks /detected_fields, or for the values of a field.
func (c *Client) DetectedFields(ctx context.Context, q Fields) (out loghttp.DetectedFieldsResponse, raw []byte, err error) {
	v := span(q.Start, q.End)
	v.Set("query", q.Query)
	v.Set("limit", strconv.Itoa(q.Limit))
	v.Set("line_limit", strconv.Itoa(q.LineLimit))
	v.Set("step", seconds(q.Step))
	path := "/loki/api/v1/detected_fields"
	if q.Field != "" {
		path = "/loki/api/v1/detected_field/" + url.PathEscape(q.Field) + "/values"
	}
	raw, err = c.get(ctx, path, v)
	if err != nil {
		return out, nil, err
	}
	return out, raw, unmarshal(raw, &out)
}

// DetectedLabels asks which labels tell the streams of a selector from each other.
func (c *Client) DetectedLabels(ctx context.Context, query string, start, end int64) (out loghttp.DetectedLabelsResponse, raw []byte, err error) {
	v := span(start, end)
	if query != "" {
		v.Set("query", query)
	}
	raw, err = c.get(ctx, "/loki/api/v1/detected_labels", v)
	if err != nil {
		return out, nil, err
	}
	return out, raw, unmarshal(raw, &out)
}

// Patterns asks for the patterns of the lines of a selector; the step is the
// server's where it is 0.
func (c *Client) Patterns(ctx context.Context, query string, start, end int64, step time.Duration) (out loghttp.PatternsResponse, raw []byte, err error) {
	v := span(start, end)
	v.Set("query", query)
	if step != 0 {
		v.Set("step", seconds(step))
	}
	raw, err = c.get(ctx, "/loki/api/v1/patterns", v)
	if err != nil {
		return out, nil, err
	}
	return out, raw, unmarshal(raw, &out)
}

// A DeleteRequest is one that a server knows of.
type DeleteRequest struct {
	ID        string  `json:"request_id,omitempty"`
	StartTime float64 `json:"start_time"` // seconds
	EndTime   float64 `json:"end_time"`
	Query     string  `json:"query"`
	Status    string  `json:"status"`
}

const deletePath = "/loki/api/v1/delete"

// Delete asks for what a query selects to be deleted, and returns the name of
// the request. Start and end are in seconds; maxInterval may be empty.
func (c *Client) Delete(ctx context.Context, query string, start, end int64, maxInterval string) (string, error) {
	v := span(start, end)
	v.Set("query", query)
	if maxInterval != "" {
		v.Set("max_interval", maxInterval)
	}
	h, _, err := c.do(ctx, http.MethodPost, deletePath, v)
	return h.Get("X-Delete-Request-Id"), err
}

// DeleteRequests asks for all delete requests.
func (c *Client) DeleteRequests(ctx context.Context) (out []DeleteRequest, err error) {
	return out, c.decode(ctx, deletePath, nil, &out)
}

// CancelDelete takes a delete request back.
func (c *Client) CancelDelete(ctx context.Context, id string, force bool) error {
	v := url.Values{"request_id": {id}}
	if force {
		v.Set("force", "true")
	}
	_, _, err := c.do(ctx, http.MethodDelete, deletePath, v)
	return err
}

// Push sends a push in protobuf, compressed with snappy, once.
func (c *Client) Push(ctx context.Context, body []byte) error {
	_, _, err := c.Send(ctx, http.MethodPost, c.url("/loki/api/v1/push", nil), "application/x-protobuf", body)
	return err
}

func (c *Client) decode(ctx context.Context, path string, v url.Values, to any) error {
	body, err := c.get(ctx, path, v)
	if err != nil {
		return err
	}
	return unmarshal(body, to)
}

func unmarshal(body []byte, to any) error {
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
