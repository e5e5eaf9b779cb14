package distributor

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
)

// MaxRowBytes is how large an entry may be whatever the limits say: what one
// block of the store can hold.
const MaxRowBytes = 64 << 20

// maxRowPairs is how much metadata an entry may have whatever the limits say.
const maxRowPairs = 1 << 16

// detectedLevel is the name of the metadata that carries an entry's level.
const detectedLevel = "detected_level"

// A push is a request on its way through the distributor, with the room it
// needs. It is pooled.
type push struct {
	req   *Request
	batch model.Batch // what is accepted: canonical labels, final entries
	// streams are those of batch; origin is where each stands in the request.
	streams []*parsedStream
	origin  []int
	keys    []uint32
	// pairs holds the metadata of accepted entries. A slice of it stays true
	// when it grows.
	pairs []labels.Label

	entries, bytes int // of batch, as limits count them
	metadataBytes  int
	byPolicy       map[string]policyCount // the same, where the tenant has policies
	rejections     []model.Rejection
}

var pushes = sync.Pool{New: func() any { return new(push) }}

func newPush(req *Request) *push {
	p := pushes.Get().(*push)
	p.req = req
	p.batch.Tenant = req.Batch.Tenant
	return p
}

// maxPooledPairs keeps one huge push from holding its room for ever.
const maxPooledPairs = 1 << 18

// free releases the request and returns p to its pool.
func (p *push) free() {
	if p.req.Release != nil {
		p.req.Release()
	}
	clear(p.batch.Streams)
	clear(p.streams)
	pairs := p.pairs[:0]
	if cap(pairs) > maxPooledPairs {
		pairs = nil
	}
	clear(pairs[:cap(pairs)])
	*p = push{
		batch:   model.Batch{Streams: p.batch.Streams[:0]},
		streams: p.streams[:0],
		origin:  p.origin[:0],
		keys:    p.keys[:0],
		pairs:   pairs,
	}
	pushes.Put(p)
}

// blocked reports that the tenant's writes are stopped, or nil.
func blocked(l *limits.Limits, p *push, now time.Time) *model.Rejection {
	until := time.Time(l.BlockIngestionUntil)
	if !until.After(now) {
		return nil
	}
	return &model.Rejection{
		Class:  model.Blocked,
		Reason: "blocked_ingestion",
		Text: fmt.Sprintf("ingestion blocked for user %s until '%s' with status code '%d' (block_ingestion_until)",
			p.batch.Tenant, until.Format(time.RFC3339), l.BlockIngestionStatusCode),
		Errors:  1,
		Entries: p.req.Batch.Entries(),
		Bytes:   p.req.Batch.Bytes(),
	}
}

// validate fills p.batch with the entries that keep to the tenant's limits, and
// p.rejections with what the others broke.
func (d *Distributor) validate(p *push, t *tenantRules, now time.Time) error {
	// Label text comes first, for all streams: if one is wrong nothing is stored.
	for n := range p.req.Batch.Streams {
		s := &p.req.Batch.Streams[n]
		if len(s.Entries) == 0 {
			continue
		}
		parsed, err := d.parse(p.batch.Tenant, s.Labels, t)
		if err != nil {
			return &LabelsError{Text: s.Labels, Err: err}
		}
		p.streams = append(p.streams, parsed)
		p.origin = append(p.origin, n)
	}

	v := validator{push: p, rules: t, now: now}
	v.oldest, v.newest = minTime, maxTime
	if t.limits.RejectOldSamples && t.limits.RejectOldSamplesMaxAge > 0 {
		v.oldest = now.Add(-time.Duration(t.limits.RejectOldSamplesMaxAge)).UnixNano()
	}
	if t.limits.CreationGracePeriod > 0 {
		v.newest = now.Add(time.Duration(t.limits.CreationGracePeriod)).UnixNano()
	}
	kept := 0
	for n, parsed := range p.streams {
		v.from = p.origin[n]
		entries := v.stream(parsed, p.req.Batch.Streams[v.from].Entries)
		if len(entries) == 0 {
			continue
		}
		p.streams[kept], p.origin[kept] = parsed, p.origin[n]
		p.keys = append(p.keys, parsed.token)
		p.batch.Streams = append(p.batch.Streams, model.Stream{Labels: parsed.text, Hash: parsed.hash, Entries: entries})
		kept++
	}
	p.streams, p.origin = p.streams[:kept], p.origin[:kept]
	return nil
}

