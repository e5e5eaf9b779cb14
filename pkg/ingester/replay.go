package ingester

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/wal"
)

// replay rebuilds every generation of the log that is not wholly in the
// catalog. They become frozen generations under their old numbers, which the
// flusher hands to the store like any other.
func (i *Ingester) replay(ctx context.Context) error {
	began := time.Now()
	var total wal.ReplayStats
	for _, id := range i.log.Generations() {
		gen := newGeneration(id, i.memory, i.cfg.GroupBy, i.now())
		gen.reason = "replay"
		i.mu.Lock()
		i.frozen = append(i.frozen, gen)
		i.mu.Unlock()
		stats, err := i.log.Replay(ctx, id, &replayer{ing: i, gen: gen, seen: i.now().UnixNano()})
		if err != nil {
			return err
		}
		total.Files += stats.Files
		total.Records += stats.Records
		total.Bytes += stats.Bytes
		total.DamageCount += stats.DamageCount
	}
	took := time.Since(began)
	i.metrics.replayed.Set(took.Seconds())
	if total.Files > 0 {
		level.Info(i.logger).Log("msg", "replayed the write-ahead log", "generations", len(i.log.Generations()), "records", total.Records,
			"bytes", total.Bytes, "damaged", total.DamageCount, "took", took)
	}
	return nil
}

// A replayer puts the records of one generation back where they were. It
// validates nothing, limits nothing and reads no clock: what was accepted once
// is accepted.
type replayer struct {
	ing  *Ingester
	gen  *generation
	seen int64 // streams count as active from here on
	full []*buffer
	room []model.Stream
}

// Batch implements [wal.Handler].
func (r *replayer) Batch(tenant string, decode func(*model.Batch) error) error {
	skip, known := r.gen.skipped[tenant]
	if !known {
		tenant = strings.Clone(tenant)
		skip = r.ing.store.Catalog().Has(tenant, r.ing.self(r.gen))
		r.gen.skipped[tenant] = skip
	}
	b := model.Batch{Streams: r.room[:0]}
	if err := decode(&b); err != nil {
		return err
	}
	r.room = b.Streams
	t := r.ing.tenants.get(tenant)
	for n := range b.Streams {
		in := &b.Streams[n]
		s, err := r.stream(&t, in.Hash, in.Labels, r.seen)
		if err != nil {
			return err
		}
		for e := range in.Entries {
			s.advance(in.Entries[e].Timestamp)
		}
		if skip {
			continue // the rows are in the store; the stream is still active
		}
		hs := r.gen.head(t).stream(s)
		r.full = hs.group.append(hs, in.Entries, r.full[:0])
		for _, buf := range r.full {
			r.ing.sealers.submit(hs.group, buf)
		}
	}
	if r.ing.memory.pressed() {
		return r.ing.relieve()
	}
	return nil
}

// Streams implements [wal.Handler].
func (r *replayer) Streams(tenant string, states []wal.StreamState) error {
	t := r.ing.tenants.get(tenant)
	for _, state := range states {
		s, err := r.stream(&t, state.Hash, state.Labels, state.LastSeen)
		if err != nil {
			return err
		}
		s.advance(state.Newest)
	}
	return nil
}

func (r *replayer) stream(t **tenant, hash uint64, text string, seen int64) (*stream, error) {
	if s := (*t).lookup(hash, text); s != nil {
		return s, nil
	}
	text = strings.Clone(text)
	lbls, err := logproto.ParseLabels(text)
	if err != nil {
		// The record's checksum was right, so this is what was written.
		return nil, fmt.Errorf("labels %q of tenant %s in generation %d: %w", text, (*t).id, r.gen.id, err)
	}
	s, _ := r.ing.createStream(t, hash, lbls, 0, seen)
	return s, nil
}

// relieve moves sealed blocks out of memory: a log may be larger than the
// memory that took its pushes one generation at a time.
func (i *Ingester) relieve() error {
	i.mu.RLock()
	gens := append([]*generation(nil), i.frozen...)
	i.mu.RUnlock()
	for _, gen := range gens {
		if err := i.spillGeneration(gen); err != nil {
			return err
		}
		if i.memory.bytes.Load() < i.memory.limit/4 {
			break
		}
	}
	return nil
}

// spillGeneration seals all rows of the generation and moves the blocks to its
// spill file.
func (i *Ingester) spillGeneration(gen *generation) error {
	if gen.spill == nil {
		s, err := newSpill(i.fs, i.spillDir(), gen.id)
		if err != nil {
			return err
		}
		gen.mu.Lock()
		gen.spill = s
		gen.mu.Unlock()
	}
	for _, h := range gen.headList() {
		if err := i.sealers.sealAll(h); err != nil {
			return fmt.Errorf("tenant %s: %w", h.tenant.id, err)
		}
		var freed int64
		for _, g := range h.groupList() {
			n, err := g.spillTo(gen.spill)
			if err != nil {
				return err
			}
			freed += n
		}
		h.grow(-freed)
	}
	return nil
}

// spillTo moves the data of all sealed blocks to s, and returns how much memory
// that frees.
func (g *group) spillTo(s *spill) (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var freed int64
	for n := range g.sealed {
		b := &g.sealed[n]
		if b.Data == nil {
			continue
		}
		ref, err := s.put(b.Data)
		if err != nil {
			return freed, err
		}
		freed += int64(len(b.Data))
		b.spilled, b.Data = ref, nil
	}
	return freed, nil
}

func (i *Ingester) spillDir() string { return filepath.Join(i.dir, "cache", "spill") }

// clearSpills removes what an earlier process left: spill files mean nothing to
// this one.
func (i *Ingester) clearSpills() error {
	dir := i.spillDir()
	if err := i.fs.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear %s: %w", dir, err)
	}
	if err := i.fs.MkdirAll(dir); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return nil
}
