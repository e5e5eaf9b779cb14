package position

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// A Part is what a batch holds of one track.
type Part struct {
	Track  *Track
	Lines  int64
	Ranges []Range // sorted, not touching
}

// A Flight is a batch on its way to a server.
type Flight struct {
	Client int // its number
	Tenant string
	// Body is the request. It must not change before the flight is done.
	Body    []byte
	Entries int64
	Bytes   int64 // of lines and metadata
	Parts   []Part

	book   *Book
	number uint64
	queue  *Queue // that the batch came from, or nil
	slot   slot
}

// Lines is how many lines of sources the batch stands for.
func (f *Flight) Lines() int64 {
	if f.queue != nil {
		return f.slot.lines // some of its tracks may be gone
	}
	n := int64(0)
	for i := range f.Parts {
		n += f.Parts[i].Lines
	}
	return n
}

// Begin writes a batch to the journal, and is called before it is sent for the
// first time. It returns false where the journal cannot be written, unless
// [Options.Unjournaled] is set: then the batch has not begun and must not be sent,
// and the caller tries again later. [Book.JournalError] says what is wrong.
func (b *Book) Begin(f *Flight) bool {
	f.book = b
	if b.opts.ReadOnly {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.number == 0 {
		// A try that failed may lie whole in an earlier file all the same: what ends the
		// flight is to end that, too.
		b.lastFlight++
		f.number = b.lastFlight
	}
	if b.record(f); b.journal == nil {
		b.askForSave() // which begins a journal anew
		if !b.opts.Unjournaled {
			return false
		}
	}
	b.flights[f.number] = f
	return true
}

// record appends a batch, and what its tracks are. Call with b.mu held.
func (b *Book) record(f *Flight) {
	for i := range f.Parts {
		if t := f.Parts[i].Track; t.id != 0 {
			b.describe(t)
		}
	}
	b.append(func(dst []byte) []byte { return appendFlight(dst, f) })
	b.syncJournal()
}

// syncJournal has what was appended reach the disk, where that is asked for. Call
// with b.mu held.
func (b *Book) syncJournal() {
	if b.journal == nil || b.opts.NoSync || b.synced == b.journaled {
		return
	}
	if err := b.journal.Sync(); err != nil {
		b.breakJournal(err)
		return
	}
	b.synced = b.journaled
}

// describe has the journal say what a track is, unless it does. Call with b.mu
// held.
func (b *Book) describe(t *Track) {
	if t.described == b.generation || b.opts.ReadOnly {
		return
	}
	b.append(func(dst []byte) []byte { return appendTrack(dst, t) })
	t.described = b.generation
}

// Done ends the flight: the server has its lines. The ledger is the caller's
// affair.
func (f *Flight) Done() { f.end((*Track).Settle) }

// GiveUp ends the flight: its lines are dropped, and not read again. The ledger is
// the caller's affair.
func (f *Flight) GiveUp() { f.end((*Track).giveUp) }

func (f *Flight) end(settle func(t *Track, client int, lines int64, rs ...Range)) {
	b := f.book
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range f.Parts {
		p := &f.Parts[i]
		settle(p.Track, f.Client, p.Lines, p.Ranges...)
	}
	if b.opts.ReadOnly {
		return
	}
	b.dirty.Store(true)
	if f.queue != nil {
		f.queue.end(f.slot)
		return
	}
	delete(b.flights, f.number)
	b.append(func(dst []byte) []byte {
		dst = binary.AppendUvarint(append(dst, 'D'), uint64(f.Client))
		return binary.AppendUvarint(dst, f.number)
	})
}

// InFlight returns what an earlier process left in flight for a client, in the
// order in which it was begun. The caller sends each again and ends it.
func (b *Book) InFlight(client int) []*Flight {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*Flight
	for _, f := range b.left {
		if f.Client == client {
			out = append(out, f)
		}
	}
	return out
}

// append writes the payload that build appends as a frame. Call with b.mu held.
func (b *Book) append(build func(dst []byte) []byte) {
	if b.journal == nil {
		return
	}
	frame := build(append(b.buf[:0], make([]byte, frameHead)...))
	b.buf = frame[:0]
	fillHead(frame)
	if _, err := b.journal.Write(frame); err != nil {
		b.breakJournal(err)
		return
	}
	b.journaled += int64(len(frame))
	if b.journaled > b.enough {
		b.askForSave()
	}
}

func (b *Book) askForSave() {
	select {
	case b.full <- struct{}{}:
	default:
	}
}

// breakJournal stops writing to a file of which nothing is known any more.
func (b *Book) breakJournal(err error) {
	b.broken = fmt.Errorf("write journal of positions: %w", err)
	_ = b.journal.Close()
	b.journal = nil
}

// frameHead is the length and the checksum before a payload.
const frameHead = 8

// fillHead completes a frame whose payload is there.
func fillHead(frame []byte) {
	payload := frame[frameHead:]
	binary.LittleEndian.PutUint32(frame, uint32(len(payload)))
	binary.LittleEndian.PutUint32(frame[4:], encbuf.Checksum(payload))
}

// eachFrame calls fn for each frame of a file, up to the first that is not whole.
// Payloads are not empty.
func eachFrame(text []byte, fn func(at int64, payload []byte)) {
	for at := int64(0); len(text) >= frameHead; {
		n := binary.LittleEndian.Uint32(text)
		sum := binary.LittleEndian.Uint32(text[4:])
		text = text[frameHead:]
		if uint64(n) > uint64(len(text)) || n == 0 || encbuf.Checksum(text[:n]) != sum {
			return
		}
		fn(at, text[:n])
		text = text[n:]
		at += frameHead + int64(n)
	}
}

func (b *Book) journalName(generation uint64) string {
	return b.file + ".journal-" + strconv.FormatUint(generation, 10)
}

// beginJournal makes the journal's next file, which begins with what is in
// flight. Where that fails the file before goes on, if it can. Call with b.mu held.
func (b *Book) beginJournal() error {
	before := b.writing
	f, err := b.fs.Create(b.journalName(b.generation + 1))
	if err == nil {
		b.writing = writing{generation: before.generation + 1, journal: f, enough: b.opts.JournalBytes}
		b.append(func(dst []byte) []byte { return appendClients(dst, b.opts.Clients) })
		for _, n := range sortedNumbers(b.flights) {
			b.record(b.flights[n])
		}
		if b.journal != nil && !b.opts.NoSync {
			if err = errors.Join(b.journal.Sync(), b.fs.SyncDir(filepath.Dir(b.file))); err != nil {
				b.breakJournal(err)
			}
		}
		if err = b.broken; err != nil {
			_ = b.fs.Remove(b.journalName(b.generation))
		}
	}
	if err != nil {
		b.writing = before
		b.enough = before.journaled + b.opts.JournalBytes // not at each batch
		for _, t := range b.tracks {
			t.described = 0 // what says so was not written
		}
		if b.journal == nil {
			b.broken = fmt.Errorf("begin journal of positions: %w", err)
		}
		return fmt.Errorf("begin journal of positions: %w", err)
	}
	if before.journal != nil {
		_ = before.journal.Close()
	}
	if before.generation > 0 {
		b.old = append(b.old, before.generation)
	}
	return nil
}

func appendClients(dst []byte, names []string) []byte {
	dst = append(dst, 'C')
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, n := range names {
		dst = encbuf.AppendString(dst, n)
	}
	return dst
}

func appendTrack(dst []byte, t *Track) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, _ := json.Marshal(t.saved()) // strings and numbers
	dst = append(dst, 'T')
	return append(dst, text...)
}

func appendFlight(dst []byte, f *Flight) []byte {
	dst = append(dst, 'B')
	dst = binary.AppendUvarint(dst, uint64(f.Client))
	dst = binary.AppendUvarint(dst, f.number)
	dst = encbuf.AppendString(dst, f.Tenant)
	dst = binary.AppendUvarint(dst, uint64(f.Entries))
	dst = binary.AppendUvarint(dst, uint64(f.Bytes))
	n := 0
	for i := range f.Parts {
		if f.Parts[i].Track.id != 0 {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := range f.Parts {
		p := &f.Parts[i]
		if p.Track.id == 0 {
			continue
		}
		dst = binary.AppendUvarint(dst, p.Track.id)
		dst = binary.AppendUvarint(dst, uint64(p.Lines))
		dst = binary.AppendUvarint(dst, uint64(len(p.Ranges)))
		last := int64(0)
		for _, r := range p.Ranges {
			dst = binary.AppendUvarint(dst, uint64(r.Start-last))
			dst = binary.AppendUvarint(dst, uint64(r.End-r.Start))
			last = r.End
		}
	}
	return append(dst, f.Body...)
}
