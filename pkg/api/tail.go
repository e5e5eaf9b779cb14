package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/gorilla/websocket"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/querier"
)

const (
	pingPeriod  = time.Second
	pongWait    = 10 * time.Second // a client that is silent for longer is gone
	busyWait    = time.Minute      // … unless frames are on their way to it, behind which our pings may wait
	writeWait   = 10 * time.Second // for what is on its way when a tail ends
	frameLimit  = 100              // entries of a frame
	maxIncoming = 1 << 10          // bytes of a message from a client, which has nothing to say
	maxReason   = 120              // bytes of the text of a close frame
)

// errTailTooLong is why a tail is ended.
var errTailTooLong = errors.New("reached tail max duration limit")

// tails counts the tails of each tenant.
type tails struct {
	mu       sync.Mutex // guards byTenant
	byTenant map[string]int
}

// begin counts one more tail, unless the tenant has limit of them; 0 is no limit.
func (t *tails) begin(tenant string, limit int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := t.byTenant[tenant]; limit > 0 && n >= limit {
		return badRequest(fmt.Errorf("max concurrent tail requests limit exceeded, count > limit (%d > %d)", n+1, limit))
	}
	if t.byTenant == nil {
		t.byTenant = map[string]int{}
	}
	t.byTenant[tenant]++
	return nil
}

func (t *tails) end(tenant string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byTenant[tenant]--; t.byTenant[tenant] == 0 {
		delete(t.byTenant, tenant)
	}
}

// upgrader takes connections from any origin: a tenant is named by a header, not
// by a cookie that a browser adds by itself.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// tail serves /loki/api/v1/tail and, with its frames, /api/prom/tail.
func (a *API) tail(appendFrame func([]byte, *loghttp.TailFrame) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant, req, expr, err := a.tailRequest(w, r)
		if err == nil {
			err = a.tails.begin(tenant, a.limits.For(tenant).MaxConcurrentTailRequests)
		}
		if err != nil {
			a.fail(w, r, err, false)
			return
		}
		defer a.tails.end(tenant)
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // the upgrader has answered
		}
		s := &tailing{
			api: a, conn: conn, appendFrame: appendFrame,
			categorize: loghttp.WantsCategories(r.Header.Get(loghttp.EncodingFlagsHeader)),
		}
		s.serve(r.Context(), tenant, req, expr)
	}
}

// tailRequest reads a request, as far as it can be refused before it becomes a
// websocket.
func (a *API) tailRequest(w http.ResponseWriter, r *http.Request) (string, *querier.TailRequest, syntax.Expr, error) {
	tenant, err := a.oneTenant(r)
	if err != nil {
		return "", nil, nil, err
	}
	f, err := a.form(w, r)
	if err != nil {
		return "", nil, nil, err
	}
	p, err := loghttp.ParseTailRequest(f, a.now())
	if err != nil {
		return "", nil, nil, err
	}
	text := p.Query
	if filter := f.Get("regexp"); filter != "" {
		if text, err = legacyText(text, filter); err != nil {
			return "", nil, nil, err
		}
	}
	expr, err := syntax.Parse(text)
	if err != nil {
		return "", nil, nil, err
	}
	// A tail has no end: how long a query may be does not matter.
	q := &question{Request: r, tenants: []string{tenant}}
	d, err := a.admit(q, text, expr, engine.Params{Start: p.Start, End: p.Start, Step: time.Second, Limit: p.Limit})
	if err != nil {
		return "", nil, nil, err
	}
	return tenant, &querier.TailRequest{Start: d.Params.Start, Limit: p.Limit, Delay: p.Delay}, expr, nil
}

// A tailing is one tail's connection.
type tailing struct {
	api         *API
	conn        *websocket.Conn
	appendFrame func([]byte, *loghttp.TailFrame) []byte
	categorize  bool

	mu       sync.Mutex // guards the fields below, and the connection's read deadline
	heard    time.Time  // when the last pong came
	answered time.Time  // when the ping was made that it answers
	sent     time.Time  // when the system had taken a frame
	sending  bool       // a frame is on its way to the system
}

// serve sends entries until the client goes, or something ends the tail; then it
// says what.
func (s *tailing) serve(ctx context.Context, tenant string, req *querier.TailRequest, expr syntax.Expr) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if d := s.api.cfg.TailMaxDuration; d > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, d, errTailTooLong)
		defer stop()
	}
	s.patience(func(now time.Time) { s.heard, s.answered = now, now })
	var work sync.WaitGroup
	work.Go(func() { cancel(s.listen()) })
	work.Go(func() { s.ping(ctx) })
	sent := make(chan struct{})
	work.Go(func() { s.cut(ctx, sent) })

	err := s.send(ctx, tenant, req, expr)
	close(sent)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	s.close(err)
	cancel(nil)
	work.Wait()
}

