package ingester

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/backoff"

	"github.com/skaldlogs/skald/pkg/storage/wal"
)

// How often the flusher looks whether there is something to do unasked.
const (
	diskPeriod   = 100 * time.Millisecond // what is written meanwhile may exceed the threshold
	lookPeriod   = time.Second
	forgetPeriod = time.Minute
)

// largeGeneration is how many bytes of lines a generation has whose memory is
// given back to the machine as soon as it is dropped.
const largeGeneration = 64 << 20

// A flusher freezes generations and hands them to the store, oldest first, one
// at a time. The steps of one, and what a crash after each of them means:
//
//	freeze             the log has all rows; replay rebuilds the generation
//	segment of tenant  an object without an entry: nobody sees it, it is removed later
//	entry of tenant    the rows are in the store; replay skips this tenant's
//	   … next tenant
//	stream states      in the log of a younger generation, synced
//	memory dropped     queries now find the rows in the catalog, as they could before
//	log removed        nothing is left to replay
//	entries released   compaction may take them; at start, entries whose log is
//	                   gone are released
type flusher struct {
	ing   *Ingester
	woken chan struct{} // has a value when it should look
	asked chan struct{} // has a value when there may be something to flush

	freezing sync.Mutex // held by who freezes, which does not wait for a flush

	mu       sync.Mutex // held by who flushes; guards the fields below
	leftover []uint64   // generations whose log could not be removed yet
	closed   bool       // the sealers are gone
}

func newFlusher(i *Ingester) *flusher {
	return &flusher{ing: i, woken: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
}

// wake makes the flusher look now.
func (f *flusher) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// maxFlushBackoff bounds how long entries wait once the store works again.
const maxFlushBackoff = 10 * time.Second

// run freezes and flushes until ctx ends. They do not wait for each other: while
// the store is slow, or fails, the disk is watched and generations stay small
// enough for a segment.
func (f *flusher) run(ctx context.Context) error {
	var flushing sync.WaitGroup
	flushing.Go(func() { f.flushAsked(ctx) })
	defer flushing.Wait()

	disk := time.NewTicker(diskPeriod)
	defer disk.Stop()
	look := time.NewTicker(lookPeriod)
	defer look.Stop()
	forget := time.NewTicker(forgetPeriod)
	defer forget.Stop()
	f.ing.checkDisk()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-disk.C:
			f.ing.checkDisk()
			continue
		case <-look.C:
		case <-forget.C:
			f.ing.forgetIdle()
			continue
		case <-f.woken:
		}
		if reason := f.ing.due(); reason != "" {
			if err := f.freeze(reason); err != nil {
				level.Error(f.ing.logger).Log("msg", "a new generation cannot be begun; the current one goes on", "err", err)
			}
		}
		select {
		case f.asked <- struct{}{}:
		default:
		}
	}
}

// flushAsked flushes what is frozen whenever it is asked to. After an error it
// waits, longer each time.
func (f *flusher) flushAsked(ctx context.Context) {
	retry := backoff.New(ctx, backoff.Config{MinBackoff: time.Second, MaxBackoff: maxFlushBackoff})
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.asked:
		}
		if err := f.flushFrozen(ctx); err != nil && ctx.Err() == nil {
			level.Error(f.ing.logger).Log("msg", "entries could not be handed to the store; they stay in memory and in the log, and it is tried again", "err", err)
			retry.Wait()
			continue
		}
		retry.Reset()
	}
}

// close waits for a flush that is under way and lets no other begin.
func (f *flusher) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// due says why the current generation should be frozen, or nothing.
func (i *Ingester) due() string {
	i.mu.RLock()
	gen, waiting := i.current, len(i.frozen)
	i.mu.RUnlock()
	switch {
	case gen == nil || gen.empty():
		return ""
	case gen.raw.Load() >= int64(i.cfg.GenerationBytes), gen.bytes.Load() >= i.generationMemory:
		return "full"
	case i.memory.pressed() && waiting == 0:
		// Those that are frozen give memory back first; one more would be tiny.
		return "memory"
	case i.now().Sub(gen.created) >= i.cfg.GenerationAge:
		return "max_age"
	}
	return ""
}

