package tail

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

const (
	// lineWait is how long a rotated file's last line may stay without an end.
	lineWait = time.Second
	// linger is how long a rotated file is looked at for what is still written to it.
	linger = 5 * time.Second
	// maxFinished is how many finished generations of a path are remembered.
	maxFinished = 16
	// maxSearches is how often a rotated file is looked for before it counts as
	// lost: names change while they are read.
	maxSearches = 10
	// maxMissed is that for files that two listings agree are not there: each
	// further one keeps newer files waiting, and these may be removed meanwhile.
	maxMissed = 2
	// maxFailures is how often in a row a file may fail to be read.
	maxFailures = 20
)

// A stream is what lies at one path, over time.
type stream struct {
	t      *Tailer
	job    string
	path   string
	logged string // what was last said of its trouble, so that it is said once
	lines  prometheus.Counter
	bytes  prometheus.Gauge
	size   prometheus.Gauge

	// Used by the goroutine that has the stream, see Tailer.take.
	chain entry.Chain

	mu       sync.Mutex // guards the fields below
	target   *Target
	labels   *entry.Labels
	gens     []*generation // older first; the last may lie at the path
	real     string        // path without symbolic links
	missing  bool          // nothing lies at the path
	searches int           // how often rotated files were looked for in vain
	leaving  bool          // no target names the path any more

	// Guarded by the tailer's mutex.
	linked string // the path without symbolic links, as its folder is watched
	state  state
	again  bool      // something changed while it was running
	wakeAt time.Time // when it has something to do, though nothing changes
	active time.Time // when something was last read
}

type state uint8

const (
	idle state = iota
	queued
	running
)

// current is the generation that lies at the path, or nil.
func (s *stream) current() *generation {
	if n := len(s.gens); n > 0 && !s.gens[n-1].rotated {
		return s.gens[n-1]
	}
	return nil
}

// look finds out what lies at the path, and reports whether there is something
// to read. Call with s.mu held.
func (s *stream) look(now time.Time) bool {
	if s.target == nil {
		return false // it is being made
	}
	id, err := stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.missing = true
		if g := s.current(); g != nil {
			s.rotate(g, now, "removed")
		}
	case err != nil || !id.regular:
		s.complain("file is not read", err)
	default:
		s.missing = false
		s.found(id, now)
	}
	s.settle()
	return slices.ContainsFunc(s.gens, (*generation).pending)
}

// found is told what lies at the path.
func (s *stream) found(id identity, now time.Time) {
	if s.target.Format != Plain && time.Unix(0, id.modified).Add(s.target.Delay).After(now) {
		return // it may still be written
	}
	g := s.current()
	switch {
	case g == nil:
		s.begin(id, now)
		return
	case !g.id.same(id):
		s.rotate(g, now, "renamed")
		s.begin(id, now)
		return
	case g.format == Plain && g.prefix.bytes == 0 && g.next == 0 && id.modified != g.id.modified:
		// An empty file was filled. It may have been before, and copied and
		// truncated, so it begins anew.
		s.close(g)
		s.gens = s.gens[:len(s.gens)-1]
		s.begin(id, now)
		return
	case g.format == Plain && id.size < max(g.next, g.prefix.bytes):
		s.truncate(g, now)
		s.begin(id, now)
		return
	}
	g.id = id
	// A file with something to read is held open, so that it can be read even
	// when it is removed before a server takes its lines.
	if !g.pending() || g.file == nil && !s.t.mayOpen() || !s.open(g) {
		return
	}
	if errors.Is(s.sight(g), errTruncated) {
		s.truncate(g, now)
		s.begin(id, now)
	}
}

// sight has the journal know the first bytes of an open file.
func (s *stream) sight(g *generation) error {
	learned, err := g.sight()
	g.learned = g.learned || learned
	s.learned(g)
	return err
}

// open opens a generation, and reports whether that worked.
func (s *stream) open(g *generation) bool {
	if g.file != nil {
		return true
	}
	if g.name == "" && !s.missing {
		return false // see missed
	}
	err := g.open()
	if errors.Is(err, fs.ErrNotExist) && s.locate(g) {
		err = g.open()
	}
	if err == nil {
		s.t.opened.Add(1)
		s.logged = ""
		_ = s.sight(g) // a reader finds out what it says
		return true
	}
	g.failed++
	switch gone := errors.Is(err, fs.ErrNotExist); {
	case errors.Is(err, errTruncated):
		s.truncate(g, time.Now())
	case gone && !g.rotated:
		// It is being rotated; what is there now is seen at the next look.
	case g.failed > maxFailures || gone && g.failed > maxSearches:
		s.lose(g, err)
	case !gone:
		s.complain("file cannot be read", err)
	}
	return false
}

