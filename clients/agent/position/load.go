package position

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// Files longer than this are not ours.
const (
	maxFileBytes    = 1 << 30
	maxJournalBytes = 1 << 30
)

func (b *Book) load() error {
	text, err := vfs.ReadFile(b.fs, b.file, maxFileBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p, err := parseFile(text)
	if err != nil {
		if !b.opts.IgnoreInvalid {
			return fmt.Errorf("%s: %w; correct or remove it, or set ignore_invalid_yaml to begin anew", b.file, err)
		}
		p = parsed{}
	}
	b.foreign = p.values
	if b.foreign == nil {
		b.foreign = map[string]string{}
	}
	clients := b.clientNumbers(p.header.Clients)
	for i := range p.tracks {
		b.restore(&p.tracks[i], clients)
	}
	var overruled []uint64
	for id, t := range b.tracks {
		// What another program wrote rules, but only where it wrote something else.
		if v, ok := p.values[t.name.Path]; ok && t.name.Path != "" && !b.stands(t.name.Path, v) {
			overruled = append(overruled, id)
		} else if v, ok := p.values[t.name.Key]; ok && t.name.Key != "" && (len(t.notes) == 0 || t.notes[0].text != v) {
			overruled = append(overruled, id)
		}
	}
	for _, id := range overruled {
		b.drop(id)
	}
	for _, t := range b.tracks {
		delete(b.foreign, t.name.Path)
		delete(b.foreign, t.name.Key)
	}
	return b.loadJournal(p.header.Generation)
}

// stands reports whether value is what the agent saves for a path.
func (b *Book) stands(path, value string) bool {
	offset, ok := parseOffset(value)
	return ok && len(b.byPath[path]) > 0 && b.offset(path, func(t *Track) int64 { return t.low }) == offset
}

// offset is the position of the newest file of a path: the lowest, when several
// jobs read it.
func (b *Book) offset(path string, lowOf func(*Track) int64) int64 {
	newest := map[string]int64{}
	for _, t := range b.byPath[path] {
		newest[t.name.Job] = lowOf(t)
	}
	low := int64(math.MaxInt64)
	for _, l := range newest {
		low = min(low, l)
	}
	return low
}

func (b *Book) drop(id uint64) {
	t := b.tracks[id]
	delete(b.tracks, id)
	delete(b.byKey, t.name.Key)
	if b.byFile[t.name.key()] == t {
		delete(b.byFile, t.name.key())
	}
	b.leave(t.name.Path, t)
}

// clientNumbers returns, for each of this book's clients, its number in a file
// that names saved ones, or -1. Where both have one client they are the same
// one, whatever its name.
func (b *Book) clientNumbers(saved []string) []int {
	out := make([]int, len(b.opts.Clients))
	for i, name := range b.opts.Clients {
		out[i] = slices.Index(saved, name)
	}
	if len(out) == 1 && len(saved) == 1 {
		out[0] = 0
	}
	return out
}

// restore makes a track as it was saved.
func (b *Book) restore(s *saved, clients []int) {
	if s.ID == 0 || len(s.Sets) == 0 {
		return
	}
	if t := b.tracks[s.ID]; t != nil {
		// Later news of it. What is settled is in the journal one by one.
		before := t.name
		t.name = s.Name
		b.renamed(t, &before)
		return
	}
	least := savedSet{Low: s.low()}
	t := NewTrack(b.ledger)
	t.id, t.name = s.ID, s.Name
	for i, n := range clients {
		set := least
		switch {
		case n >= 0 && n < len(s.Sets):
			set = s.Sets[n]
		case len(s.Sets) == 1:
			set = s.Sets[0]
		}
		t.settled[i] = set.set()
	}
	if s.Text != "" {
		t.notes = []note{{s.At, s.Text}}
	}
	t.advance()
	b.lastTrack = max(b.lastTrack, s.ID)
	b.tracks[s.ID] = t
	if s.Name.Key != "" {
		b.byKey[s.Name.Key] = t
		return
	}
	b.byPath[s.Name.Path] = append(b.byPath[s.Name.Path], t)
	// An inode that was moved to says more than an empty file that once had it.
	if o := b.byFile[t.name.key()]; o == nil || o.name.PrefixBytes == 0 || t.name.PrefixBytes > 0 {
		b.byFile[t.name.key()] = t
	}
}

func (s *savedSet) set() Set {
	var out Set
	rs := make([]Range, 0, 1+len(s.Over))
	rs = append(rs, Range{0, max(0, s.Low)})
	for _, r := range s.Over {
		rs = append(rs, Range{max(0, r[0]), max(0, r[1])})
	}
	out.Add(SortRanges(rs)...)
	return out
}

type parsed struct {
	header header
	tracks []saved
	values map[string]string
}

// parseFile reads a positions file. Comments that are not what this agent
// writes are passed over.
func parseFile(text []byte) (parsed, error) {
	var p parsed
	var rest []byte // without our comments, which take a YAML parser long
	for line := range bytes.Lines(text) {
		after, ok := bytes.CutPrefix(line, []byte(comment))
		switch {
		case !ok:
			rest = append(rest, line...)
		case p.header.Version == 0:
			if json.Unmarshal(after, &p.header) != nil {
				p.header = header{}
			}
		case p.header.Version == version:
			var s saved
			if json.Unmarshal(after, &s) == nil {
				p.tracks = append(p.tracks, s)
			}
		}
	}
	if p.header.Version != version {
		p.header = header{}
	}
	if values, ok := parseLines(rest); ok {
		p.values = values
		return p, nil
	}
	var file struct {
		Positions map[string]string `yaml:"positions"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(rest))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil && len(bytes.TrimSpace(rest)) > 0 {
		return parsed{}, err
	}
	p.values = file.Positions
	return p, nil
}

// parseLines reads positions as this agent writes them, a line for each, and
// reports whether they are written so.
func parseLines(text []byte) (map[string]string, bool) {
	text, ok := bytes.CutPrefix(text, []byte("positions:\n"))
	if !ok {
		return nil, false
	}
	values := make(map[string]string, bytes.Count(text, []byte{'\n'}))
	for line := range bytes.Lines(text) {
		line, ok := bytes.CutPrefix(line, []byte("  "))
		d := json.NewDecoder(bytes.NewReader(line))
		var key, value string
		if !ok || d.Decode(&key) != nil {
			return nil, false
		}
		line, ok = bytes.CutPrefix(line[d.InputOffset():], []byte(": "))
		if !ok || json.Unmarshal(line, &value) != nil {
			return nil, false
		}
		if _, twice := values[key]; twice {
			return nil, false
		}
		values[key] = value
	}
	return values, true
}

func parseOffset(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

func dirOf(file string) string { return filepath.Dir(file) }

// loadJournal applies the journal files from a generation on.
func (b *Book) loadJournal(from uint64) error {
	takenOver := from == 0 && len(b.foreign) > 0
	infos, err := b.fs.ReadDir(dirOf(b.file))
	if err != nil {
		if b.opts.ReadOnly {
			return nil
		}
		return err
	}
	var generations []uint64
	for _, info := range infos {
		after, ok := strings.CutPrefix(info.Name, filepath.Base(b.file)+".journal-")
		if n, err := strconv.ParseUint(after, 10, 64); ok && err == nil {
			generations = append(generations, n)
		}
	}
	slices.Sort(generations)
	r := replay{book: b, flights: map[uint64]*Flight{}}
	for _, n := range generations {
		b.generation = max(b.generation, n)
		b.old = append(b.old, n)
		// Files older than the positions are left over from a save, or from
		// before another program wrote the positions.
		if n < from || takenOver {
			continue
		}
		text, err := vfs.ReadFile(b.fs, b.journalName(n), maxJournalBytes)
		if err != nil {
			return err
		}
		r.file(text)
	}
	r.finish()
	if len(b.old) > 0 || takenOver {
		b.dirty.Store(true)
	}
	b.generation = max(b.generation, from)
	if n := len(b.old); n > 0 && b.old[n-1] == b.generation {
		b.old = b.old[:n-1] // beginJournal puts it there
	}
	return nil
}

// A replay reads the journal.
type replay struct {
	book    *Book
	clients []int // of the file: number there to number here, or -1
	saved   []int // its reverse
	flights map[uint64]*Flight
}

// file applies the frames of one file, up to the first that is not whole.
func (r *replay) file(text []byte) {
	r.clients, r.saved = nil, nil
	eachFrame(text, func(_ int64, payload []byte) { r.frame(payload) })
}

func (r *replay) frame(p []byte) {
	kind, d := p[0], encbuf.NewDecoder(p[1:])
	switch kind {
	case 'C':
		names := make([]string, d.Count(1<<16, 1))
		for i := range names {
			names[i] = strings.Clone(d.String())
		}
		r.saved = r.book.clientNumbers(names)
		r.clients = make([]int, len(names))
		for i := range r.clients {
			r.clients[i] = slices.Index(r.saved, i)
		}
	case 'T':
		var s saved
		if json.Unmarshal(p[1:], &s) == nil {
			r.book.restore(&s, r.saved)
		}
	case 'B':
		r.begin(&d)
	case 'D':
		client, number := d.Uvarint(), d.Uvarint()
		if f := r.flights[number]; d.Err() == nil && f != nil && r.client(client) == f.Client {
			for i := range f.Parts {
				part := &f.Parts[i]
				part.Track.Settle(f.Client, 0, part.Ranges...)
			}
			delete(r.flights, number)
		}
	}
}

func (r *replay) client(n uint64) int {
	if n >= uint64(len(r.clients)) {
		return -1
	}
	return r.clients[n]
}

func (r *replay) begin(d *encbuf.Decoder) {
	f, ok := r.book.decodeFlight(d)
	if !ok {
		return
	}
	f.Client = r.client(uint64(f.Client))
	r.book.lastFlight = max(r.book.lastFlight, f.number)
	if f.Client >= 0 {
		r.flights[f.number] = f
	}
}

// decodeFlight reads a batch. Its client is the number in the process that wrote
// it. Parts of tracks that are gone are left out. Call with b.mu held, or alone.
func (b *Book) decodeFlight(d *encbuf.Decoder) (*Flight, bool) {
	client := d.Uvarint()
	f := &Flight{book: b, Client: int(min(client, math.MaxInt32)), number: d.Uvarint()}
	f.Tenant = strings.Clone(d.String())
	f.Entries, f.Bytes = int64(d.Uvarint()), int64(d.Uvarint())
	f.Parts = make([]Part, 0, d.Count(1<<24, 3))
	for range cap(f.Parts) {
		id := d.Uvarint()
		t := b.tracks[id]
		part := Part{Track: t, Lines: int64(d.Uvarint())}
		part.Ranges = make([]Range, d.Count(1<<24, 2))
		last := int64(0)
		for i := range part.Ranges {
			start := last + int64(d.Uvarint())
			last = start + int64(d.Uvarint())
			part.Ranges[i] = Range{start, last}
			if start < 0 || last < start {
				return nil, false
			}
		}
		if d.Err() != nil {
			return nil, false
		}
		// A track that is gone was forgotten, or another program's offsets rule. Its
		// number must not become another's while a batch speaks of it.
		if b.lastTrack = max(b.lastTrack, min(id, math.MaxInt64)); t != nil {
			f.Parts = append(f.Parts, part)
		}
	}
	f.Body = slices.Clone(d.Rest())
	return f, d.Err() == nil
}

// finish leaves what no frame ended for the clients to send again.
func (r *replay) finish() {
	b := r.book
	for _, n := range sortedNumbers(r.flights) {
		f := r.flights[n]
		for i := range f.Parts {
			p := &f.Parts[i]
			p.Track.inFlight[f.Client].Add(p.Ranges...)
		}
		b.left = append(b.left, f)
		b.flights[n] = f
	}
}