func (f *flusher) freeze(reason string) error {
	f.freezing.Lock()
	defer f.freezing.Unlock()
	return f.ing.freeze(reason)
}

// Flush hands everything that was acknowledged before the call to the store. It
// returns when the catalog has it.
func (i *Ingester) Flush(ctx context.Context) error {
	i.mu.RLock()
	gen := i.current
	i.mu.RUnlock()
	if gen == nil {
		return fmt.Errorf("flush: %w", ErrNotRunning)
	}
	if err := i.flusher.freeze("forced"); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := i.flusher.flushFrozen(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// flushFrozen hands all frozen generations to the store, oldest first. One that
// fails does not keep the others.
func (f *flusher) flushFrozen(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return fmt.Errorf("flush: %w", ErrNotRunning)
	}
	f.removeLeftovers()
	var errs []error
	failed := map[*generation]bool{}
	for {
		gen := f.next(failed)
		if gen == nil {
			return errors.Join(errs...)
		}
		began := time.Now()
		err := f.flush(ctx, gen)
		outcome := "ok"
		if err != nil {
			outcome = "error"
			failed[gen] = true
			errs = append(errs, fmt.Errorf("generation %d: %w", gen.id, err))
		}
		f.ing.metrics.flushes.WithLabelValues(outcome).Inc()
		f.ing.metrics.flushSeconds.Observe(time.Since(began).Seconds())
		if ctx.Err() != nil {
			return errors.Join(errs...)
		}
	}
}

// next is the oldest frozen generation that has not failed.
func (f *flusher) next(failed map[*generation]bool) *generation {
	f.ing.mu.RLock()
	defer f.ing.mu.RUnlock()
	for _, gen := range f.ing.frozen {
		if !failed[gen] {
			return gen
		}
	}
	return nil
}

// flush hands one generation to the store and forgets it.
func (f *flusher) flush(ctx context.Context, gen *generation) error {
	i := f.ing
	gen.pins.Wait() // it may be in the middle of its freezing
	heads := gen.headList()
	slices.SortFunc(heads, func(a, b *head) int { return strings.Compare(a.tenant.id, b.tenant.id) })
	var errs []error
	for _, h := range heads {
		if gen.flushed[h.tenant.id] {
			continue
		}
		if err := i.fault("tenant"); err != nil {
			return err
		}
		// What one tenant's rows fail on is no reason to keep the others'.
		if err := f.flushHead(ctx, h); err != nil {
			errs = append(errs, fmt.Errorf("tenant %s: %w", h.tenant.id, err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		gen.flushed[h.tenant.id] = true
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := i.fault("entries"); err != nil {
		return err
	}
	if err := f.saveStreams(); err != nil {
		return fmt.Errorf("save the state of streams: %w", err)
	}
	if err := i.fault("streams"); err != nil {
		return err
	}
	i.drop(gen)
	if gen.wal != nil {
		if err := gen.wal.Close(); err != nil {
			// Its records are in the store: what matters is that it goes.
			level.Warn(i.logger).Log("msg", "the log of a generation was not closed well", "err", err, "generation", gen.id)
		}
	}
	f.leftover = append(f.leftover, gen.id)
	f.removeLeftovers()
	if gen.raw.Load() >= largeGeneration {
		// Much is garbage at once, and the next collection may be minutes away.
		debug.FreeOSMemory()
	}
	return nil
}

// removeLeftovers removes the logs of generations that were dropped, and
// releases their entries. What fails is tried again with the next flush.
func (f *flusher) removeLeftovers() {
	i := f.ing
	var kept []uint64
	removed := false
	for _, id := range f.leftover {
		err := i.fault("remove")
		if err == nil {
			err = i.log.Remove(id)
		}
		if err != nil {
			level.Warn(i.logger).Log("msg", "the log of a generation that is in the store cannot be removed yet", "err", err, "generation", id)
			kept = append(kept, id)
			continue
		}
		removed = true
	}
	f.leftover = kept
	if !removed {
		return
	}
	err := i.fault("release")
	if err == nil {
		err = f.releaseGone(context.Background())
	}
	if err != nil {
		level.Warn(i.logger).Log("msg", "entries of the catalog could not be released yet; they are not compacted until then", "err", err)
	}
}

// saveStreams writes what must outlive the generation's log to that of a
// younger one: which streams are active, and their newest timestamps.
func (f *flusher) saveStreams() error {
	i := f.ing
	var w *wal.Writer
	if gen, err := i.pin(); err == nil {
		defer gen.pins.Done()
		w = gen.wal
	} else {
		if w, err = i.log.Begin(); err != nil {
			return err
		}
		defer func() { _ = w.Close() }()
	}
	for _, t := range i.tenants.list() {
		var states []wal.StreamState
		t.each(func(s *stream) {
			if newest := s.newest.Load(); newest != noTimestamp {
				states = append(states, wal.StreamState{Labels: s.text, Hash: s.hash, Newest: newest, LastSeen: s.lastSeen.Load()})
			}
		})
		for chunk := range slices.Chunk(states, 50_000) {
			if err := w.AppendStreams(t.id, chunk); err != nil {
				return err
			}
		}
	}
	return nil
}

// releaseGone releases the entries of the catalog whose generation this
// ingester holds no more, neither in memory nor in its log.
func (f *flusher) releaseGone(ctx context.Context) error {
	i := f.ing
	held := map[uint64]bool{}
	i.mu.RLock()
	for _, g := range i.frozen {
		held[g.id] = true
	}
	i.mu.RUnlock()
	for _, id := range f.leftover {
		held[id] = true
	}
	var errs []error
	for _, e := range i.store.Catalog().Unreleased(i.name) {
		gone := true
		for _, src := range e.Sources {
			gone = gone && !(src.Ingester == i.name && held[src.ID])
		}
		if gone {
			errs = append(errs, i.store.Catalog().Release(ctx, e.Tenant, e.ID))
		}
	}
	return errors.Join(errs...)
}

// forgetIdle drops the streams that have been idle for long enough, and the
// tenants of which nothing is left.
func (i *Ingester) forgetIdle() {
	before := i.now().Add(-i.cfg.ChunkIdlePeriod).UnixNano()
	for _, t := range i.tenants.list() {
		i.memory.register(-t.forget(before))
		if i.tenants.forget(t) {
			i.metrics.streams.DeleteLabelValues(t.id)
			i.metrics.streamsCreated.DeleteLabelValues(t.id)
			continue
		}
		i.metrics.streams.WithLabelValues(t.id).Set(float64(t.active()))
	}
}

// checkDisk notes whether the disk of the log is too full to go on.
func (i *Ingester) checkDisk() {
	if i.cfg.WAL.DiskFullThreshold <= 0 || !i.cfg.WAL.Enabled {
		return
	}
	u, err := i.fs.Usage(i.walDir)
	if err != nil || u.Total == 0 {
		return
	}
	full := float64(u.Total-u.Free)/float64(u.Total) >= i.cfg.WAL.DiskFullThreshold
	if was := i.diskFull.Swap(full); full != was {
		if full {
			level.Error(i.logger).Log("msg", "the disk of the write-ahead log is too full, pushes are refused until there is room",
				"dir", i.walDir, "free_bytes", u.Free, "threshold", i.cfg.WAL.DiskFullThreshold)
		} else {
			level.Info(i.logger).Log("msg", "the disk of the write-ahead log has room again, pushes are taken", "dir", i.walDir, "free_bytes", u.Free)
		}
	}
}
