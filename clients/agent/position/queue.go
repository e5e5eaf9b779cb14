package position

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A Queue keeps batches of one client on disk, until their turn comes: where one
// of several clients is behind, the others go on. A batch in it is as much in
// flight as one in the journal: what it holds is not settled, and after a crash
// it is not read again but taken from here.
//
// It is a folder of files with the journal's frames, each file named for its
// number; only the last is written to:
//
//	'B' batch   'D' a batch is done with
//
// The journal says what tracks are before a batch with parts of them is here. A
// file goes when all of its batches are done with, no older file is left, and the
// positions that say so are saved.
type Queue struct {
	book   *Book
	client int
	dir    string
	limit  int64 // bytes on disk; 0 takes nothing

	mu      sync.Mutex // guards the fields below
	files   []*queueFile
	last    vfs.File // nil until something is written
	batches uint64   // number of the latest batch
	bytes   int64    // of all files
	waiting map[int][]slot
	left    map[int]int // by lane: batches that are not done with
}

// EarlierLane is where batches wait that an earlier process left.
const EarlierLane = -1

type queueFile struct {
	number uint64
	size   int64
	left   int // batches that are not done with
}

// A slot says where a batch lies.
type slot struct {
	file   *queueFile
	at     int64 // of its frame
	number uint64
	lines  int64
	lane   int
}

// Queue returns the queue of a client, or nil when it has none.
func (b *Book) Queue(client int) *Queue { return b.queues[client] }

// StrayQueues are folders with batches of clients that this book does not know.
func (b *Book) StrayQueues() []string { return b.stray }

func (b *Book) queueDir(name string) string { return b.file + ".queue-" + url.PathEscape(name) }

// openQueues opens the queues that clients have, or had. Batches in them count as
// in flight.
func (b *Book) openQueues() error {
	b.queues = make([]*Queue, len(b.opts.Clients))
	known := map[string]bool{}
	for i, name := range b.opts.Clients {
		q := &Queue{book: b, client: i, dir: b.queueDir(name), waiting: map[int][]slot{}, left: map[int]int{}}
		known[filepath.Base(q.dir)] = true
		if len(b.opts.Clients) > 1 {
			q.limit = b.opts.QueueBytes
		}
		_, err := b.fs.Stat(q.dir)
		switch {
		case err == nil:
		case !errors.Is(err, fs.ErrNotExist):
			return err
		case q.limit == 0:
			continue
		}
		if err := q.open(); err != nil {
			return fmt.Errorf("queue of client %s: %w", name, err)
		}
		if q.limit > 0 || len(q.files) > 0 {
			b.queues[i] = q
		}
	}
	infos, err := b.fs.ReadDir(dirOf(b.file))
	for _, info := range infos {
		if strings.HasPrefix(info.Name, filepath.Base(b.file)+".queue-") && !known[info.Name] {
			if left, _ := b.fs.ReadDir(filepath.Join(dirOf(b.file), info.Name)); len(left) > 0 {
				b.stray = append(b.stray, filepath.Join(dirOf(b.file), info.Name))
			}
		}
	}
	return err
}

// open reads what an earlier process left.
func (q *Queue) open() error {
	if err := vfs.MkdirAllSync(q.book.fs, q.dir); err != nil {
		return err
	}
	infos, err := q.book.fs.ReadDir(q.dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if n, err := strconv.ParseUint(strings.TrimSuffix(info.Name, ".batches"), 16, 64); err == nil {
			q.files = append(q.files, &queueFile{number: n, size: info.Size})
			q.bytes += info.Size
		}
	}
	slices.SortFunc(q.files, func(a, b *queueFile) int { return int(min(1, max(-1, int64(a.number-b.number)))) })
	left := map[uint64]slot{}
	parts := map[uint64][]Part{}
	for _, f := range q.files {
		text, err := vfs.ReadFile(q.book.fs, q.name(f), maxJournalBytes)
		if err != nil {
			return err
		}
		eachFrame(text, func(at int64, p []byte) {
			d := encbuf.NewDecoder(p[1:])
			switch p[0] {
			case 'B':
				if fl, ok := q.book.decodeFlight(&d); ok {
					q.batches = max(q.batches, fl.number)
					left[fl.number] = slot{f, at, fl.number, fl.Lines(), EarlierLane}
					parts[fl.number] = fl.Parts
				}
			case 'D':
				d.Uvarint() // the client's number in that process
				n := d.Uvarint()
				if d.Err() != nil {
					return
				}
				for _, p := range parts[n] {
					p.Track.Settle(q.client, 0, p.Ranges...) // the positions may not say so yet
				}
				delete(left, n)
				delete(parts, n)
			}
		})
	}
	for _, n := range sortedNumbers(left) {
		s := left[n]
		s.file.left++
		q.left[EarlierLane]++
		q.waiting[EarlierLane] = append(q.waiting[EarlierLane], s)
		for _, p := range parts[n] {
			p.Track.inFlight[q.client].Add(p.Ranges...)
		}
	}
	return nil
}

func (q *Queue) name(f *queueFile) string {
	return filepath.Join(q.dir, fmt.Sprintf("%016x.batches", f.number))
}

// Full reports whether there is no room for a batch, here or on the disk.
func (q *Queue) Full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes >= q.limit || !HasRoom(q.book.fs, q.dir)
}

// Bytes is how much lies on disk.
func (q *Queue) Bytes() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// Left is how many batches of a lane are not done with.
func (q *Queue) Left(lane int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.left[lane]
}

// Empty reports whether all batches are done with.
func (q *Queue) Empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.left {
		if n > 0 {
			return false
		}
	}
	return true
}