// errGone is of clients that have closed the connection, or lost it.
var errGone = errors.New("the client is gone")

// listen reads what the client sends, pongs among it, until it is gone.
func (s *tailing) listen() error {
	s.conn.SetReadLimit(maxIncoming)
	s.conn.SetPongHandler(func(ping string) error {
		s.patience(func(now time.Time) {
			s.heard, s.answered = now, now
			if ns, err := strconv.ParseInt(ping, 10, 64); err == nil {
				s.answered = time.Unix(0, ns)
			}
		})
		return nil
	})
	for {
		if _, _, err := s.conn.NextReader(); err != nil {
			return errGone
		}
	}
}

// patience takes down what has happened, and how long the client may be silent now.
func (s *tailing) patience(happened func(now time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	happened(time.Now())
	// The connection below: unlike the websocket it may be told this while another
	// goroutine reads.
	_ = s.conn.NetConn().SetReadDeadline(s.goneLocked())
}

// goneLocked is when a client is gone of which nothing was heard meanwhile. One that
// reads more slowly than entries come has megabytes of them before our next ping, and
// is not gone for that; nor is one for which the system takes no more of a frame until
// it has read a good part of those.
func (s *tailing) goneLocked() time.Time {
	if s.sending || s.sent.After(s.answered) {
		return s.heard.Add(busyWait)
	}
	return s.heard.Add(pongWait)
}

// ping keeps the connection in use, and finds out whether the client is there.
func (s *tailing) ping(ctx context.Context) {
	tick := time.NewTicker(pingPeriod)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			// It may wait for a frame. Whether the client is gone the reader finds out.
			_ = s.conn.WriteControl(websocket.PingMessage, strconv.AppendInt(nil, now.UnixNano(), 10), time.Now().Add(busyWait))
		case <-ctx.Done():
			return
		}
	}
}

// cut ends the connection if a frame is still on its way some time after the tail
// had to end.
func (s *tailing) cut(ctx context.Context, sent <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-sent:
		return
	}
	late := time.NewTimer(writeWait)
	defer late.Stop()
	select {
	case <-late.C:
		_ = s.conn.NetConn().Close()
	case <-sent:
	}
}

func (s *tailing) send(ctx context.Context, tenant string, req *querier.TailRequest, expr syntax.Expr) error {
	var ok bool
	if req.Query, ok = expr.(*syntax.LogSelector); !ok {
		return badRequest(errNotLogs)
	}
	t, err := s.api.querier.Tail(ctx, tenant, req)
	if err != nil {
		return err
	}
	defer t.Close()
	var text []byte
	for {
		b, err := t.Next(ctx, frameLimit)
		if err != nil {
			return err
		}
		text = s.appendFrame(text[:0], s.frame(b))
		s.patience(func(time.Time) { s.sending = true })
		if err := s.conn.SetWriteDeadline(time.Now().Add(busyWait)); err != nil {
			return errGone
		}
		if err := s.conn.WriteMessage(websocket.TextMessage, text); err != nil {
			return errGone
		}
		s.patience(func(now time.Time) { s.sending, s.sent = false, now })
	}
}

// frame makes a stream of every entry, which keeps them in their order.
func (s *tailing) frame(b *querier.TailBatch) *loghttp.TailFrame {
	f := &loghttp.TailFrame{Streams: make(loghttp.Streams, len(b.Entries)), DroppedCount: b.DroppedCount, Categorized: s.categorize}
	for i, e := range b.Entries {
		entry := loghttp.Entry{Timestamp: e.Timestamp, Line: e.Line}
		ls := e.Labels.All
		if s.categorize {
			ls, entry.Structured, entry.Parsed = e.Labels.Stream, e.Labels.Metadata, e.Labels.Parsed
		}
		f.Streams[i] = loghttp.Stream{Labels: ls, Entries: []loghttp.Entry{entry}}
	}
	for _, d := range b.Dropped {
		f.Dropped = append(f.Dropped, loghttp.DroppedEntry(d))
	}
	return f
}

// close tells the client why the tail ends, and ends the connection.
func (s *tailing) close(err error) {
	if !errors.Is(err, errGone) {
		reason := err.Error()
		if len(reason) > maxReason {
			reason = reason[:maxReason]
		}
		if statusOf(err) >= http.StatusInternalServerError && !errors.Is(err, errTailTooLong) && !errors.Is(err, context.Canceled) {
			level.Error(s.api.logger).Log("msg", "a tail failed", "err", err)
		}
		frame := websocket.FormatCloseMessage(websocket.CloseInternalServerErr, strings.ToValidUTF8(reason, ""))
		_ = s.conn.WriteControl(websocket.CloseMessage, frame, time.Now().Add(writeWait))
	}
	_ = s.conn.Close()
}
