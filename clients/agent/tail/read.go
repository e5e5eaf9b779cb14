package tail

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

const (
	chunkBytes   = 128 << 10 // read at a time
	quantumBytes = 1 << 20   // read of one stream before the next has its turn
	// searchPause is how long to wait before a file is looked for again.
	searchPause = 200 * time.Millisecond
	// truncatePause is how soon a file that was truncated is looked at again.
	truncatePause = 10 * time.Millisecond
	// maxLineBytes is the longest line; the rest of a longer one is the next.
	maxLineBytes = 4 << 20
)

// A worker reads streams, one at a time.
type worker struct {
	t       *Tailer
	buf     []byte // what is read
	text    []byte // what was converted to UTF-8
	entries []entry.Entry
	head    [prefixBytes]byte
}

// outcome says how a stream goes on.
type outcome struct {
	more bool      // its turn is over, not its lines
	wake time.Time // when to look again though nothing changes; zero: never
	read bool      // something was read
}

// run reads what a stream has, up to a quantum.
func (w *worker) run(ctx context.Context, s *stream) (outcome, error) {
	s.mu.Lock()
	s.look(time.Now())
	if s.chain == nil && len(s.gens) > 0 {
		s.chain = s.target.Chain()
	}
	var out outcome
	if s.searches > 0 {
		out.wake = time.Now().Add(searchPause)
	}
	s.mu.Unlock()
	if s.chain == nil {
		return out, nil
	}
	for budget := quantumBytes; ; {
		n, wake, err := w.step(ctx, s)
		if err != nil {
			return out, err
		}
		if out.read = out.read || n > 0; n == 0 {
			out.wake = earlier(out.wake, wake)
			break
		}
		if budget -= n; budget <= 0 {
			out.more = true
			break
		}
	}
	if due := s.chain.Due(); !due.IsZero() && !due.After(time.Now()) {
		if err := s.chain.Flush(ctx, time.Now()); err != nil {
			return out, err
		}
	}
	if !out.more {
		if err := w.last(ctx, s); err != nil {
			return out, err
		}
	}
	out.wake = earlier(out.wake, s.chain.Due())
	s.mu.Lock()
	if s.searches > 0 { // a step may have begun to
		out.wake = earlier(out.wake, time.Now().Add(searchPause))
	}
	s.trim()
	s.mu.Unlock()
	return out, nil
}

