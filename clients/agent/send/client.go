package send

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/golang/snappy"
	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

const (
	// spare is how many batches a client holds beside those on their way.
	spare = 2
	// entryCost is what an entry takes beside its bytes: empty lines take room, too.
	entryCost = 64
	// patience is how long a client whose server answers may hold back others that
	// have nothing to do, before what it cannot take goes to disk.
	patience = time.Second
)

// A Client pushes entries to one server.
//
// Its life: [Client.Run] sends what an earlier process left in flight, then what
// is put, until its context ends; then it sends what it holds, each batch once.
type Client struct {
	cfg     Config
	number  int
	book    *position.Book
	disk    *position.Queue // nil: what has no room waits at its source
	ledger  *position.ClientLedger
	logger  log.Logger
	metrics *Metrics
	http    *http.Client
	lanes   []*lane
	behind  chan struct{} // closed when what was put off can be read again
	others  Fan
	load    atomic.Int64 // pending, for the others to see

	mu      sync.Mutex // guards the fields below, and those of lanes
	free    []*batch   // to be used again
	pending int        // cost of what is open, queued or on its way
	failing int        // lanes whose last try failed
	putOff  bool       // some lines were left for later
	told    bool       // behind is closed
	full    time.Time  // since when there was little room; zero: there is enough
	room    chan struct{}
	raw     []byte // for batches that go to disk
	trouble string // what was last said of those
}

// New returns the client with a number in the book's list of clients. cfg was
// validated.
func New(cfg Config, number int, book *position.Book, logger log.Logger, metrics *Metrics) (*Client, error) {
	h, err := config.NewClientFromConfig(cfg.HTTP, "skald-agent")
	if err != nil {
		return nil, fmt.Errorf("client %s: %w", cfg.Name, err)
	}
	metrics.prepare(cfg.host())
	c := &Client{
		cfg: cfg, number: number, book: book, disk: book.Queue(number), ledger: book.Ledger().Client(number),
		logger:  log.With(logger, "component", "client", "client", cfg.Name, "host", cfg.host()),
		metrics: metrics,
		http:    h,
		behind:  make(chan struct{}),
		room:    make(chan struct{}),
	}
	for i := range max(1, cfg.MaxInFlight) {
		c.lanes = append(c.lanes, &lane{Client: c, number: i, wake: make(chan struct{}, 1), open: map[string]*batch{}})
	}
	return c, nil
}

// Name is the client's name in logs and metrics.
func (c *Client) Name() string { return c.cfg.Name }

// Behind is closed when the client has sent all it was given after lines were put
// off for it: now their sources have to be read again from their positions.
func (c *Client) Behind() <-chan struct{} { return c.behind }

