package position

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// saved is a track as the positions file and the journal have it.
type saved struct {
	ID   uint64 `json:"id"`
	Name Name   `json:"name"`
	// Sets are by client, in the order of the header; one alone stands for all.
	Sets []savedSet `json:"sets"`
	// At and Text are the offset and the text to resume from, for sources that note them.
	At   int64  `json:"at,omitempty"`
	Text string `json:"text,omitempty"`
}

type savedSet struct {
	Low  int64      `json:"low"`
	Over [][2]int64 `json:"over,omitempty"`
}

// header is the first of the agent's comments.
type header struct {
	Version    int      `json:"version"`
	Generation uint64   `json:"journal"`
	Clients    []string `json:"clients"`
}

// version is that of the comments. Others are not read: the offsets are.
const version = 1

// comment begins each line that is for the agent alone.
const comment = "#skald "

// low is the position.
func (s *saved) low() int64 {
	low := s.Sets[0].Low
	for _, set := range s.Sets {
		low = min(low, set.Low)
	}
	return low
}

func (t *Track) saved() saved {
	s := saved{ID: t.id, Name: t.name}
	if len(t.notes) > 0 {
		s.At, s.Text = t.resume()
	}
	same := true
	for i := 1; i < len(t.settled) && same; i++ {
		same = t.settled[i].low == t.settled[0].low && slices.Equal(t.settled[i].over, t.settled[0].over)
	}
	for i := range t.settled {
		set := savedSet{Low: t.settled[i].low}
		for _, r := range t.settled[i].over {
			set.Over = append(set.Over, [2]int64{r.Start, r.End})
		}
		s.Sets = append(s.Sets, set)
		if same {
			break
		}
	}
	return s
}

// Changed says that a track's name or position is not the one that was saved.
func (b *Book) Changed() { b.dirty.Store(true) }

// Save writes the positions and begins a new journal, if a position changed or the
// journal is broken: a new one is how it is mended. After an error the old files
// are as good as they were.
func (b *Book) Save() error {
	if b.opts.ReadOnly || !b.dirty.Swap(false) && b.JournalError() == nil {
		return nil
	}
	b.saving.Lock()
	defer b.saving.Unlock()
	b.mu.Lock()
	done := make([][]*queueFile, len(b.queues))
	for i, q := range b.queues {
		if q != nil {
			done[i] = q.finished()
		}
	}
	text := b.render(b.generation + 1)
	// Positions that name the next journal are of no use without it: what is in
	// flight would be forgotten.
	if err := b.beginJournal(); err != nil {
		b.dirty.Store(true)
		b.mu.Unlock()
		return err
	}
	old := b.old
	b.mu.Unlock()
	if err := vfs.WriteFile(b.fs, b.file, text); err != nil {
		b.dirty.Store(true)
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, t := range b.tracks {
			t.described = 0 // the file that said what they are was not written
		}
		b.enough = b.journaled + b.opts.JournalBytes
		return fmt.Errorf("save positions: %w", err)
	}
	for _, generation := range old {
		if err := b.fs.Remove(b.journalName(generation)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove journal of positions: %w", err)
		}
	}
	b.mu.Lock()
	b.old = b.old[len(old):]
	b.mu.Unlock()
	var err error
	for i, q := range b.queues {
		if q != nil {
			err = errors.Join(err, q.remove(done[i]))
		}
	}
	return err
}

// render writes the file. Call with b.mu held.
func (b *Book) render(generation uint64) []byte {
	var out bytes.Buffer
	line := func(v any) {
		text, _ := json.Marshal(v) // strings and numbers
		out.WriteString(comment)
		out.Write(text)
		out.WriteByte('\n')
	}
	line(header{Version: version, Generation: generation, Clients: b.opts.Clients})
	values := maps.Clone(b.foreign)
	lows := make(map[*Track]int64, len(b.tracks))
	for _, id := range sortedNumbers(b.tracks) {
		t := b.tracks[id]
		t.mu.Lock()
		s := t.saved()
		t.mu.Unlock()
		t.described = generation
		line(s)
		lows[t] = s.low()
		if s.Name.Key != "" && s.Text != "" {
			values[s.Name.Key] = s.Text
		}
	}
	// The map must say what the comments say, although positions move meanwhile.
	for path := range b.byPath {
		values[path] = strconv.FormatInt(b.offset(path, func(t *Track) int64 { return lows[t] }), 10)
	}
	out.WriteString("positions:")
	if len(values) == 0 {
		out.WriteString(" {}")
	}
	out.WriteByte('\n')
	for _, k := range slices.Sorted(maps.Keys(values)) {
		out.WriteString("  ")
		out.Write(quote(k))
		out.WriteString(": ")
		out.Write(quote(values[k]))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// quote writes a string as JSON does, which is also YAML.
func quote(s string) []byte {
	if !utf8.ValidString(s) {
		return strconv.AppendQuoteToASCII(nil, s)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string
	return bytes.TrimSpace(out.Bytes())
}

func sortedNumbers[V any](m map[uint64]V) []uint64 { return slices.Sorted(maps.Keys(m)) }
