package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

// A dryRun prints entries instead of sending them.
type dryRun struct {
	mu     sync.Mutex // guards to
	to     io.Writer
	ledger *position.Ledger
}

// Put implements [entry.Sink].
func (d *dryRun) Put(_ context.Context, entries []entry.Entry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := bufio.NewWriter(d.to)
	for i := range entries {
		e := &entries[i]
		ts := time.Unix(0, e.Timestamp).UTC().Format("2006-01-02T15:04:05.999999999-0700")
		fmt.Fprintf(w, "%s\t%s\t%s\n", ts, e.Labels.Text(), e.Line)
		lines := e.Mark.Count()
		d.ledger.Client(0).Handed.Add(lines)
		d.ledger.Client(0).Acknowledged.Add(lines)
		e.Mark.Each(func(t *position.Track, r position.Range, lines int64) { t.Settle(0, lines, r) })
	}
	return w.Flush()
}
