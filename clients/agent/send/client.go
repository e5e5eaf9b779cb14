package send

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/golang/snappy"
	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

const (
	// held is how much a client holds, in batches: those that wait beside the one
	// on its way.
	held = 3
	// entryCost is what an entry takes beside its bytes: empty lines take room, too.
	entryCost = 64
)

// A Client pushes entries to one server.
//
// Its life: [Client.Run] sends what an earlier process left in flight, then what
// is put, until its context ends; then it sends what it holds, each batch once.
type Client struct {
	cfg     Config
	number  int
	book    *position.Book
	ledger  *position.ClientLedger
	logger  log.Logger
	metrics *Metrics
	http    *http.Client

	wake chan struct{} // receives when there may be something to send

	mu      sync.Mutex // guards the fields below
	open    map[string]*batch
	queue   []*batch      // closed, the oldest first
	free    []*batch      // to be used again
	pending int           // cost of what is open, queued or on its way
	room    chan struct{} // closed when pending falls

	raw []byte // belongs to the goroutine that encodes
}

// New returns the client with a number in the book's list of clients. cfg was
// validated.
func New(cfg Config, number int, book *position.Book, logger log.Logger, metrics *Metrics) (*Client, error) {
	c, err := config.NewClientFromConfig(cfg.HTTP, "skald-agent")
	if err != nil {
		return nil, fmt.Errorf("client %s: %w", cfg.Name, err)
	}
	metrics.prepare(cfg.host())
	return &Client{
		cfg: cfg, number: number, book: book, ledger: book.Ledger().Client(number),
		logger:  log.With(logger, "component", "client", "client", cfg.Name, "host", cfg.host()),
		metrics: metrics,
		http:    c,
		wake:    make(chan struct{}, 1),
		open:    map[string]*batch{},
		room:    make(chan struct{}),
	}, nil
}

// Name is the client's name in logs and metrics.
func (c *Client) Name() string { return c.cfg.Name }

// Put implements [entry.Sink].
func (c *Client) Put(ctx context.Context, entries []entry.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		lines := e.Mark.Count()
		c.ledger.Handed.Add(lines)
		if c.has(&e.Mark) {
			c.ledger.Repeated.Add(lines)
			continue
		}
		for c.pending >= held*c.cfg.BatchSize {
			if err := c.waitLocked(ctx); err != nil {
				c.ledger.Handed.Add(-lines)
				return err
			}
		}
		c.addLocked(e)
	}
	return nil
}

// has reports whether an earlier process sent the entry.
func (c *Client) has(m *entry.Mark) bool {
	if m.Track == nil || !m.Track.Has(c.number, m.Range) {
		return false
	}
	for i := range m.More {
		if !c.has(&m.More[i]) {
			return false
		}
	}
	return true
}

// waitLocked waits, without the lock, until there may be room.
func (c *Client) waitLocked(ctx context.Context) error {
	if len(c.queue) == 0 {
		c.cutLocked(time.Time{}) // many tenants with a little each
	}
	room := c.room
	c.mu.Unlock()
	defer c.mu.Lock()
	c.signal()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Client) addLocked(e *entry.Entry) {
	tenant := c.tenant(e)
	size := len(e.Line) + e.Metadata.Bytes()
	b := c.open[tenant]
	if b != nil && b.bytes+size > c.cfg.BatchSize {
		c.closeLocked(b)
		b = nil
	}
	if b == nil {
		if n := len(c.free); n > 0 {
			b, c.free = c.free[n-1], c.free[:n-1]
		} else {
			b = newBatch()
		}
		b.tenant, b.began = tenant, time.Now()
		c.open[tenant] = b
		if len(c.open) == 1 {
			c.signal() // it has to be sent when it is old enough
		}
	}
	b.add(e, c.text)
	b.cost += size + entryCost
	c.pending += size + entryCost
}

// tenant is whose an entry is.
func (c *Client) tenant(e *entry.Entry) string {
	if t := e.Labels.Tenant(); t != "" {
		return t
	}
	return c.cfg.TenantID
}

