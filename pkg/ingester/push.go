package ingester

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/time/rate"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/wal"
)

// Why a push as a whole is not taken, though a later one may be. They come
// wrapped with a text for the operator and the client.
var (
	// ErrNotRunning says that the ingester is starting or stopping.
	ErrNotRunning = errors.New("ingester is not running")
	// ErrOverloaded says that the memory bound is reached.
	ErrOverloaded = errors.New("ingester is out of memory for new entries")
	// ErrNotDurable says that the log could not be written: disk full, or failing.
	ErrNotDurable = errors.New("write-ahead log cannot be written")
)

// Push takes the entries of b, or says which it does not take and why. When it
// returns without an error, all entries that are not among the rejections are
// readable, and as safe as the result's Ack says.
//
// The strings of b are not kept. An entry that was in fact stored may still be
// reported as an error, when the log was written and could not be synced: the
// client's second try is then an exact duplicate, and counts once.
func (i *Ingester) Push(ctx context.Context, b *model.Batch, want model.Ack) (model.PushResult, error) {
	if err := ctx.Err(); err != nil {
		return model.PushResult{}, err
	}
	gen, err := i.pin()
	if err != nil {
		return model.PushResult{}, err
	}
	defer gen.pins.Done()

	if err := i.room(b.Tenant); err != nil {
		return model.PushResult{}, err
	}
	if want == model.AckDisk && !i.cfg.WAL.Enabled {
		return model.PushResult{}, fmt.Errorf("acknowledge %s: the log is turned off (ingester.wal.enabled): %w", want, ErrNotDurable)
	}

	a := acceptors.Get().(*acceptor)
	defer a.free()
	a.accept(i, b)
	result := model.PushResult{Ack: model.AckDisk, Rejections: a.rejections}
	if len(a.batch.Streams) == 0 {
		return result, nil
	}

	result.Ack = model.AckMemory
	if i.cfg.WAL.Enabled {
		level, err := gen.wal.Append(&a.batch, walLevel(want))
		if err != nil {
			i.metrics.walFailures.Inc()
			return model.PushResult{}, fmt.Errorf("%w: %w", ErrNotDurable, err)
		}
		if level == wal.Disk {
			result.Ack = model.AckDisk
		}
	}

	h := gen.head(a.tenant)
	bytes := 0
	for n, s := range a.streams {
		entries := a.batch.Streams[n].Entries
		hs := h.stream(s)
		s.advance(a.newest[n])
		a.full = hs.group.append(hs, entries, a.full[:0])
		for _, buf := range a.full {
			i.sealers.submit(hs.group, buf)
		}
		for e := range entries {
			bytes += entries[e].Bytes()
		}
	}
	i.tails.publish(a)
	gen.raw.Add(int64(bytes))
	if gen.raw.Load() >= int64(i.cfg.GenerationBytes) || gen.bytes.Load() >= i.generationMemory || i.memory.pressed() {
		i.flusher.wake()
	}
	return result, nil
}

func walLevel(a model.Ack) wal.Level {
	if a == model.AckDisk {
		return wal.Disk
	}
	return wal.Memory
}

// room reports why the tenant may not push now, or nil.
func (i *Ingester) room(tenant string) error {
	if i.diskFull.Load() {
		i.metrics.diskFull.Inc()
		return fmt.Errorf("%w: the disk of %s is fuller than %.0f %% (ingester.wal.disk_full_threshold); writes resume by themselves when there is room",
			ErrNotDurable, i.walDir, 100*i.cfg.WAL.DiskFullThreshold)
	}
	var own int64
	t, tenants := i.tenants.find(tenant)
	if t != nil {
		own = t.bytes.Load()
	} else {
		tenants++
	}
	if i.memory.refuses(own, tenants) {
		i.metrics.refused.Inc()
		i.flusher.wake()
		return fmt.Errorf("%w: %d MiB of %d MiB are waiting for the bucket (ingester.memory_limit); try again",
			ErrOverloaded, i.memory.bytes.Load()>>20, i.memory.limit>>20)
	}
	return nil
}

