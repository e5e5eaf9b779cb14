package send

import (
	"context"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// A Fan gives every entry to every client. Make one with [NewFan].
type Fan []*Client

// NewFan returns a fan of clients, which know each other from then on: one that
// is behind does not hold back those that are not.
func NewFan(clients ...*Client) Fan {
	for _, c := range clients {
		c.others = clients
	}
	return clients
}

// Put implements [entry.Sink].
func (f Fan) Put(ctx context.Context, entries []entry.Entry) error {
	for _, c := range f {
		if err := c.Put(ctx, entries); err != nil {
			return err
		}
	}
	return nil
}