const (
	minTime = -1 << 63
	maxTime = 1<<63 - 1
)

// A validator checks the entries of one push.
type validator struct {
	*push
	rules          *tenantRules
	now            time.Time
	oldest, newest int64 // acceptable timestamps
	from           int   // the stream in the request that is checked
	last           int   // the rejection that was last counted
}

// stream returns the entries that are accepted, in the place of all.
func (v *validator) stream(s *parsedStream, entries []model.Entry) []model.Entry {
	refused := s.refused
	if refused == nil {
		refused = v.blocked(s)
	}
	if refused != nil {
		for n := range entries {
			v.refuse(&entries[n], refused.Reason, func() string { return refused.Text })
			v.rejections[v.last].Class = refused.Class
			v.tell(n)
		}
		return nil
	}
	l := v.rules.limits
	kept := entries[:0]
	var sent int64 // timestamp of the last one kept, before it was moved
	for n := range entries {
		e := &entries[n]
		if !v.entry(s, e) {
			v.tell(n)
			continue
		}
		v.entries++
		v.bytes += e.Bytes()
		v.metadataBytes += e.Metadata.Bytes()
		v.count(s, e)
		if l.IncrementDuplicateTimestamp {
			own := e.Timestamp
			if len(kept) > 0 && own == sent {
				last := &kept[len(kept)-1]
				e.Timestamp = last.Timestamp
				if last.Line != e.Line {
					e.Timestamp++
				}
			}
			sent = own
		}
		v.derive(s, e)
		kept = append(kept, *e)
	}
	return kept
}

// entry checks an entry and brings its line and metadata into the form that is
// stored.
func (v *validator) entry(s *parsedStream, e *model.Entry) bool {
	l := v.rules.limits
	switch {
	case e.Timestamp < v.oldest:
		return v.refuse(e, "greater_than_max_sample_age", func() string {
			return fmt.Sprintf("entry for stream '%s' has timestamp too old: %s, oldest acceptable timestamp is: %s", s.text, rfc3339(e.Timestamp), rfc3339(v.oldest))
		})
	case e.Timestamp > v.newest:
		return v.refuse(e, "too_far_in_future", func() string {
			return fmt.Sprintf("entry for stream '%s' has timestamp too new: %s", s.text, rfc3339(e.Timestamp))
		})
	}
	if limit := l.MaxLineSize.Int(); limit > 0 && len(e.Line) > limit {
		if !l.MaxLineSizeTruncate {
			return v.refuse(e, "line_too_long", func() string {
				return fmt.Sprintf("max entry size '%d' bytes exceeded for stream '%s' while adding an entry with length '%d' bytes (max_line_size)", limit, s.text, len(e.Line))
			})
		}
		e.Line = truncate(e.Line, limit, l.MaxLineSizeTruncateIdentifier)
	}
	if len(e.Metadata) > 0 && !v.metadata(s, e) {
		return false
	}
	if e.Bytes() > MaxRowBytes {
		return v.refuse(e, "line_too_long", func() string {
			return fmt.Sprintf("entry for stream '%s' has %d bytes; no entry may have more than %d", s.text, e.Bytes(), MaxRowBytes)
		})
	}
	return true
}