func (s *stream) close(g *generation) {
	if g.file != nil {
		s.t.opened.Add(-1)
	}
	g.close()
}

// rotate notes that a generation lies at the path no more.
func (s *stream) rotate(g *generation, now time.Time, how string) {
	g.rotated, g.quiet = true, now
	s.t.metrics.rotations.WithLabelValues(how).Inc()
	if g.file == nil {
		s.open(g)
	} else if id, err := statFile(g.file); err == nil {
		g.id = id
		_ = s.sight(g)
	}
}

// truncate ends a generation whose file was emptied. What was not read of it may
// be in a copy, and so may files that lay at the path since: the next begin finds
// them, as after a restart.
func (s *stream) truncate(g *generation, now time.Time) {
	s.close(g)
	s.t.metrics.rotations.WithLabelValues("truncated").Inc()
	if g.rotated { // it was a copy already, or lay somewhere else
		s.lose(g, errTruncated)
		return
	}
	g.rotated, g.quiet, g.name = true, now, ""
	s.t.book.Move(g.track, func(n *position.Name) {
		n.Device, n.Inode, n.Modified = 0, 0, max(n.Modified, g.id.modified)
	})
}

// locate finds a generation under the name that rotation gave it.
func (s *stream) locate(g *generation) bool {
	found, _ := siblings(g.origin)
	fits := func(sib sibling) bool { return sib.holds(g.track) && !s.reads(sib.id) }
	i := slices.IndexFunc(found, func(sib sibling) bool { return sib.id.same(g.id) && fits(sib) })
	for n := len(found) - 1; i < 0 && n >= 0; n-- {
		if fits(found[n]) {
			i = n
		}
	}
	if i < 0 {
		return false
	}
	s.move(g, found[i])
	return true
}

// reads reports whether a generation that is not drained is of that file, under
// that inode.
func (s *stream) reads(id identity) bool {
	return slices.ContainsFunc(s.gens, func(g *generation) bool {
		return !g.rotated && g.id.same(id)
	})
}

// move says where a generation's file, or a copy of it, is now.
func (s *stream) move(g *generation, sib sibling) {
	s.close(g)
	if sib.format != g.format {
		g.anchor = g.anchor[:0]
	}
	g.name, g.id, g.format = sib.name, sib.id, sib.format
	s.t.book.Move(g.track, func(n *position.Name) { n.Device, n.Inode = sib.id.device, sib.id.inode })
}

// lose gives up a file that is nowhere to be found.
func (s *stream) lose(g *generation, err error) {
	g.rotated = true
	if g.id.size > g.next {
		level.Warn(s.t.logger).Log("msg", "file is gone before it was read to its end", "path", s.path, "err", err, "bytes", max(0, g.id.size-g.next))
		s.t.metrics.lost.Inc()
	}
	s.drain(g)
}

// drain ends the reading of a generation.
func (s *stream) drain(g *generation) {
	s.close(g)
	g.drained = true
}

// begin finds the generations that lead up to the file that lies at the path.
func (s *stream) begin(id identity, now time.Time) {
	s.real = ""
	known := s.t.tracks(s.job, s.path)
	if len(known) == 0 {
		s.beginNew(id)
		return
	}
	here := sibling{name: s.realPath(), id: id, format: s.target.Format}
	if s.back(here, now) {
		return
	}
	// With a single glance most starts are over: the newest file that is known
	// still lies where it did.
	last := known[len(known)-1]
	// A file that was empty then may have been filled and copied since.
	if here.is(last) && !s.unfinished(known[:len(known)-1]) && (here.format != Plain || last.Name().PrefixBytes > 0) {
		s.resume(last, here)
		return
	}
	if !s.missed(here, known, now) {
		return
	}
	for _, t := range slices.Backward(known) {
		if here.is(t) && !s.owns(t) && s.t.claim(t, s) {
			s.resume(t, here)
			return
		}
	}
	s.adopt(here)
}