// text is the labels of a stream as they are sent.
func (c *Client) text(l *entry.Labels) string {
	if len(c.cfg.ExternalLabels) == 0 {
		return l.Text()
	}
	b := labels.NewBuilder(l.Public())
	for name, value := range c.cfg.ExternalLabels {
		if !l.Has(name) {
			b.Set(name, value)
		}
	}
	return b.Labels().String()
}

func (c *Client) closeLocked(b *batch) {
	delete(c.open, b.tenant)
	c.queue = append(c.queue, b)
	c.signal()
}

func (c *Client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// cutLocked closes the batches that began before a time, or all for the zero time.
func (c *Client) cutLocked(before time.Time) {
	var old []*batch
	for _, b := range c.open {
		if before.IsZero() || !b.began.After(before) {
			old = append(old, b)
		}
	}
	slices.SortFunc(old, func(a, b *batch) int { return a.began.Compare(b.began) })
	for _, b := range old {
		c.closeLocked(b)
	}
}

// Run sends until ctx is done, then each batch that is left once, and for that
// stopping bounds the time.
func (c *Client) Run(ctx, stopping context.Context) {
	for _, f := range c.book.InFlight(c.number) {
		c.book.Ledger().Recovered.Add(f.Lines())
		c.ledger.Handed.Add(f.Lines())
		c.deliver(ctx, stopping, f, true)
	}
	flights := make(chan *prepared)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p := range flights {
			c.deliver(ctx, stopping, p.flight, false)
			c.release(p)
		}
	}()
	for b := c.next(ctx); b != nil; b = c.next(ctx) {
		flights <- c.prepare(b)
	}
	close(flights)
	<-done
}

// next waits for a batch to send. After the end of ctx it returns what there
// is, whatever its age, and nil when there is no more.
func (c *Client) next(ctx context.Context) *batch {
	for {
		c.mu.Lock()
		stopped := ctx.Err() != nil
		wait := time.Duration(-1)
		if stopped {
			c.cutLocked(time.Time{})
		} else if len(c.open) > 0 {
			c.cutLocked(time.Now().Add(-c.cfg.BatchWait))
			wait = max(c.cfg.BatchWait/10, 10*time.Millisecond)
		}
		var b *batch
		if len(c.queue) > 0 {
			b, c.queue = c.queue[0], c.queue[1:]
		}
		c.mu.Unlock()
		if b != nil || stopped {
			return b
		}
		c.await(ctx, wait)
	}
}

// await returns at a signal, after a time, or at the end of ctx.
func (c *Client) await(ctx context.Context, wait time.Duration) {
	if wait < 0 {
		select {
		case <-c.wake:
		case <-ctx.Done():
		}
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-c.wake:
	case <-t.C:
	case <-ctx.Done():
	}
}

// prepared is a batch in the form in which it is sent.
type prepared struct {
	flight *position.Flight
	batch  *batch
	cost   int
}

// prepare encodes a batch and writes it to the journal.
func (c *Client) prepare(b *batch) *prepared {
	c.raw = logproto.AppendPush(c.raw[:0], &model.Batch{Streams: b.streams})
	p := &prepared{batch: b, cost: b.cost, flight: &position.Flight{
		Client: c.number, Tenant: b.tenant, Entries: b.entries, Bytes: int64(b.bytes),
		Body: snappy.Encode(nil, c.raw), Parts: b.takeParts(),
	}}
	c.metrics.encoded.WithLabelValues(c.cfg.host()).Add(float64(len(p.flight.Body)))
	c.book.Begin(p.flight)
	return p
}

// Drain sends what the client holds and returns when that is done, or ctx is.
func (c *Client) Drain(ctx context.Context) {
	for {
		c.mu.Lock()
		c.cutLocked(time.Time{})
		left, room := c.pending, c.room
		c.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
	}
}

// release makes room for others.
func (c *Client) release(p *prepared) {
	p.batch.reset()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending -= p.cost
	if len(c.free) < held {
		c.free = append(c.free, p.batch)
	}
	close(c.room)
	c.room = make(chan struct{})
}
