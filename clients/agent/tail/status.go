package tail

import (
	"strconv"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// Status tells what is read, a status for each file.
func (t *Tailer) Status() []entry.Status {
	all := t.all()
	out := make([]entry.Status, 0, len(all))
	for _, s := range all {
		out = append(out, s.status())
	}
	return out
}

func (s *stream) status() entry.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := entry.Status{Job: s.job, Type: "File", Details: []entry.Detail{{Name: "path", Value: s.path}}}
	if s.target == nil {
		return st
	}
	st.Discovered, st.Labels = s.target.Discovered, s.labels.All()
	st.Ready = len(s.gens) > 0
	for _, g := range s.gens {
		c := g.track.Count()
		unread := int64(0)
		if g.format == Plain {
			unread = max(0, g.id.size-g.next)
		}
		st.LagBytes += unread
		name := g.name
		if g.drained {
			name += " (read to its end)"
		}
		st.Details = append(st.Details, entry.Detail{Name: "file", Value: name},
			entry.Detail{Name: "offset", Value: strconv.FormatInt(g.next, 10)},
			entry.Detail{Name: "acknowledged offset", Value: strconv.FormatInt(g.track.Low(), 10)},
			entry.Detail{Name: "lines read", Value: strconv.FormatInt(c.Read, 10)})
		for reason, n := range c.Dropped {
			st.Details = append(st.Details, entry.Detail{Name: "lines dropped, " + reason, Value: strconv.FormatInt(n, 10)})
		}
		for i, n := range c.Acknowledged {
			st.Details = append(st.Details, entry.Detail{Name: "lines acknowledged to " + g.track.Ledger().Client(i).Name, Value: strconv.FormatInt(n, 10)})
			if n := c.GaveUp[i]; n > 0 {
				st.Details = append(st.Details, entry.Detail{Name: "lines dropped by " + g.track.Ledger().Client(i).Name, Value: strconv.FormatInt(n, 10)})
			}
		}
	}
	return st
}
