package compactor

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// The windows of time within which segments are merged. A segment is in the
// window of its last row.
const (
	hours = 2 * time.Hour  // level 1
	day   = 24 * time.Hour // level 2
)

const (
	// settled is how long after its end a window counts as over: ingesters hand
	// over what they hold within minutes.
	settled = 15 * time.Minute
	// crowd is how many segments are worth a merge whatever their sizes, and
	// before their window is over.
	crowd = 8
	// maxInputs bounds the open indexes of a merge.
	maxInputs = 1024
)

// A job is one merge: inputs of one tenant become one segment.
type job struct {
	tenant string
	inputs []*catalog.Entry // by their last row
	level  int              // of the segment that comes of it
	reason string
}

func (j *job) ids() []ulid.ULID { return idsOf(j.inputs) }

func idsOf(entries []*catalog.Entry) []ulid.ULID {
	ids := make([]ulid.ULID, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	return ids
}

// A planner decides which segments to merge.
type planner struct {
	now      time.Time
	maxBytes int64
	// all takes every window for over and every merge for worth it.
	all bool
	// skip says which segments to leave alone.
	skip func(ulid.ULID) bool
	// deletes are the delete requests that count: what one of them deletes is not
	// merged with what came after it.
	deletes []*catalog.Delete
}

// A place is what segments must have in common to be merged: the window, and
// which delete requests touch them.
type place struct {
	window  int64
	touched string // a letter for each request
}

func (p *planner) place(e *catalog.Entry, span time.Duration) place {
	touched := make([]byte, len(p.deletes))
	for n, d := range p.deletes {
		touched[n] = '-'
		if d.Touches(e) {
			touched[n] = 'x'
		}
	}
	return place{window(e.Interval.Maxt, span), string(touched)}
}

// plan returns the merges for the live segments of a tenant, which share no inputs.
func (p *planner) plan(tenant string, live []*catalog.Entry) []job {
	days, halves := map[place][]*catalog.Entry{}, map[place][]*catalog.Entry{}
	for _, e := range live {
		// What has reached half of what a merge may take cannot be merged with its like.
		if e.Level == 0 && !e.Released || e.Size > p.maxBytes/2 || p.skip(e.ID) {
			continue
		}
		switch maxt := e.Interval.Maxt; {
		case p.over(maxt, day):
			w := p.place(e, day)
			days[w] = append(days[w], e)
		case e.Level <= 1:
			w := p.place(e, hours)
			halves[w] = append(halves[w], e)
		}
	}
	var jobs []job
	add := func(windows map[place][]*catalog.Entry, level int, span time.Duration, reason string) {
		for _, w := range sortedKeys(windows) {
			over := p.over(w.window*int64(span), span)
			for _, batch := range p.batches(windows[w], live) {
				if !p.worthIt(batch, over) {
					continue
				}
				j := job{tenant: tenant, inputs: batch, level: level, reason: reason}
				for _, e := range batch {
					j.level = max(j.level, e.Level)
				}
				jobs = append(jobs, j)
			}
		}
	}
	add(days, 2, day, "day")
	add(halves, 1, hours, "hours")
	return jobs
}

// window numbers the windows of a length since 1970.
func window(ts int64, length time.Duration) int64 {
	n := ts / int64(length)
	if ts%int64(length) < 0 {
		n--
	}
	return n
}

// over reports whether the window around ts has ended long enough ago.
func (p *planner) over(ts int64, length time.Duration) bool {
	return p.all || window(p.now.Add(-settled).UnixNano(), length) > window(ts, length)
}

// worthIt reports whether a merge saves more than it costs: writing a large
// segment again for the sake of a small one does not, until there are many.
func (p *planner) worthIt(batch []*catalog.Entry, over bool) bool {
	var total, largest int64
	for _, e := range batch {
		total += e.Size
		largest = max(largest, e.Size)
	}
	switch {
	case len(batch) < 2:
		return false
	case p.all, len(batch) >= crowd:
		return true
	}
	return over && total-largest >= largest/4
}

// batches cuts the segments of a window into runs that a merge can take.
func (p *planner) batches(candidates, live []*catalog.Entry) [][]*catalog.Entry {
	slices.SortFunc(candidates, func(a, b *catalog.Entry) int {
		return cmp.Or(cmp.Compare(a.Interval.Maxt, b.Interval.Maxt), a.ID.Compare(b.ID))
	})
	var out [][]*catalog.Entry
	for len(candidates) > 0 {
		n, total := 0, int64(0)
		for n < len(candidates) && n < maxInputs && (n == 0 || total+candidates[n].Size <= p.maxBytes) {
			total += candidates[n].Size
			n++
		}
		for n > 1 && between(candidates[:n], live) {
			n--
		}
		out = append(out, candidates[:n:n])
		candidates = candidates[n:]
	}
	return out
}

// between reports whether a live segment that is not in the batch stands between
// two that are in the order of arrival, so that rows could not keep their place.
// A merged segment stands where the first of its inputs did: a segment that
// arrived earlier than another input, at times that both have, would come after it.
func between(batch, live []*catalog.Entry) bool {
	in := make(map[ulid.ULID]struct{}, len(batch))
	byIngester := map[string][]arrival{}
	first, interval := uint64(math.MaxUint64), model.Nothing
	for _, e := range batch {
		in[e.ID] = struct{}{}
		interval = interval.Union(e.Interval)
		if e.Level > 0 {
			first = 0 // its sources say where it ends, and not where it begins
		}
		for _, g := range e.Sources {
			first = min(first, g.ID)
			byIngester[g.Ingester] = append(byIngester[g.Ingester], arrival{g.ID, e.Interval})
		}
	}
	for _, e := range live {
		if _, ours := in[e.ID]; ours || !e.Interval.Overlaps(interval) {
			continue
		}
		for _, g := range e.Sources {
			later := func(a arrival) bool { return a.generation > g.ID && a.interval.Overlaps(e.Interval) }
			if first < g.ID && slices.ContainsFunc(byIngester[g.Ingester], later) {
				return true
			}
		}
	}
	return false
}

// An arrival is when a segment came from an ingester, and of which time its rows are.
type arrival struct {
	generation uint64
	interval   model.Interval
}

func sortedKeys(m map[place][]*catalog.Entry) []place {
	keys := make([]place, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.window, b.window), cmp.Compare(a.touched, b.touched))
	})
	return keys
}