// Put implements [entry.Sink].
func (c *Client) Put(ctx context.Context, entries []entry.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		lines := e.Mark.Count()
		if c.has(&e.Mark) {
			c.ledger.Handed.Add(lines)
			c.ledger.Repeated.Add(lines)
			continue
		}
		room, err := c.makeRoomLocked(ctx, &e.Mark)
		if err != nil {
			return err
		}
		if !room {
			c.ledger.PutOff.Add(lines)
			continue
		}
		c.ledger.Handed.Add(lines)
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

// lasts reports whether an entry is read again when it is put off.
func lasts(m *entry.Mark) bool {
	if m.Track == nil || !m.Track.Lasts() {
		return false
	}
	return !slices.ContainsFunc(m.More, func(o entry.Mark) bool { return !lasts(&o) })
}

// makeRoomLocked returns true once there is room for an entry: in memory, where
// need be by moving batches to disk. It returns false when the entry is put off,
// which is what becomes of those for a server that is away when the disk's share
// is full, too.
func (c *Client) makeRoomLocked(ctx context.Context, m *entry.Mark) (bool, error) {
	for {
		again := lasts(m)
		switch {
		case c.putOff && again:
			return false, nil
		case c.pending < c.limit():
			return true, nil
		case c.disk == nil:
		case c.holdsBackLocked() && c.spillLocked():
			continue
		case c.failing > 0 && again:
			c.putOff = true
			level.Warn(c.logger).Log("msg", "the server is away and the client's queue has no room; the others go on, and files are read again for this one when it is back",
				"queue_bytes", c.disk.Bytes())
			continue
		}
		if err := c.waitLocked(ctx); err != nil {
			return false, err
		}
	}
}

// limit is how much a client holds in memory, as cost.
func (c *Client) limit() int { return (len(c.lanes) + spare) * c.cfg.BatchSize }

// holdsBackLocked reports whether what has no room should go to disk, since
// waiting for this client would hold back the others.
func (c *Client) holdsBackLocked() bool {
	if c.full.IsZero() {
		c.full = time.Now()
	}
	if c.failing > 0 || !c.disk.Empty() {
		return true
	}
	return time.Since(c.full) >= patience &&
		slices.ContainsFunc(c.others, func(o *Client) bool { return o != c && o.load.Load() < int64(o.limit()/2) })
}

// heldLocked changes how much the client holds.
func (c *Client) heldLocked(more int) {
	c.pending += more
	c.load.Store(int64(c.pending))
	if c.pending < c.limit()/2 {
		c.full = time.Time{}
	}
}

// waitLocked waits, without the lock, until there may be room, or until it is
// time to look at the others again.
func (c *Client) waitLocked(ctx context.Context) error {
	if !slices.ContainsFunc(c.lanes, func(l *lane) bool { return len(l.queue) > 0 }) {
		for _, l := range c.lanes {
			l.cutLocked(time.Time{}) // many tenants with a little each
		}
	}
	room := c.room
	c.mu.Unlock()
	defer c.mu.Lock()
	var late <-chan time.Time
	if c.disk != nil {
		t := time.NewTimer(patience)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-room:
		return nil
	case <-late:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spillLocked moves the oldest batch of the lane that holds the most to disk, and
// reports whether there was one, and room.
func (c *Client) spillLocked() bool {
	if c.disk.Full() {
		return false
	}
	l := slices.MaxFunc(c.lanes, func(a, b *lane) int { return len(a.queue) - len(b.queue) })
	if len(l.queue) == 0 {
		for _, l := range c.lanes {
			l.cutLocked(time.Time{})
		}
		if l = slices.MaxFunc(c.lanes, func(a, b *lane) int { return len(a.queue) - len(b.queue) }); len(l.queue) == 0 {
			return false
		}
	}
	return l.spillLocked()
}

func (c *Client) addLocked(e *entry.Entry) {
	l := c.lanes[e.Labels.Family()%uint64(len(c.lanes))]
	tenant := c.tenant(e)
	size := len(e.Line) + e.Metadata.Bytes()
	b := l.open[tenant]
	if b != nil && b.bytes+size > c.cfg.BatchSize {
		l.closeLocked(b)
		b = nil
	}
	if b == nil {
		if n := len(c.free); n > 0 {
			b, c.free = c.free[n-1], c.free[:n-1]
		} else {
			b = newBatch()
		}
		b.tenant, b.began = tenant, time.Now()
		l.open[tenant] = b
		if len(l.open) == 1 {
			l.signal() // it has to be sent when it is old enough
		}
	}
	b.add(e, c.text)
	b.cost += size + entryCost
	c.heldLocked(size + entryCost)
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

// Run sends until ctx is done, then each batch that is left once, and for that
// stopping bounds the time. Behind one that fails then, none of its lane is sent.
func (c *Client) Run(ctx, stopping context.Context) {
	ok := true
	for _, f := range c.book.InFlight(c.number) {
		c.takeOver(f.Lines())
		ok = ok && c.deliver(ctx, stopping, f, true)
	}
	ok = ok && c.sendEarlier(ctx, stopping)
	var lanes sync.WaitGroup
	for _, l := range c.lanes {
		lanes.Go(func() { l.run(ctx, stopping, ok) })
	}
	lanes.Wait()
}

// takeOver counts lines that an earlier process read.
func (c *Client) takeOver(lines int64) {
	c.ledger.TakenOver.Add(lines)
	c.ledger.Handed.Add(lines)
}

// sendEarlier sends the batches that an earlier process left on disk, before any
// other, and reports whether none is left.
func (c *Client) sendEarlier(ctx, stopping context.Context) bool {
	for c.disk != nil && c.disk.Left(position.EarlierLane) > 0 {
		if ctx.Err() != nil {
			return false
		}
		f := c.take(position.EarlierLane)
		if f == nil {
			break
		}
		c.takeOver(f.Lines())
		if !c.deliver(ctx, stopping, f, false) {
			return false
		}
		c.settled(0, nil)
	}
	return true
}

// take returns the next batch of a lane that is on disk, or nil.
func (c *Client) take(lane int) *position.Flight {
	for {
		f, lines, err := c.disk.Take(lane)
		if err == nil {
			return f
		}
		level.Error(c.logger).Log("msg", "a batch on disk is damaged; its lines are read again, where their files are still there", "err", err, "lines", lines)
		c.mu.Lock()
		c.putOff = true
		c.mu.Unlock()
		if lane != position.EarlierLane {
			c.ledger.Handed.Add(-lines)
			c.ledger.PutOff.Add(lines)
		}
	}
}

// flight encodes a batch with raw, which it may let grow.
func (c *Client) flight(b *batch, raw *[]byte) *position.Flight {
	*raw = logproto.AppendPush((*raw)[:0], &model.Batch{Streams: b.streams})
	f := &position.Flight{
		Client: c.number, Tenant: b.tenant, Entries: b.entries, Bytes: int64(b.bytes),
		Body: snappy.Encode(nil, *raw), Parts: b.takeParts(),
	}
	c.metrics.encoded.WithLabelValues(c.cfg.host()).Add(float64(len(f.Body)))
	return f
}

// Drain sends what the client holds and returns when that is done, or ctx is.
func (c *Client) Drain(ctx context.Context) {
	for {
		c.mu.Lock()
		for _, l := range c.lanes {
			l.cutLocked(time.Time{})
		}
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

// settled is told that a batch is done with, and makes room for others. b is nil
// when the batch was on disk.
func (c *Client) settled(cost int, b *batch) {
	if b != nil {
		b.reset()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heldLocked(-cost)
	if b != nil && len(c.free) < len(c.lanes)+spare {
		c.free = append(c.free, b)
	}
	c.wakeLocked()
	if c.putOff && !c.told && c.pending == 0 && c.disk.Empty() && c.failing == 0 {
		c.told = true
		close(c.behind)
	}
}

// wakeLocked has those look again who wait for room.
func (c *Client) wakeLocked() {
	close(c.room)
	c.room = make(chan struct{})
}

// fails is told whether the last try of a lane failed.
func (c *Client) fails(was *bool, now bool) {
	if *was == now {
		return
	}
	*was = now
	c.mu.Lock()
	defer c.mu.Unlock()
	if now {
		c.failing++
		c.wakeLocked()
	} else {
		c.failing--
	}
}
