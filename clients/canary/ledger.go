package canary

import (
	"slices"
	"sync"
	"time"
)

// A ledger says which entries were sent, and what became of them. An entry is
// known by the time in its line, which no other has.
type ledger struct {
	wait, maxWait time.Duration
	m             *metrics

	mu      sync.Mutex         // guards the fields below
	open    map[int64]*sent    // neither received nor given up
	settled map[int64]*settled // kept for maxWait
	newest  int64              // of what the tail brought
	replay  int64              // the tail may bring entries up to here again
}

type sent struct {
	at      time.Time
	old     bool // deliberately with a time in the past
	overdue bool // the tail did not bring it in time
}

// settled is what is over for an entry.
type settled struct {
	at     time.Time
	tailed bool // the tail brought it
}

// newLedger returns a ledger for what is written from a time on.
func newLedger(wait, maxWait time.Duration, started int64, m *metrics) *ledger {
	return &ledger{wait: wait, maxWait: maxWait, m: m, open: map[int64]*sent{}, settled: map[int64]*settled{}, replay: started}
}

// write notes that an entry is written now.
func (l *ledger) write(ts int64, now time.Time, old bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[ts] = &sent{at: now, old: old}
	l.m.entries.Inc()
}

// connected notes that a tail begins anew, which may bring what the one before
// brought.
func (l *ledger) connected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replay = max(l.replay, l.newest)
}

// received notes that the tail brought an entry.
func (l *ledger) received(ts int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, known := l.open[ts]
	if !known {
		switch before := l.settled[ts]; {
		case before != nil && !before.tailed:
			before.tailed = true // late: a query brought it first
		case ts <= l.replay:
		case before != nil:
			l.m.duplicates.Inc()
		default:
			l.m.unexpected.Inc()
		}
		return
	}
	l.m.latency.Observe(now.Sub(s.at).Seconds())
	if ts < l.newest && !s.old && !s.overdue {
		l.m.outOfOrder.Inc()
	}
	if !s.old {
		l.newest = max(l.newest, ts)
	}
	l.settleLocked(ts, now, true)
}

func (l *ledger) settleLocked(ts int64, now time.Time, tailed bool) {
	delete(l.open, ts)
	l.settled[ts] = &settled{now, tailed}
}

// overdue returns the entries that the tail should have brought by now, oldest
// first, and forgets those that were settled long ago.
func (l *ledger) overdue(now time.Time) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for ts, s := range l.settled {
		if now.Sub(s.at) > l.maxWait {
			delete(l.settled, ts)
		}
	}
	var list []int64
	for ts, s := range l.open {
		if now.Sub(s.at) < l.wait {
			continue
		}
		if !s.overdue {
			s.overdue = true
			l.m.wsMissing.Inc()
		}
		list = append(list, ts)
	}
	slices.Sort(list)
	return list
}

// queried notes which entries a query found, and gives those of list up that were
// asked for long enough. It returns these.
func (l *ledger) queried(list []int64, found map[int64]bool, now time.Time) (missing []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ts := range list {
		s, ok := l.open[ts]
		switch {
		case !ok: // the tail brought it meanwhile
		case found[ts]:
			l.settleLocked(ts, now, false)
		case now.Sub(s.at) >= l.maxWait:
			l.settleLocked(ts, now, false)
			l.m.missing.Inc()
			missing = append(missing, ts)
		}
	}
	return missing
}