// last has the stages of a stream that no target names any more, and of which
// all is read, pass on what they hold: nothing will follow it.
func (w *worker) last(ctx context.Context, s *stream) error {
	s.mu.Lock()
	over := s.leaving && !s.passedOn && !slices.ContainsFunc(s.gens, (*generation).pending)
	s.mu.Unlock()
	if !over {
		return nil
	}
	if err := s.chain.Flush(ctx, time.Time{}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passedOn = s.leaving
	return nil
}

// earlier returns the earlier of two times, of which the zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// step hands on one chunk of lines, and returns how many bytes that was. When it
// was none, wake says when to look again.
func (w *worker) step(ctx context.Context, s *stream) (n int, wake time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// While older files were read it may have been filled, copied and emptied.
	if g := s.current(); g != nil && g.blank() {
		s.look(time.Now())
	}
	g, data, wake := w.pick(s, time.Now())
	if g == nil {
		return 0, wake, nil
	}
	lines := w.split(s, g, data)
	// The journal must know the file before it knows a batch with lines of it.
	s.learned(g)
	s.mu.Unlock()
	err = s.chain.Put(ctx, w.entries)
	clear(w.entries)
	s.mu.Lock()
	if err != nil {
		return 0, wake, err
	}
	// Only now are the lines on their way, and the offset may move.
	g.advance(data, len(data))
	g.track.Pass(g.next)
	s.passedOn = false
	g.failed = 0
	if g.rotated {
		g.quiet = time.Now()
	}
	g.track.Read(lines)
	s.lines += lines
	return len(data), wake, nil
}

// pick finds the oldest generation with lines to read, and reads them. Call with
// s.mu held.
func (w *worker) pick(s *stream, now time.Time) (_ *generation, data []byte, wake time.Time) {
	for _, g := range s.gens {
		if g.drained || g.file == nil && !g.pending() {
			continue
		}
		if g.blank() && !g.rotated {
			return nil, nil, wake // only a look can tell whether its lines are the next ones
		}
		if !s.open(g) {
			if g.drained {
				continue
			}
			return nil, nil, earlier(wake, now.Add(searchPause+retryAfter(g.failed-maxSearches)))
		}
		data, eof, err := w.fill(s, g)
		if err == nil && len(data) > 0 {
			var learned bool
			learned, err = g.confirm(data, w.head[:])
			g.learned = g.learned || learned
		}
		if errors.Is(err, errTruncated) {
			s.truncate(g, now)
			return nil, nil, earlier(wake, now.Add(truncatePause)) // what was not read may be in a copy
		}
		if err != nil {
			s.close(g)
			if g.failed++; g.failed > maxFailures && g.rotated {
				s.lose(g, err)
				continue
			}
			s.complain("file cannot be read", err)
			return nil, nil, earlier(wake, now.Add(retryAfter(g.failed)))
		}
		n := s.target.Encoding.whole(data)
		ends := g.format != Plain || g.rotated && now.Sub(g.quiet) >= lineWait
		switch {
		case n == 0 && len(data) >= maxLineBytes:
			n = maxLineBytes
		case n == 0 && len(data) > 0 && eof && ends:
			n = len(data)
		}
		switch {
		case n > 0:
			return g, data[:n], wake
		case len(data) > 0 && g.rotated:
			return nil, nil, earlier(wake, g.quiet.Add(lineWait)) // what follows has to wait for the line
		case !g.rotated && g.format == Plain:
			return nil, nil, wake
		case g.format != Plain || now.Sub(g.quiet) >= linger:
			s.drain(g)
		default:
			wake = earlier(wake, g.quiet.Add(linger))
		}
	}
	return nil, nil, wake
}

// fill reads what follows, with room enough for a whole line.
func (w *worker) fill(s *stream, g *generation) (data []byte, eof bool, err error) {
	for room := len(w.buf); ; room *= 2 {
		if room > len(w.buf) {
			w.buf = make([]byte, room)
		}
		data, eof, err = g.fill(w.buf)
		if err != nil || eof || len(data) >= maxLineBytes || s.target.Encoding.whole(data) > 0 {
			return data, eof, err
		}
	}
}

// retryAfter is how long to wait after so many failures in a row.
func retryAfter(failures int) time.Duration {
	if failures <= 0 {
		return 0
	}
	return min(time.Minute, time.Second<<min(failures, 6))
}

// split makes entries of the lines in data, and returns how many it read. Lines
// that every client has are left out.
func (w *worker) split(s *stream, g *generation, data []byte) int64 {
	w.entries, w.text = w.entries[:0], w.text[:0]
	enc := s.target.Encoding
	if enc != nil {
		// Text is borrowed from this until the entries are put: it must not move.
		if need := 4 * len(data); cap(w.text) < need {
			w.text = make([]byte, 0, need)
		}
	}
	at, known := g.next, g.track.HasAny(g.next)
	for rest := data; len(rest) > 0; {
		line, n := enc.cut(rest)
		if n == 0 {
			line, n = rest, len(rest)
		}
		r := position.Range{Start: at, End: at + int64(n)}
		at += int64(n)
		rest = rest[n:]
		if known {
			// The beginning of a last line without an end was sent on its own.
			had := g.track.Common(r) - r.Start
			if had == int64(n) {
				continue
			}
			line = line[min(had, int64(len(line))):]
			r.Start += had
		}
		var text string
		good := true
		if w.text, text, good = enc.text(w.text, line); !good {
			s.t.metrics.encodingFailures.WithLabelValues(s.path).Inc()
		}
		w.entries = append(w.entries, entry.Entry{
			Labels: s.labels, Line: text,
			Mark: entry.Mark{Track: g.track, Range: r, Lines: 1},
		})
	}
	ts := s.t.clock.Next(len(w.entries))
	for i := range w.entries {
		w.entries[i].Timestamp = ts + int64(i)
	}
	return int64(len(w.entries))
}

// learned notes what is known of the file by now. Call with s.mu held.
func (s *stream) learned(g *generation) {
	if g.learned || g.id.modified-g.noted >= int64(time.Second) {
		g.learned, g.noted = false, g.id.modified
		g.track.Rename(func(n *position.Name) {
			n.PrefixBytes, n.Prefix = g.prefix.bytes, g.prefix.hash
			n.Modified = max(n.Modified, g.id.modified)
			n.Size = g.id.size
		})
		s.t.book.Described(g.track)
	}
}
