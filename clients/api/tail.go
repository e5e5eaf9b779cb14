package api

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

const (
	maxFrame = 128 << 20
	// tailSilence is how long nothing may come, not even one of the pings that
	// servers send each second.
	tailSilence = time.Minute
)

// A TailQuery asks for entries as they come.
type TailQuery struct {
	Query    string
	Start    int64 // nanoseconds; entries since then come first
	Limit    int   // how many of those
	DelayFor time.Duration
	// Ping is told of each ping of the server; nil for nobody.
	Ping func()
}

// A Tail is an open connection that brings entries.
type Tail struct {
	conn *websocket.Conn
	stop func() bool
}

// Tail opens a tail. It is closed by Close, or when ctx is done.
func (c *Client) Tail(ctx context.Context, q TailQuery) (*Tail, error) {
	v := url.Values{"query": {q.Query}, "limit": {strconv.Itoa(q.Limit)}, "start": {number(q.Start)}}
	if q.DelayFor > 0 {
		v.Set("delay_for", number(int64(q.DelayFor/time.Second)))
	}
	u := c.url("/loki/api/v1/tail", v)
	u = "ws" + strings.TrimPrefix(u, "http")
	if c.cfg.Asked != nil {
		c.cfg.Asked(u)
	}
	h, err := c.cfg.header()
	if err != nil {
		return nil, err
	}
	conn, resp, err := c.dialer.DialContext(ctx, u, h)
	if err != nil {
		if resp != nil {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
			return nil, &StatusError{Code: resp.StatusCode, Status: resp.Status, Body: string(text)}
		}
		return nil, err
	}
	conn.SetReadLimit(maxFrame)
	pong := conn.PingHandler()
	conn.SetPingHandler(func(text string) error {
		if q.Ping != nil {
			q.Ping()
		}
		if err := conn.SetReadDeadline(time.Now().Add(tailSilence)); err != nil {
			return err
		}
		return pong(text)
	})
	t := &Tail{conn: conn}
	t.stop = context.AfterFunc(ctx, t.hangUp)
	return t, nil
}

// Next waits for the next frame. Its error is final; a *websocket.CloseError
// says how the server ended the tail.
func (t *Tail) Next() (*loghttp.TailFrame, error) {
	if err := t.conn.SetReadDeadline(time.Now().Add(tailSilence)); err != nil {
		return nil, err
	}
	_, text, err := t.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	f, err := loghttp.DecodeTailFrame(text)
	if err != nil {
		return nil, fmt.Errorf("read what the tail brought: %w", err)
	}
	return f, nil
}

// hangUp says goodbye and closes the connection.
func (t *Tail) hangUp() {
	_ = t.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_ = t.conn.Close()
}

// Close ends the tail.
func (t *Tail) Close() {
	if t.stop() {
		t.hangUp()
	}
}
