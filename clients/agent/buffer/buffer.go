package buffer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// Options tune a [Buffer].
type Options struct {
	// Bytes bounds what lies on disk.
	Bytes int64
	// FileBytes is how long a file grows: an eighth of Bytes by default.
	FileBytes int64
	// SyncEvery is how often what was put reaches the disk on its own; 0 leaves
	// that to the system, but for [Buffer.Commit].
	SyncEvery time.Duration
	Logger    log.Logger
}

// pause is how often acknowledgements are looked for while there is nothing to
// read, or no room.
const pause = 100 * time.Millisecond

// A Buffer keeps entries on disk. It is an [entry.Chain] to the source before
// it, one that holds nothing back.
type Buffer struct {
	fs    vfs.FS
	dir   string
	opts  Options
	track *position.Track
	more  chan struct{} // receives when something was put

	mu    sync.Mutex // guards the fields below
	files []int64    // offsets of their first bytes, rising
	last  vfs.File   // nil until something is put
	end   int64      // of what is whole
	began int64      // end when the buffer was opened: before it are an earlier process's entries
	frame []byte
	waits bool  // put had no room: said already
	lost  int64 // before it, a sync failed: what was put there may not be on disk
	why   error // of that sync

	syncing sync.Mutex // held by whoever syncs; taken before mu
	synced  int64      // end of what is on disk for sure
}

// Open opens the buffer in a folder, which it makes if need be. track is one
// that is saved, and is the buffer's alone. The caller runs the buffer.
func Open(fsys vfs.FS, dir string, track *position.Track, opts Options) (*Buffer, error) {
	if opts.FileBytes <= 0 {
		opts.FileBytes = max(opts.Bytes/8, 64<<10)
	}
	b := &Buffer{fs: fsys, dir: dir, opts: opts, track: track, more: make(chan struct{}, 1)}
	if err := vfs.MkdirAllSync(fsys, dir); err != nil {
		return nil, fmt.Errorf("open buffer: %w", err)
	}
	infos, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open buffer: %w", err)
	}
	// A crash of the machine may have cut files of which positions are known.
	b.end = max(track.Low(), track.Known())
	for _, info := range infos {
		if at, err := strconv.ParseInt(strings.TrimSuffix(info.Name, ".entries"), 16, 64); err == nil && at >= 0 {
			b.files = append(b.files, at)
			b.end = max(b.end, at+info.Size)
		}
	}
	slices.Sort(b.files)
	b.began, b.synced = b.end, b.end
	return b, nil
}

func (b *Buffer) name(at int64) string {
	return filepath.Join(b.dir, fmt.Sprintf("%016x.entries", at))
}

// Due implements [entry.Chain]: nothing is held back.
func (b *Buffer) Due() time.Time { return time.Time{} }

// Flush implements [entry.Chain].
func (b *Buffer) Flush(context.Context, time.Time) error { return nil }

// Put implements [entry.Sink]. It returns when the entries are in a file, so
// that a crash of the process does not lose them (that of the machine may, see
// [Buffer.Commit]), and waits while there is no room. Their marks are settled: the
// buffer answers for them now.
func (b *Buffer) Put(ctx context.Context, entries []entry.Entry) error {
	for {
		ok, err := b.put(entries)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

func (b *Buffer) put(entries []entry.Entry) (ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	frame := append(b.frame[:0], make([]byte, frameHead)...)
	for i := range entries {
		frame = appendEntry(frame, &entries[i])
	}
	b.frame = frame[:0]
	if cap(b.frame) > 1<<20 {
		b.frame = nil
	}
	switch {
	case len(b.files) > 0 && b.end-b.files[0]+int64(len(frame)) > b.opts.Bytes:
		b.wait("buffer_bytes")
		return false, nil
	case !position.HasRoom(b.fs, b.dir):
		b.wait("the disk is nearly full")
		return false, nil
	}
	payload := frame[frameHead:]
	binary.LittleEndian.PutUint32(frame, uint32(len(payload)))
	binary.LittleEndian.PutUint32(frame[4:], encbuf.Checksum(payload))
	if b.last == nil || b.end-b.files[len(b.files)-1] >= b.opts.FileBytes {
		if err := b.begin(); err != nil {
			return false, b.full(err)
		}
	}
	if _, err := b.last.Write(frame); err != nil {
		// What of it was written is unknown: the next frame begins a file.
		n := len(b.files) - 1
		empty := b.files[n] == b.end
		if empty {
			_ = b.last.Close()
			b.last = nil
		} else {
			_ = b.retire() // a commit has the error
		}
		if empty && b.fs.Remove(b.name(b.end)) == nil {
			b.files = b.files[:n] // or a full disk would be full of them
		} else {
			b.end += int64(len(frame))
		}
		return false, b.full(fmt.Errorf("write buffer: %w", err))
	}
	if b.end += int64(len(frame)); b.waits {
		b.waits = false
		level.Info(b.opts.Logger).Log("msg", "a buffer has room again", "folder", b.dir)
	}
	for i := range entries {
		entries[i].Mark.Each(func(t *position.Track, r position.Range, _ int64) { t.Skip(r) })
	}
	select {
	case b.more <- struct{}{}:
	default:
	}
	return true, nil
}

// wait says, once, that senders wait. Call with b.mu held.
func (b *Buffer) wait(why string) {
	if !b.waits {
		b.waits = true
		level.Warn(b.opts.Logger).Log("msg", "a buffer has no room: senders wait, and packets of those that cannot are lost", "folder", b.dir, "why", why)
	}
}

// full is what put returns for an error: none when the disk is full, which may
// pass. Call with b.mu held.
func (b *Buffer) full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		b.wait(err.Error())
		return nil
	}
	return err
}