// metadata checks structured metadata, and gives names and values the form that
// is stored.
func (v *validator) metadata(s *parsedStream, e *model.Entry) bool {
	l := v.rules.limits
	if !l.AllowStructuredMetadata {
		return v.refuse(e, "disallowed_structured_metadata", func() string {
			return fmt.Sprintf("stream '%s' includes structured metadata, but this feature is disallowed (allow_structured_metadata): send it in the line, or as labels", s.text)
		})
	}
	if limit := l.MaxStructuredMetadataSize.Int(); limit > 0 && e.Metadata.Bytes() > limit {
		return v.refuse(e, "structured_metadata_too_large", func() string {
			return fmt.Sprintf("stream '%s' has structured metadata too large: '%d' bytes, limit: '%d' bytes (max_structured_metadata_size); reduce its size or ask your operator for more", s.text, e.Metadata.Bytes(), limit)
		})
	}
	limit := l.MaxStructuredMetadataEntriesCount
	if limit <= 0 || limit > maxRowPairs {
		limit = maxRowPairs
	}
	if len(e.Metadata) > limit {
		return v.refuse(e, "structured_metadata_too_many", func() string {
			return fmt.Sprintf("stream '%s' has too many structured metadata labels: '%d', limit: '%d' (max_structured_metadata_entries_count); send fewer or ask your operator for more", s.text, len(e.Metadata), limit)
		})
	}
	m, err := model.SanitizeMetadata(e.Metadata)
	if err != nil {
		return v.refuse(e, "invalid_structured_metadata", func() string {
			return fmt.Sprintf("entry for stream '%s' has structured metadata that cannot be stored: %v", s.text, err)
		})
	}
	e.Metadata = m
	return true
}

// derive adds what Skald finds out by itself: the level, and the fields that the
// operator asked for. It is not part of what limits count, and is left out of an
// entry that no block could hold with it.
func (v *validator) derive(s *parsedStream, e *model.Entry) {
	l := v.rules.limits
	if !s.derive || !l.AllowStructuredMetadata {
		return
	}
	sent := e.Metadata
	if l.DiscoverLogLevels {
		level := v.rules.levels.Detect(s.level, s.hasLevel, e.Metadata, e.Line)
		first := len(v.pairs)
		v.pairs = append(v.pairs, e.Metadata...)
		own := v.pairs[first:]
		if i := slices.IndexFunc(own, func(p labels.Label) bool { return p.Name == detectedLevel }); i >= 0 {
			own[i].Value = level
		} else {
			v.pairs = append(v.pairs, labels.Label{Name: detectedLevel, Value: level})
		}
		e.Metadata = model.Metadata(v.pairs[first:len(v.pairs):len(v.pairs)])
	}
	if v.rules.fields != nil {
		e.Metadata = v.rules.fields.Append(e.Metadata, s.labels, e.Line)
	}
	if e.Bytes() > MaxRowBytes {
		e.Metadata = sent
	}
}

// refuse notes why an entry is left out. Errors of one kind are counted together,
// and only the first is told: what a bad push costs is bounded.
func (v *validator) refuse(e *model.Entry, reason string, text func() string) bool {
	n := slices.IndexFunc(v.rejections, func(r model.Rejection) bool { return r.Reason == reason })
	if n < 0 {
		n = len(v.rejections)
		v.rejections = append(v.rejections, model.Rejection{Class: model.Invalid, Reason: reason, Text: text()})
	}
	v.last = n
	r := &v.rejections[n]
	r.Errors++
	r.Entries++
	r.Bytes += e.Bytes()
	return false
}

// tell tells of an entry that was just refused.
func (v *validator) tell(entry int) {
	if v.req.Refused != nil {
		v.req.Refused(v.from, entry, v.last)
	}
}

// truncate cuts a line to limit bytes, which the identifier at its end is part of.
func truncate(line string, limit int, identifier string) string {
	if len(identifier) >= limit {
		return line[:limit]
	}
	if identifier == "" {
		return line[:limit]
	}
	return line[:limit-len(identifier)] + identifier
}

func rfc3339(ts int64) string { return time.Unix(0, ts).UTC().Format(time.RFC3339) }
