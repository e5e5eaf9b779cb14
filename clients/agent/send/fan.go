package send

import (
	"context"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// A Fan gives every entry to every client. A client that is full holds the
// others back only when it has held as much as it may.
type Fan []*Client

// Put implements [entry.Sink].
func (f Fan) Put(ctx context.Context, entries []entry.Entry) error {
	for _, c := range f {
		if err := c.Put(ctx, entries); err != nil {
			return err
		}
	}
	return nil
}