// An acceptor decides which entries of a push are taken. It is pooled, since it
// holds the lists that one push needs.
type acceptor struct {
	tenant     *tenant
	batch      model.Batch // what is taken
	at         int         // the stream at hand, in what was pushed
	streams    []*stream   // of batch.Streams
	newest     []int64     // timestamp of each, once its entries are in
	kept       []model.Entry
	full       []*buffer
	rejected   []model.RejectedEntry
	rejections []model.Rejection
}

var acceptors = sync.Pool{New: func() any { return new(acceptor) }}

// free drops what was borrowed from the push and returns a to its pool.
func (a *acceptor) free() {
	clear(a.batch.Streams)
	clear(a.streams)
	clear(a.kept)
	clear(a.full[:cap(a.full)])
	*a = acceptor{
		batch:   model.Batch{Streams: a.batch.Streams[:0]},
		streams: a.streams[:0],
		newest:  a.newest[:0],
		kept:    a.kept[:0],
		full:    a.full[:0],
	}
	acceptors.Put(a)
}

func (a *acceptor) accept(i *Ingester, b *model.Batch) {
	now := i.now()
	a.tenant = i.tenants.get(b.Tenant)
	a.batch.Tenant = b.Tenant
	l := i.limits.For(b.Tenant)
	for n := range b.Streams {
		in := &b.Streams[n]
		a.at = n
		if len(in.Entries) == 0 {
			continue
		}
		s, ok := a.stream(i, in, l, now)
		if !ok {
			continue
		}
		if !a.withinRate(in, s, l, now) {
			continue
		}
		taken, newest := a.inOrder(i, in, s, l)
		if len(taken) == 0 {
			continue
		}
		s.lastSeen.Store(now.UnixNano())
		a.batch.Streams = append(a.batch.Streams, model.Stream{Labels: s.text, Hash: s.hash, Entries: taken})
		a.streams = append(a.streams, s)
		a.newest = append(a.newest, newest)
	}
}

// stream finds or makes the stream, within the tenant's limit.
func (a *acceptor) stream(i *Ingester, in *model.Stream, l *limits.Limits, now time.Time) (*stream, bool) {
	if s := a.tenant.lookup(in.Hash, in.Labels); s != nil {
		return s, true
	}
	lbls, err := logproto.ParseLabels(in.Labels)
	if err != nil {
		// Distributors send canonical labels only.
		a.reject(in, model.Invalid, "invalid_labels", fmt.Sprintf("couldn't parse labels: %v", err))
		return nil, false
	}
	limit := i.streamLimit(l)
	s, active := i.createStream(&a.tenant, in.Hash, lbls, limit, now.UnixNano())
	if s == nil {
		a.reject(in, model.Limited, "stream_limit", fmt.Sprintf(
			"maximum active stream limit exceeded when trying to create stream %s: %d of %d streams are active (max_global_streams_per_user, max_streams_per_user); use fewer distinct label values, or ask your operator for more",
			in.Labels, active, limit))
		return nil, false
	}
	return s, true
}

// createStream adds a stream to the tenant's registry. It returns nil, and how
// many streams are active, when there are limit of them already; 0 is no limit.
// The tenant is replaced when it was forgotten meanwhile.
func (i *Ingester) createStream(t **tenant, hash uint64, lbls labels.Labels, limit int, seen int64) (*stream, int) {
	text := lbls.String()
	for {
		c, ok := (*t).create(hash, text, lbls, limit, seen)
		if !ok {
			*t = i.tenants.get((*t).id)
			continue
		}
		if c.isNew {
			i.memory.register(registryBytes(text))
			i.metrics.streamsCreated.WithLabelValues((*t).id).Inc()
			i.metrics.streams.WithLabelValues((*t).id).Set(float64(c.active))
		}
		return c.stream, c.active
	}
}