// back reports whether the newest file lies at the path again, as after a
// symbolic link was made anew. It is gone on with.
func (s *stream) back(here sibling, now time.Time) bool {
	n := len(s.gens)
	if n == 0 {
		return false
	}
	g := s.gens[n-1]
	if g.name == "" || g.format != here.format || !g.id.same(here.id) || !here.is(g.track) || here.id.size < g.next {
		return false
	}
	g.rotated, g.drained, g.name, g.failed = false, false, here.name, 0
	s.found(here.id, now)
	return true
}

// missed finds the generations that a path had since its newest known track, and
// those that were not read to their end. It reports false when it has to be
// called again, with a new look at the path, since names changed meanwhile.
func (s *stream) missed(here sibling, known []*position.Track, now time.Time) bool {
	last := known[len(known)-1]
	all, settled := siblings(s.realPath())
	tracks := make([]*position.Track, len(all))
	found := map[*position.Track]bool{}
	from := len(all) // of all: the first that is newer than what is known
	for i := range all {
		if tracks[i] = match(&all[i], known); tracks[i] == last {
			from = i
		}
		found[tracks[i]] = found[tracks[i]] || !all[i].id.same(here.id)
	}
	var lost []*position.Track
	for _, t := range known {
		if s.seeks(t) && !found[t] && !here.is(t) {
			lost = append(lost, t)
		}
	}
	at, err := stat(s.path)
	if moved := err != nil || !at.same(here.id); moved || len(lost) > 0 && s.searches < maxMissed || !settled && s.searches < maxSearches {
		s.searches++
		return false
	}
	s.searches = 0
	s.giveUp(lost)
	switch {
	case here.is(last) && last.Name().PrefixBytes > 0:
		from = len(all) // nothing beside the newest file is newer
	case from == len(all):
		// The newest known file is gone: time has to tell.
		newest := newestModified(known)
		for from > 0 && all[from-1].id.modified > newest {
			from--
		}
	}
	for i, sib := range all {
		t := tracks[i]
		switch {
		case sib.id.same(here.id) || t == nil && sib.begins(here):
		case t == nil && i >= from && !s.t.follows(s.job, sib.name) && !s.t.knows(s.job, &sib):
			s.add(sib, 0).found(sib, now)
		case t != nil && s.seeks(t) && !here.is(t):
			if g := s.generation(t); g != nil {
				s.move(g, sib)
			} else if s.t.claim(t, s) {
				s.resume(t, sib).found(sib, now)
				s.t.book.Move(t, func(n *position.Name) { n.Device, n.Inode = sib.id.device, sib.id.inode })
			}
		}
	}
	return true
}

// seeks reports whether a track is one that the file has to be found for.
func (s *stream) seeks(t *position.Track) bool {
	if g := s.generation(t); g != nil {
		return g.name == "" && !g.drained
	}
	owner := s.t.owner(t)
	return !t.Name().Finished && (owner == nil || owner == s)
}

// giveUp ends tracks whose files are nowhere to be found.
func (s *stream) giveUp(lost []*position.Track) {
	for _, t := range lost {
		g := s.generation(t)
		if g == nil {
			level.Warn(s.t.logger).Log("msg", "file was rotated away and is nowhere to be found", "path", s.path, "position", t.Low())
			s.t.metrics.lost.Inc()
			s.t.finish(t)
			continue
		}
		if g.id.size > g.next {
			level.Warn(s.t.logger).Log("msg", "file was truncated before it was read to its end, and there is no copy of it", "path", s.path, "bytes", g.id.size-g.next)
			s.t.metrics.lost.Inc()
		}
		s.drain(g)
	}
}

func newestModified(known []*position.Track) int64 {
	t := int64(0)
	for _, k := range known {
		t = max(t, k.Name().Modified)
	}
	return t
}

// owns reports whether a generation of the stream has the track.
func (s *stream) owns(t *position.Track) bool { return s.generation(t) != nil }

// generation is the one that has a track, or nil.
func (s *stream) generation(t *position.Track) *generation {
	for _, g := range s.gens {
		if g.track == t {
			return g
		}
	}
	return nil
}

// beginNew begins a path of which this agent has read nothing.
func (s *stream) beginNew(id identity) {
	here := sibling{name: s.realPath(), id: id, format: s.target.Format}
	if offset, ok := s.t.book.Foreign(s.path); ok {
		if offset > id.size && s.target.Format == Plain {
			offset = 0
		}
		s.add(here, offset)
		s.t.book.Taken(s.path)
		return
	}
	s.adopt(here)
}

