package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/model"
)

// A Handler takes the records of a generation, in the order in which they were
// written. All strings and slices it is given live until it returns. An error of
// its ends the replay.
type Handler interface {
	// Batch is called for each batch. The tenant is known before the entries
	// are: a handler that does not want them returns without calling decode, and
	// they cost next to nothing. decode fills a batch, using the room that its
	// Streams has. After it failed, which is damage that the replay counts, the
	// handler returns that error or none.
	Batch(tenant string, decode func(*model.Batch) error) error
	// Streams is called for each record of AppendStreams.
	Streams(tenant string, states []StreamState) error
}

// ReplayStats say what a replay met.
type ReplayStats struct {
	Files   int
	Records int
	Bytes   int64 // of the files
	// TornTails are the files that end in an unfinished write, with where it begins.
	TornTails []Damage
	// Damage lists the first damaged places, in order.
	Damage []Damage
	// DamageCount counts all of them.
	DamageCount int
}

// maxListed bounds the list of damaged places.
const maxListed = 100

// A replay is one run over a generation.
type replay struct {
	log     *Log
	stats   ReplayStats
	decoder decoder
	reader  recordReader
}

// Replay reads a generation that was on disk when the log was opened and hands
// its records to h. Damage is no error: it is in the stats, in the log and in the
// metrics. An error is the handler's, the context's, or the disk's, or tells of a
// file of a version that is not known.
func (l *Log) Replay(ctx context.Context, generation uint64, h Handler) (ReplayStats, error) {
	l.mu.Lock()
	files, ok := l.found[generation]
	l.mu.Unlock()
	if !ok {
		return ReplayStats{}, fmt.Errorf("replay generation %d: not on disk", generation)
	}
	r := &replay{log: l}
	r.decoder.limit = l.opts.MaxRecord
	r.reader.limit = l.opts.MaxRecord
	if err := r.run(ctx, generation, files, h); err != nil {
		return r.stats, fmt.Errorf("replay generation %d: %w", generation, err)
	}
	return r.stats, nil
}

func (r *replay) run(ctx context.Context, generation uint64, files []uint32, h Handler) error {
	for number := uint32(1); len(files) > 0; number++ {
		if files[0] != number {
			missing := Damage{File: fileName(generation, number), Reason: "file is missing"}
			if gap := files[0] - number; gap > 1 {
				missing.Reason = fmt.Sprintf("%d files are missing from here on", gap)
			}
			r.damage(missing)
			number = files[0]
		}
		if err := r.file(ctx, generation, number, h); err != nil {
			return err
		}
		files = files[1:]
	}
	return nil
}

func (r *replay) file(ctx context.Context, generation uint64, number uint32, h Handler) error {
	name := fileName(generation, number)
	f, err := r.log.opts.FS.Open(filepath.Join(r.log.dir, name))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if err := r.reader.open(f, name, generation, number, r.damage); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, off, err := r.reader.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		damaged, err := r.record(record, h)
		if err != nil {
			return fmt.Errorf("%s at offset %d: %w", name, off, err)
		}
		if damaged != nil {
			r.damage(Damage{File: name, Offset: off, Length: int64(len(record)), Reason: damaged.Error()})
		}
		r.stats.Records++
		r.log.metrics.replayed.Inc()
	}
	r.stats.Files++
	r.stats.Bytes += r.reader.end
	if r.reader.torn >= 0 {
		r.tornTail(Damage{File: name, Offset: r.reader.torn, Length: r.reader.end - r.reader.torn, Reason: "torn tail"})
	}
	return nil
}

// record hands a record to h. damaged says what is wrong with the record itself.
func (r *replay) record(b []byte, h Handler) (damaged, err error) {
	d := &r.decoder
	if err := d.record(b); err != nil {
		return err, nil
	}
	if d.kind == streamsRecord {
		states, err := d.streams()
		if err != nil {
			return err, nil
		}
		return nil, h.Streams(d.tenant, states)
	}
	err = h.Batch(d.tenant, func(batch *model.Batch) error {
		damaged = d.batch(batch)
		return damaged
	})
	if damaged != nil && errors.Is(err, damaged) {
		err = nil
	}
	return damaged, err
}

func (r *replay) damage(d Damage) {
	r.stats.DamageCount++
	r.log.metrics.corruptions.Inc()
	if len(r.stats.Damage) < maxListed {
		r.stats.Damage = append(r.stats.Damage, d)
		level.Error(r.log.opts.Logger).Log("msg", "write-ahead log is damaged", "file", d.File, "offset", d.Offset, "bytes", d.Length, "reason", d.Reason)
	}
}

func (r *replay) tornTail(d Damage) {
	r.stats.TornTails = append(r.stats.TornTails, d)
	r.log.metrics.tornTails.Inc()
	level.Info(r.log.opts.Logger).Log("msg", "write-ahead log ends in an unfinished write, which is cut", "file", d.File, "offset", d.Offset, "bytes", d.Length)
}