// retire syncs and closes the last file: a commit syncs none but the last. Where
// that fails, those learn of it who commit what they put there. Call with b.mu held,
// and a last file.
func (b *Buffer) retire() error {
	err := errors.Join(b.last.Sync(), b.last.Close())
	b.last = nil
	if err == nil {
		b.synced = max(b.synced, b.end)
		return nil
	}
	b.lose(err)
	level.Error(b.opts.Logger).Log("msg", "what came of late may be lost if the machine fails now", "folder", b.dir, "err", err)
	return err
}

// lose notes that a sync failed. Call with b.mu held.
func (b *Buffer) lose(err error) { b.lost, b.why = b.end, err }

// begin makes the next file. Call with b.mu held.
func (b *Buffer) begin() error {
	if b.last != nil {
		_ = b.retire() // a commit has the error
	}
	f, err := b.fs.Create(b.name(b.end))
	if err != nil {
		return fmt.Errorf("write buffer: %w", err)
	}
	if err := b.fs.SyncDir(b.dir); err != nil {
		_ = f.Close()
		return fmt.Errorf("write buffer: %w", err)
	}
	b.last = f
	b.files = append(b.files, b.end)
	return nil
}

// Begin returns where what is put from now on begins, for [Buffer.Commit].
func (b *Buffer) Begin() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end
}

// Commit returns when all that was put since begun, which Begin returned, is on
// disk, so that not even a crash of the machine loses it. Those who wait at the same
// time share one sync. Where one failed since begun, whoever asked for it, Commit
// fails: nothing is known of what was put before. What is put later lies in another
// file.
func (b *Buffer) Commit(begun int64) error {
	b.mu.Lock()
	upTo := b.end
	b.mu.Unlock()
	b.syncing.Lock()
	defer b.syncing.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun >= b.lost && b.synced < upTo && b.last != nil {
		b.sync()
	}
	if begun < b.lost {
		return fmt.Errorf("sync buffer: %w", b.why)
	}
	return nil
}

// sync syncs the last file, which there is. Call with b.mu held, which it gives up
// meanwhile, and b.syncing.
func (b *Buffer) sync() {
	file, end := b.last, b.end
	b.mu.Unlock()
	err := file.Sync()
	b.mu.Lock()
	switch {
	case err == nil:
		b.synced = max(b.synced, end)
	case b.last == file:
		_ = b.last.Close()
		b.last = nil
		b.lose(err)
	case !errors.Is(err, fs.ErrClosed):
		// The system tells of a failure once: who closed the file did not hear of it.
		b.lose(err)
	}
}

// syncs commits now and then.
func (b *Buffer) syncs(ctx context.Context) {
	if b.opts.SyncEvery <= 0 {
		return
	}
	begun := b.Begin()
	tick := time.NewTicker(b.opts.SyncEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := b.Commit(begun); err != nil {
				level.Error(b.opts.Logger).Log("msg", "what came of late may be lost if the machine fails now", "err", err)
			}
			begun = b.Begin()
		}
	}
}