// adopt begins a file that the path did not have before. It may have had another
// name, or be a copy of one that is read under another.
func (s *stream) adopt(here sibling) {
	id := here.id
	if t := s.t.book.ByInode(s.job, id.device, id.inode); t != nil && here.holds(t) {
		// The file had another name. Whoever read it under that one goes on.
		if owner := s.t.owner(t); owner != nil && owner != s {
			if other, err := stat(t.Name().Path); err != nil || !other.same(id) {
				return
			}
		} else if s.t.claim(t, s) {
			s.resume(t, here)
			return
		}
	} else if s.t.copied(s, here) {
		return
	}
	s.add(here, 0)
}

// is reports whether the sibling, at the path, goes on where a track ends.
func (s *sibling) is(t *position.Track) bool {
	n := t.Name()
	if s.id.device != n.Device || s.id.inode != n.Inode {
		return false
	}
	if s.format != Plain {
		return true
	}
	return s.id.size >= t.Low() && s.prefix(n.PrefixBytes) == prefix{n.PrefixBytes, n.Prefix}
}

// match finds the track that a sibling is of: by inode first, since copies look
// alike, then the one of which most is known, and of those the newest.
func match(sib *sibling, known []*position.Track) *position.Track {
	var best *position.Track
	most := int64(0)
	for _, t := range slices.Backward(known) {
		if !sib.holds(t) {
			continue
		}
		n := t.Name()
		if sib.format == Plain && n.Device == sib.id.device && n.Inode == sib.id.inode {
			return t
		}
		if n.PrefixBytes > most {
			best, most = t, n.PrefixBytes
		}
	}
	return best
}

func (s *stream) unfinished(tracks []*position.Track) bool {
	return slices.ContainsFunc(tracks, func(t *position.Track) bool {
		return !t.Name().Finished && !s.owns(t)
	})
}

// add begins a generation with a track of its own.
func (s *stream) add(at sibling, offset int64) *generation {
	n := position.Name{Job: s.job, Path: s.path, Device: at.id.device, Inode: at.id.inode, Modified: at.id.modified}
	if p := at.sight(); p.bytes > 0 {
		n.PrefixBytes, n.Prefix = p.bytes, p.hash
	}
	return s.resume(s.t.book.NewFile(n, offset), at)
}

// resume begins a generation where its track ends.
func (s *stream) resume(t *position.Track, at sibling) *generation {
	n := t.Name()
	if n.Finished && at.format == Plain {
		s.t.book.Move(t, func(n *position.Name) { n.Finished = false })
	}
	if n.PrefixBytes == 0 {
		if p := at.sight(); p.bytes > 0 {
			n.PrefixBytes, n.Prefix = p.bytes, p.hash
			s.t.book.Move(t, func(n *position.Name) { n.PrefixBytes, n.Prefix = p.bytes, p.hash })
		}
	}
	g := &generation{track: t, name: at.name, origin: s.realPath(), format: at.format, id: at.id, next: t.Low(), prefix: prefix{n.PrefixBytes, n.Prefix}}
	g.drained = n.Finished && at.format != Plain
	s.gens = append(s.gens, g)
	s.t.own(t, s)
	return g
}

// found says that the generation was found under a rotated name. One that was
// written to of late may still be.
func (g *generation) found(at sibling, now time.Time) {
	g.rotated, g.quiet, g.format = true, now, at.format
	if modified := time.Unix(0, at.id.modified); modified.Before(now) {
		g.quiet = modified
	}
}

// settle lets go of the generations that are read and acknowledged.
func (s *stream) settle() {
	kept := s.gens[:0]
	for _, g := range s.gens {
		if g.drained && g.track.Low() >= g.next {
			if s.t.finish(g.track); g.rotated {
				continue
			}
		}
		kept = append(kept, g)
	}
	clear(s.gens[len(kept):])
	s.gens = kept
}

// realPath is the path without symbolic links: where rotation happens.
func (s *stream) realPath() string {
	if s.real == "" {
		if real, err := filepath.EvalSymlinks(s.path); err == nil {
			s.real = real
		} else {
			return s.path
		}
	}
	return s.real
}

// complain logs a trouble once.
func (s *stream) complain(msg string, err error) {
	text := msg
	if err != nil {
		text = err.Error()
	}
	if s.logged == text {
		return
	}
	s.logged = text
	s.t.metrics.failed.WithLabelValues("error").Inc()
	level.Warn(s.t.logger).Log("msg", msg, "path", s.path, "err", text)
}