// withinRate takes the stream's entries from its budget, all or none.
func (a *acceptor) withinRate(in *model.Stream, s *stream, l *limits.Limits, now time.Time) bool {
	limit := int(l.PerStreamRateLimit)
	if limit <= 0 {
		return true
	}
	bytes := 0
	for e := range in.Entries {
		bytes += in.Entries[e].Bytes()
	}
	if s.allow(now, rate.Limit(limit), int(l.PerStreamRateLimitBurst), bytes) {
		return true
	}
	a.reject(in, model.Limited, "per_stream_rate_limit", fmt.Sprintf(
		"per stream rate limit exceeded (limit: %s/sec, burst: %s) while attempting to ingest %d bytes for stream %s; split the stream by another label, or ask your operator for a higher per_stream_rate_limit",
		l.PerStreamRateLimit, l.PerStreamRateLimitBurst, bytes, in.Labels))
	return false
}

// inOrder leaves out the entries that lie too far behind the newest of their
// stream, and returns the others and what will be the newest. The common case
// copies nothing.
func (a *acceptor) inOrder(i *Ingester, in *model.Stream, s *stream, l *limits.Limits) ([]model.Entry, int64) {
	newest := s.newest.Load()
	window := int64(i.cfg.MaxChunkAge) / 2
	reason := ""
	first := len(a.kept) // where the copy of this stream begins
	a.rejected = a.rejected[:0]
	ignored, ignoredBytes := 0, 0
	for n := range in.Entries {
		e := &in.Entries[n]
		text := ""
		switch {
		case newest != noTimestamp && e.Timestamp < newest && !l.UnorderedWrites:
			reason = "out_of_order"
			text = fmt.Sprintf("entry out of order, newest of the stream is %s (unordered_writes: false)", time.Unix(0, newest).UTC().Format(time.RFC3339Nano))
		case newest != noTimestamp && window > 0 && e.Timestamp < newest-window:
			reason = "too_far_behind"
			text = fmt.Sprintf("entry too far behind, entry timestamp is: %s, oldest acceptable timestamp is: %s",
				time.Unix(0, e.Timestamp).UTC().Format(time.RFC3339), time.Unix(0, newest-window).UTC().Format(time.RFC3339))
		}
		if e.Bytes() > block.MaxRowBytes {
			// Distributors let none through; no block could take it.
			reason = "line_too_long"
			text = fmt.Sprintf("entry of %d bytes, no entry may have more than %d", e.Bytes(), block.MaxRowBytes)
		}
		if text == "" {
			if ignored > 0 {
				a.kept = append(a.kept, *e)
			}
			newest = max(newest, e.Timestamp)
			continue
		}
		if ignored == 0 {
			a.kept = append(a.kept, in.Entries[:n]...)
		}
		ignored++
		ignoredBytes += e.Bytes()
		if len(a.rejected) < i.cfg.MaxReturnedStreamErrors {
			a.rejected = append(a.rejected, model.RejectedEntry{Timestamp: e.Timestamp, Text: text})
		}
	}
	if ignored == 0 {
		return in.Entries, newest
	}
	a.rejections = append(a.rejections, model.Rejection{
		Class:   model.Invalid,
		Stream:  a.at,
		Errors:  1,
		Reason:  reason,
		Text:    model.RejectedEntriesText(a.tenant.id, in.Labels, a.rejected, ignored, len(in.Entries)),
		Entries: ignored,
		Bytes:   ignoredBytes,
	})
	return a.kept[first:len(a.kept):len(a.kept)], newest
}

// reject refuses all entries of a stream.
func (a *acceptor) reject(in *model.Stream, class model.Class, reason, text string) {
	r := model.Rejection{Class: class, Reason: reason, Text: text, Stream: a.at, Errors: 1, Entries: len(in.Entries)}
	for e := range in.Entries {
		r.Bytes += in.Entries[e].Bytes()
	}
	a.rejections = append(a.rejections, r)
}
