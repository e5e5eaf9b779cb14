package position

import (
	"maps"
	"sync"
	"sync/atomic"
)

// A Ledger counts what became of lines. A line is read once, and then it is
// dropped on its way or handed to every client, each of which gets it
// acknowledged or drops it:
//
//	Read + Recovered = Dropped + Handed + those that stages hold
//	Handed of each client = Acknowledged + Dropped + Repeated + those that wait
//
// Lines that are put off for a client were not handed to it: they are read again
// for it.
//
// Lines that an entry was joined of count one by one. A Ledger may be used by
// any number of goroutines.
type Ledger struct {
	Read      atomic.Int64 // lines read at their sources
	Recovered atomic.Int64 // lines of batches that an earlier process left in flight
	clients   []ClientLedger

	mu      sync.Mutex
	dropped map[string]int64 // by reason
}

// A ClientLedger counts what became of the lines that one client was handed.
type ClientLedger struct {
	Name         string
	Handed       atomic.Int64
	Sent         atomic.Int64 // lines of requests that were made, counted at the first try
	Acknowledged atomic.Int64
	Repeated     atomic.Int64 // lines not sent again, since the server has them
	PutOff       atomic.Int64 // lines that are read again for this client later
	TakenOver    atomic.Int64 // lines handed to it that an earlier process read

	mu      sync.Mutex
	dropped map[string]int64
}

// NewLedger returns a ledger for clients with these names.
func NewLedger(clients ...string) *Ledger {
	l := &Ledger{clients: make([]ClientLedger, len(clients)), dropped: map[string]int64{}}
	for i, name := range clients {
		l.clients[i].Name = name
		l.clients[i].dropped = map[string]int64{}
	}
	return l
}

// Client returns the ledger of a client, by its number.
func (l *Ledger) Client(i int) *ClientLedger { return &l.clients[i] }

// Clients is how many clients there are.
func (l *Ledger) Clients() int { return len(l.clients) }

// Drop counts lines that go no further.
func (l *Ledger) Drop(reason string, lines int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped[reason] += lines
}

// Dropped returns how many lines were dropped on their way, by reason.
func (l *Ledger) Dropped() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.dropped)
}

// Drop counts lines that the client gave up.
func (c *ClientLedger) Drop(reason string, lines int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped[reason] += lines
}

// Dropped returns how many lines the client gave up, by reason.
func (c *ClientLedger) Dropped() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.dropped)
}