// Append puts a batch at the end of a lane. Its body may be used again after
// that. After an error the batch is as it was before.
func (q *Queue) Append(f *Flight, lane int) error {
	if err := q.book.describeAll(f); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches++
	f.number = q.batches
	at, err := q.write(appendFlight(make([]byte, frameHead, frameHead+len(f.Body)+1024), f), !q.book.opts.NoSync)
	if err != nil {
		return err
	}
	file := q.files[len(q.files)-1]
	file.left++
	q.waiting[lane] = append(q.waiting[lane], slot{file, at, f.number, f.Lines(), lane})
	q.left[lane]++
	return nil
}

// describeAll has the journal say what the tracks of a batch are: without it the
// batch would be one of tracks that nobody knows.
func (b *Book) describeAll(f *Flight) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range f.Parts {
		if t := f.Parts[i].Track; t.id != 0 {
			b.describe(t)
		}
	}
	b.syncJournal()
	if b.journal == nil {
		b.askForSave()
		return b.broken
	}
	return nil
}

// write writes a frame, of which the head has still to be filled in. Call with
// q.mu held.
func (q *Queue) write(frame []byte, sync bool) (at int64, err error) {
	fillHead(frame)
	if q.last == nil || q.files[len(q.files)-1].size >= max(1<<20, q.limit/32) {
		if err := q.begin(); err != nil {
			return 0, fmt.Errorf("write queue: %w", err)
		}
	}
	file := q.files[len(q.files)-1]
	at = file.size
	_, err = q.last.Write(frame)
	if err == nil && sync {
		err = q.last.Sync()
	}
	if err != nil {
		// What of it was written is unknown: the next frame begins a file.
		_ = q.last.Close()
		q.last = nil
		if at == 0 && q.book.fs.Remove(q.name(file)) == nil {
			q.files = q.files[:len(q.files)-1] // or a full disk would be full of them
		}
		return 0, fmt.Errorf("write queue: %w", err)
	}
	file.size += int64(len(frame))
	q.bytes += int64(len(frame))
	return at, nil
}

// begin makes the next file. Call with q.mu held.
func (q *Queue) begin() error {
	if q.last != nil {
		_ = q.last.Close()
		q.last = nil
	}
	file := &queueFile{number: 1}
	if n := len(q.files); n > 0 {
		file.number = q.files[n-1].number + 1
	}
	f, err := q.book.fs.Create(q.name(file))
	if err != nil {
		return err
	}
	if !q.book.opts.NoSync {
		if err := q.book.fs.SyncDir(q.dir); err != nil {
			_ = f.Close()
			return err
		}
	}
	q.last = f
	q.files = append(q.files, file)
	return nil
}

// Take returns the oldest batch of a lane, which is the caller's to send and to
// end, or nil when there is none. After an error the batch is lost to the queue:
// its lines are read again after the next start; lines says how many.
func (q *Queue) Take(lane int) (f *Flight, lines int64, err error) {
	q.mu.Lock()
	w := q.waiting[lane]
	if len(w) == 0 {
		q.mu.Unlock()
		return nil, 0, nil
	}
	s := w[0]
	q.waiting[lane] = w[1:]
	q.mu.Unlock()
	if f, err = q.read(s); err != nil {
		q.end(s)
		return nil, s.lines, fmt.Errorf("read queue: %s at offset %d: %w", q.name(s.file), s.at, err)
	}
	return f, s.lines, nil
}

func (q *Queue) read(s slot) (*Flight, error) {
	file, err := q.book.fs.Open(q.name(s.file))
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	var head [frameHead]byte
	if _, err := file.ReadAt(head[:], s.at); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxJournalBytes {
		return nil, errors.New("bad length")
	}
	if size, err := file.Size(); err != nil || int64(n) > size-s.at {
		return nil, errors.Join(errors.New("bad length"), err)
	}
	p := make([]byte, n)
	if _, err := file.ReadAt(p, s.at+frameHead); err != nil {
		return nil, err
	}
	if encbuf.Checksum(p) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errors.New("bad checksum")
	}
	d := encbuf.NewDecoder(p[1:])
	q.book.mu.Lock()
	f, ok := q.book.decodeFlight(&d)
	q.book.mu.Unlock()
	if !ok {
		return nil, errors.New("not a batch")
	}
	f.book, f.Client, f.queue, f.slot = q.book, q.client, q, s
	return f, nil
}

// end notes that a batch is done with.
func (q *Queue) end(s slot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left[s.lane]--
	if s.file.left--; s.file.left == 0 {
		q.book.askForSave() // so that the file goes
	}
	d := binary.AppendUvarint(append(make([]byte, frameHead, 32), 'D'), uint64(q.client))
	// Without it a crash now sends the batch again, as it was.
	_, _ = q.write(binary.AppendUvarint(d, s.number), false)
}

// finished are the files of which nothing is needed once the positions are
// saved. Nothing is written to them any more.
func (q *Queue) finished() []*queueFile {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.files) && q.files[n].left == 0 {
		n++
	}
	if n > 0 && n == len(q.files) && q.last != nil {
		_ = q.last.Close()
		q.last = nil
	}
	return slices.Clone(q.files[:n])
}

// remove removes files that finished returned.
func (q *Queue) remove(files []*queueFile) error {
	for _, f := range files {
		if err := q.book.fs.Remove(q.name(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove queue: %w", err)
		}
		q.mu.Lock()
		q.files = slices.DeleteFunc(q.files, func(o *queueFile) bool { return o == f })
		q.bytes -= f.size
		q.mu.Unlock()
	}
	return nil
}

func (q *Queue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.last == nil {
		return nil
	}
	err := q.last.Close()
	q.last = nil
	return err
}