// Run puts what lies in the buffer into a chain until ctx is done. What is left
// then is read after the next start.
func (b *Buffer) Run(ctx context.Context, chain entry.Chain) error {
	var syncs sync.WaitGroup
	syncs.Go(func() { b.syncs(ctx) })
	defer syncs.Wait()
	d := decoder{track: b.track}
	next, _ := b.track.Resume()
	for ctx.Err() == nil {
		from, end := b.extent(next)
		if from < 0 || next >= end {
			if err := b.idle(ctx, chain); err != nil {
				return nil // that of ctx
			}
			continue
		}
		after, err := b.read(ctx, chain, &d, from, max(next, from), end)
		if err != nil && ctx.Err() == nil {
			return err
		}
		next = after
		b.trim()
	}
	return nil
}

// extent returns the file that holds an offset, or the first after it, and where
// it ends.
func (b *Buffer) extent(next int64) (from, end int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, at := range b.files {
		end = b.end
		if i+1 < len(b.files) {
			end = b.files[i+1]
		}
		if next < end {
			return at, end
		}
	}
	return -1, 0
}

// idle waits for something to do.
func (b *Buffer) idle(ctx context.Context, chain entry.Chain) error {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.more:
	case <-t.C:
	}
	b.trim()
	if due := chain.Due(); !due.IsZero() && !due.After(time.Now()) {
		return chain.Flush(ctx, time.Now())
	}
	return nil
}

// read puts the frames of a file, from an offset to its end, and returns where
// to go on.
func (b *Buffer) read(ctx context.Context, chain entry.Chain, d *decoder, from, next, end int64) (int64, error) {
	f, err := b.fs.Open(b.name(from))
	if errors.Is(err, fs.ErrNotExist) {
		return b.damaged(from, next, end, err), nil
	}
	if err != nil {
		return next, fmt.Errorf("read buffer: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	// Offsets of entries lie within frames: the frames before are passed over.
	for at := from; at < end && ctx.Err() == nil; {
		var head [frameHead]byte
		if _, err := f.ReadAt(head[:], at-from); err != nil && !errors.Is(err, io.EOF) {
			return next, fmt.Errorf("read buffer: %w", err)
		}
		n := int64(binary.LittleEndian.Uint32(head[:]))
		if n == 0 || n > maxFrame || at+frameHead+n > end {
			return b.damaged(from, at, end, io.ErrUnexpectedEOF), nil
		}
		if at+frameHead+n <= next {
			at += frameHead + n
			continue
		}
		payload := make([]byte, n)
		if _, err := f.ReadAt(payload, at-from+frameHead); err != nil || encbuf.Checksum(payload) != binary.LittleEndian.Uint32(head[4:]) {
			return b.damaged(from, at, end, errors.Join(err, errors.New("bad checksum"))), nil
		}
		entries, err := d.frame(payload, at+frameHead)
		if err != nil {
			return b.damaged(from, at, end, err), nil
		}
		b.track.Skip(position.Range{Start: at, End: at + frameHead})
		if err := b.pass(ctx, chain, entries, at); err != nil {
			return at, err
		}
		at += frameHead + n
		next = at
	}
	return next, nil
}

// pass puts the entries of a frame that are not settled yet.
func (b *Buffer) pass(ctx context.Context, chain entry.Chain, entries []entry.Entry, at int64) error {
	kept := entries[:0]
	for _, e := range entries {
		if !b.track.HasAll(e.Mark.Range) {
			kept = append(kept, e)
		}
	}
	if at < b.began {
		b.track.Ledger().Recovered.Add(int64(len(kept)))
	}
	return chain.Put(ctx, kept)
}

// damaged gives up the rest of a file.
func (b *Buffer) damaged(from, at, end int64, err error) int64 {
	level.Warn(b.opts.Logger).Log("msg", "a buffer's file ends before its end, as after a crash", "file", b.name(from), "offset", at-from, "bytes", end-at, "err", err)
	b.track.Skip(position.Range{Start: at, End: end})
	return end
}

// trim removes the files of which all is settled.
func (b *Buffer) trim() {
	low := b.track.Low()
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.files) > 0 {
		end := b.end
		if len(b.files) > 1 {
			end = b.files[1]
		} else if b.last != nil && b.end-b.files[0] < b.opts.FileBytes {
			return // it is still written to
		}
		if low < end {
			return
		}
		if len(b.files) == 1 && b.last != nil {
			_ = b.last.Close()
			b.last = nil
		}
		if err := b.fs.Remove(b.name(b.files[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return // the next time, perhaps
		}
		b.files = b.files[1:]
	}
}

// Close closes the file that is written.
func (b *Buffer) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		return nil
	}
	return b.retire()
}
