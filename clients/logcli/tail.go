package logcli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/api"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

const (
	tailReconnects = 5
	tailMinWait    = time.Second
	tailMaxWait    = 10 * time.Second
)

// runTail prints entries as they come, until it is interrupted. A connection
// that breaks is opened again where it was, up to five times in a row.
func (c *cli) runTail(ctx context.Context) error {
	f := &c.flags
	if f.delayFor < 0 {
		return usageError("--delay-for must be 0 or more")
	}
	limit := f.limit
	if limit <= 0 {
		limit = loghttp.DefaultLimit
	}
	c.tellFilters()
	t := &tailing{
		open: func(ctx context.Context, start int64) (frames, error) {
			return c.client.Tail(ctx, api.TailQuery{Query: f.query, Start: start, Limit: limit, DelayFor: time.Duration(f.delayFor) * time.Second})
		},
		print: c.printFrame, told: c.logf,
		wait: func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		last: c.now.Add(-f.since).UnixNano(),
	}
	return t.run(ctx)
}

// frames is an open tail.
type frames interface {
	Next() (*loghttp.TailFrame, error)
	Close()
}

// A tailing follows a query over as many connections as it takes.
type tailing struct {
	open  func(ctx context.Context, start int64) (frames, error)
	print func(*loghttp.TailFrame) error
	told  func(format string, args ...any)
	wait  func(context.Context, time.Duration) error

	last    int64            // the newest time that was seen, or where to begin
	printed map[tailKey]bool // the entries of that time
}

type tailKey struct{ labels, line string }

func (t *tailing) run(ctx context.Context) error {
	conn, err := t.open(ctx, t.last)
	if err != nil {
		return err
	}
	for {
		err := t.follow(conn)
		conn.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !mayReconnect(err) {
			return fmt.Errorf("Error reading stream: %w", err)
		}
		t.told("the tail broke: %v", err)
		if conn, err = t.reconnect(ctx); err != nil {
			return err
		}
	}
}

func (t *tailing) reconnect(ctx context.Context) (frames, error) {
	pause := tailMinWait
	for n := 1; ; n++ {
		if err := t.wait(ctx, pause); err != nil {
			return nil, err
		}
		conn, err := t.open(ctx, t.last)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if n == tailReconnects {
			return nil, fmt.Errorf("reconnect the tail, %d times: %w", n, err)
		}
		t.told("reconnect the tail: %v", err)
		pause = min(2*pause, tailMaxWait)
	}
}

// follow prints what a connection brings, until its error.
func (t *tailing) follow(conn frames) error {
	for {
		f, err := conn.Next()
		if err != nil {
			return err
		}
		t.forget(f)
		if err := t.print(f); err != nil {
			return writeError{err}
		}
	}
}

// forget takes out of a frame what an earlier connection brought, and remembers
// the newest entries for the next one.
func (t *tailing) forget(f *loghttp.TailFrame) {
	for i := range f.Streams {
		s := &f.Streams[i]
		var kept []loghttp.Entry
		name := s.Labels.String()
		for _, e := range s.Entries {
			key := tailKey{name, e.Line}
			if e.Timestamp == t.last && t.printed[key] {
				continue
			}
			if e.Timestamp > t.last || t.printed == nil {
				t.last, t.printed = max(t.last, e.Timestamp), map[tailKey]bool{}
			}
			if e.Timestamp == t.last {
				t.printed[key] = true
			}
			kept = append(kept, e)
		}
		s.Entries = kept
	}
}

// A writeError says that results could not be written.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

// mayReconnect reports whether a tail that ended so is opened again: the
// connection broke, or the server ended it because it stops or has served long
// enough.
func mayReconnect(err error) bool {
	if errors.As(err, new(writeError)) || errors.Is(err, loghttp.ErrMalformed) {
		return false
	}
	var closed *websocket.CloseError
	if errors.As(err, &closed) {
		switch closed.Code {
		case websocket.CloseAbnormalClosure, websocket.CloseGoingAway, websocket.CloseServiceRestart, websocket.CloseTryAgainLater:
			return true
		}
		return closed.Text == "reached tail max duration limit"
	}
	var network net.Error
	return errors.As(err, &network)
}

// printFrame prints a frame of a tail. Labels that entries share are printed with
// each: what is common to all is not known yet.
func (c *cli) printFrame(f *loghttp.TailFrame) error {
	var text []byte
	for i := range f.Streams {
		text = c.print.append(text, entriesOf(f.Streams[i:i+1], true), labels.EmptyLabels())
	}
	if len(text) > 0 {
		if err := c.write(text); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	if n := max(f.DroppedCount, len(f.Dropped)); n > 0 {
		c.logf("the server left %d entries out because they were not taken fast enough, among them:", n)
		for _, d := range f.Dropped {
			c.logf("left out: %s %s", time.Unix(0, d.Timestamp).In(c.print.zone).Format(time.RFC3339Nano), d.Labels)
		}
	}
	return nil
}
