package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A client speaks to one server, over connections that it keeps.
type client struct {
	server *Server
	http   *http.Client
	pause  func(context.Context, time.Duration) error
}

func newClient(s *Server) *client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	t.Proxy = nil
	return &client{server: s, http: &http.Client{Transport: t, Timeout: 10 * time.Minute}, pause: pause}
}

// pause waits for a while, or until ctx is done, which is an error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 256 << 20

// do sends a request and returns the whole body of the answer.
func (c *client) do(ctx context.Context, path, contentType string, body []byte) (status int, header http.Header, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	// What is measured is the query, not a cache of its answers.
	req.Header.Set("Cache-Control", "no-store")
	if c.server.Tenant != "" {
		req.Header.Set("X-Scope-OrgID", c.server.Tenant)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = fmt.Errorf("an answer of more than %d MB", maxAnswer>>20)
	}
	return resp.StatusCode, resp.Header, answer, err
}

// push sends a body, again and again while the server asks for patience. It
// returns how often it had to send it again.
func (c *client) push(ctx context.Context, body []byte) (retries int, err error) {
	const patience = 60 // times
	for ; ; retries++ {
		status, header, text, err := c.do(ctx, c.server.dialect.pushPath(), "application/x-protobuf", body)
		switch {
		case err != nil:
			return retries, fmt.Errorf("push: %w", err)
		case status/100 == 2:
			return retries, nil
		case status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable || retries == patience:
			return retries, fmt.Errorf("push: the server answers %d: %s", status, excerpt(text))
		}
		wait := time.Second
		if s, err := strconv.Atoi(header.Get("Retry-After")); err == nil && s > 0 && s <= 60 {
			wait = time.Duration(s) * time.Second
		}
		if err := c.pause(ctx, wait); err != nil {
			return retries, err
		}
	}
}

// flush brings what was pushed to the store.
func (c *client) flush(ctx context.Context) error {
	for _, path := range c.server.Flush {
		status, _, text, err := c.do(ctx, path, "", nil)
		switch {
		case err != nil:
			return fmt.Errorf("flush: %w", err)
		case status/100 != 2:
			return fmt.Errorf("flush: %s answers %d: %s (flush=PATH says what to post to instead)", path, status, excerpt(text))
		}
	}
	return nil
}

// ask puts a query. The time is from the request to the last byte of the answer.
func (c *client) ask(ctx context.Context, q *Query, corpus Corpus) (body []byte, took time.Duration, err error) {
	path, form := c.server.dialect.request(q, corpus)
	began := time.Now()
	status, _, body, err := c.do(ctx, path, "application/x-www-form-urlencoded", encode(form))
	took = time.Since(began)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the server answers %d: %s", status, excerpt(body))
	}
	return body, took, err
}

func encode(form url.Values) []byte { return []byte(form.Encode()) }

// excerpt is the beginning of what a server says.
func excerpt(body []byte) string {
	const length = 300
	if len(body) > length {
		body = append(body[:length:length], "…"...)
	}
	return strings.TrimSpace(string(body))
}
