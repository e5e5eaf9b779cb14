package storage

import (
	"context"
	"fmt"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// Holdings names the segments that [Store.Open] would read for an interval,
// without opening any.
func (s *Store) Holdings(ctx context.Context, tenant string, interval model.Interval, exclude []scan.Generation) (scan.Holdings, error) {
	p, err := s.pin(ctx, tenant, interval, exclude)
	if err != nil {
		return scan.Holdings{}, fmt.Errorf("list the segments of tenant %s: %w", tenant, err)
	}
	defer p.unpin()
	out := scan.Holdings{Stored: make([]scan.Held, len(p.entries))}
	for i, e := range p.entries {
		out.Stored[i] = scan.Held{ID: tenant + "/" + e.ID.String(), Interval: e.Interval}
	}
	for _, m := range p.masks {
		out.Stored = append(out.Stored, scan.Held{ID: tenant + "/" + m.ID.String() + " deletes", Interval: m.Interval})
	}
	for _, w := range p.warnings {
		// What cannot be read now may be readable later: a name of its own.
		out.Stored = append(out.Stored, scan.Held{ID: w, Interval: model.Ever})
	}
	return out, nil
}
