package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxAnswer = 1 << 30
	maxError  = 64 << 10 // of the text of an error
)

// ErrAttempts marks that every attempt failed; it comes wrapped around the last
// failure.
var ErrAttempts = errors.New("run out of attempts while querying the server")

// A StatusError is an answer that is no success.
type StatusError struct {
	Code   int
	Status string // such as 400 Bad Request
	Body   string
}

func (e *StatusError) Error() string { return e.Status + ": " + e.Body }

// A Client asks one server.
type Client struct {
	cfg    Config
	base   *url.URL
	http   *http.Client
	dialer websocket.Dialer
}

// New returns a client, or what is wrong with the settings. It does not reach
// for the server.
func New(cfg Config) (*Client, error) {
	base, err := cfg.base()
	if err != nil {
		return nil, err
	}
	if err := cfg.checkAuth(); err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	proxy, err := cfg.proxy()
	if err != nil {
		return nil, err
	}
	// HTTP/2 would multiplex parallel downloads over one connection, and so over
	// one replica behind a balancer.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &Client{
		cfg:  cfg,
		base: base,
		http: &http.Client{Timeout: cfg.Timeout, Transport: &http.Transport{
			Proxy: proxy, TLSClientConfig: tlsConfig, Protocols: &protocols,
			DisableCompression: !cfg.Compress, MaxIdleConnsPerHost: 16,
		}},
		dialer: websocket.Dialer{Proxy: proxy, TLSClientConfig: tlsConfig, HandshakeTimeout: 30 * time.Second},
	}, nil
}

// url returns the address of a path of the API, whose elements are escaped.
func (c *Client) url(path string, query url.Values) string {
	u := c.base.String() + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// do sends a request, again if need be, and returns the headers and body of the
// answer.
func (c *Client) do(ctx context.Context, method, path string, query url.Values) (http.Header, []byte, error) {
	u := c.url(path, query)
	if c.cfg.Asked != nil {
		c.cfg.Asked(u)
	}
	backoff := c.cfg.MinBackoff
	for remaining := c.cfg.Retries; ; remaining-- {
		begun := time.Now()
		h, body, err := c.Send(ctx, method, u, "", nil)
		if err == nil && c.cfg.Answered != nil {
			c.cfg.Answered(time.Since(begun), len(body), h)
		}
		if err == nil || ctx.Err() != nil {
			return h, body, err
		}
		if c.cfg.Failed != nil {
			c.cfg.Failed(err, remaining)
		}
		if remaining <= 0 {
			return nil, nil, fmt.Errorf("%w: %w", ErrAttempts, err)
		}
		if c.cfg.Waiting != nil {
			c.cfg.Waiting(backoff)
		}
		if err := sleep(ctx, backoff); err != nil {
			return nil, nil, err
		}
		backoff = min(2*backoff, max(c.cfg.MaxBackoff, c.cfg.MinBackoff))
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Send sends one request to an absolute URL, once, and returns the headers and
// body of the answer. The error is a *StatusError where there was an answer.
func (c *Client) Send(ctx context.Context, method, url, contentType string, body []byte) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if req.Header, err = c.cfg.header(); err != nil {
		return nil, nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
		return nil, nil, &StatusError{Code: resp.StatusCode, Status: resp.Status, Body: string(text)}
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(text) > maxAnswer {
		return nil, nil, fmt.Errorf("read the answer: it is longer than %d bytes", maxAnswer)
	}
	return resp.Header, text, nil
}

// get asks for a path of the API.
func (c *Client) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	_, body, err := c.do(ctx, http.MethodGet, path, query)
	return body, err
}
