package tail

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// begin finds the generations that lead up to the file that lies at the path.
func (s *stream) begin(id identity, now time.Time) {
	s.real = ""
	if err := s.readable(id); err != nil {
		if starved(err) || errors.Is(err, fs.ErrNotExist) { // it passes, or another file lies there by now
			s.searches = max(s.searches, 1)
		} else {
			s.complain("file cannot be read", err) // until an event or the next scan
		}
		return
	}
	known := s.t.tracks(s.job, s.path)
	if len(known) == 0 {
		s.beginNew(id, now)
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
	if here.is(last) && !s.unfinished(known[:len(known)-1]) && (here.format != Plain || last.Name().PrefixBytes > 0) && s.t.claim(last, s) {
		s.regain(last, here, now)
		return
	}
	// It is read before missed looks whether it has its name still.
	of := here.tracks(known)
	if !s.missed(&here, known, of, now) {
		return
	}
	newest := s.t.tracks(s.job, s.path)
	for _, t := range slices.Backward(known) {
		switch {
		case !slices.Contains(of, t) || !s.t.claim(t, s):
			continue
		case t.Name().PrefixBytes == 0 && (t != newest[len(newest)-1] || here.id.size > 0 && s.t.copied(s, here)):
			// Files that came after the empty one were found, so this is a later one.
			s.giveUp([]*position.Track{t})
			s.adopt(here, now)
		default:
			s.regain(t, here, now)
		}
		return
	}
	s.adopt(here, now)
}

// readable opens what lies at the path: what nobody may read has no first bytes.
func (s *stream) readable(id identity) error {
	if id.size == 0 {
		return nil
	}
	f, err := os.Open(s.path)
	if err == nil {
		err = f.Close()
	}
	return err
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

// regain goes on with a file of the path that lies there again, or still. The
// stream may be reading it as one that was rotated away.
func (s *stream) regain(t *position.Track, here sibling, now time.Time) {
	g := s.generation(t)
	if g == nil {
		s.resume(t, here)
		return
	}
	s.close(g)
	g.rotated, g.drained, g.name, g.id, g.failed = false, false, here.name, here.id, 0
	s.gens = append(slices.DeleteFunc(s.gens, func(o *generation) bool { return o == g }), g)
	s.found(here.id, now)
}

// missed finds the generations that a path had since its newest known track, and
// those that were not read to their end; of are those that the file at the path
// may be of. It reports false when it has to be
// called again, with a new look at the path, since names changed meanwhile.
func (s *stream) missed(here *sibling, known, of []*position.Track, now time.Time) bool {
	last := known[len(known)-1]
	all, settled := siblings(s.realPath())
	tracks := make([]*position.Track, len(all))
	found := map[*position.Track]bool{}
	for i := range all {
		tracks[i] = match(&all[i], known)
		found[tracks[i]] = found[tracks[i]] || !all[i].id.same(here.id)
	}
	unseen := false // it is not known what some of them are
	for i := range all {
		if tracks[i] == nil {
			if t := s.unseen(&all[i], known); t != nil && !all[i].begins(*here) {
				tracks[i], found[t] = t, true
			}
			// Once it has another name, only this finds it again.
			all[i].seen = all[i].prefix(prefixBytes)
			unseen = unseen || all[i].seen.bytes < 0
		}
	}
	var lost []*position.Track
	for _, t := range known {
		if s.seeks(t) && !found[t] && !slices.Contains(of, t) {
			lost = append(lost, t)
		}
	}
	// What was matched counts only if all have their names still, and none was
	// added: what lies at the path may have been copied and emptied meanwhile. If
	// that is so later, it is not what it was here.
	twins := copies(all, tracks)
	here.seen = here.sight()
	again, err := listSiblings(s.realPath())
	settled = settled && !unseen && err == nil && slices.EqualFunc(all, again, sameFile)
	if (len(lost) > 0 || unseen) && !s.t.canOpen(s.realPath()) {
		s.searches = max(s.searches, 1)
		return false // for want of descriptors nothing is known of what lies there
	}
	at, err := stat(s.path)
	if moved := err != nil || !at.same(here.id) || here.format == Plain && here.id.size > 0 && here.seen.bytes == 0; moved || len(lost) > 0 && s.searches < maxMissed || !settled && s.searches < maxSearches {
		s.searches++
		return false
	}
	s.searches = 0
	s.giveUp(lost)
	from := len(all) // nothing beside the newest file is newer
	if !slices.Contains(of, last) || last.Name().PrefixBytes == 0 {
		from = unread(all, tracks, known)
	}
	for i, sib := range all {
		t := tracks[i]
		switch {
		case twins[i], sib.id.same(here.id), t == nil && sib.begins(*here):
		case t == nil && sib.format != Plain && sib.seen == prefix{}: // of an empty file
		case t == nil && i >= from && !s.t.follows(s.job, sib.name) && !s.t.knows(s, &sib):
			g := s.add(sib, 0)
			g.found(sib, now)
			tracks[i] = g.track
		case t != nil && s.seeks(t) && !slices.Contains(of, t):
			if g := s.generation(t); g != nil {
				s.move(g, sib)
			} else if sib.id.size > 0 && t.Name().PrefixBytes == 0 && s.t.claim(t, s) {
				s.t.finish(t) // a later file may have its inode
				g := s.add(sib, 0)
				g.found(sib, now)
				tracks[i] = g.track
			} else if s.t.claim(t, s) {
				s.resume(t, sib).found(sib, now)
				s.t.book.Move(t, func(n *position.Name) { n.File = sib.id.File })
			}
		}
	}
	s.order(tracks)
	return true
}

// order puts the generations in the order of the siblings that their tracks are
// of: one of which only the inode was known may turn out to be a later file.
func (s *stream) order(tracks []*position.Track) {
	place := func(g *generation) int { return slices.Index(tracks, g.track) }
	var at []int
	var found []*generation
	for i, g := range s.gens {
		if !g.drained && place(g) >= 0 {
			at, found = append(at, i), append(found, g)
		}
	}
	slices.SortStableFunc(found, func(a, b *generation) int { return cmp.Compare(place(a), place(b)) })
	for i, g := range found {
		s.gens[at[i]] = g
	}
}

// unseen is the track of which nothing is known but the sibling's inode, and that
// may still be of it: the file was empty when it was seen.
func (s *stream) unseen(sib *sibling, known []*position.Track) *position.Track {
	for _, t := range slices.Backward(known) {
		n := t.Name()
		if sib.format != Plain && sib.id.size != n.Size || n.Finished || n.PrefixBytes > 0 || !n.Same(sib.id.File) {
			continue
		}
		if g := s.generation(t); g == nil || !g.drained {
			return t
		}
	}
	return nil
}

// copies says which siblings are compressed copies, perhaps in the making, of
// others that are still there. tracks are those that siblings are of.
func copies(all []sibling, tracks []*position.Track) []bool {
	out := make([]bool, len(all))
	for i := range all {
		if all[i].format == Plain {
			continue
		}
		first := all[i].seen
		for j := range all {
			switch {
			case all[j].format != Plain:
			case tracks[i] != nil:
				out[i] = out[i] || tracks[i] == tracks[j]
			case all[i].name == all[j].name+filepath.Ext(all[i].name):
				out[i] = true
			case first.bytes > 0:
				out[i] = out[i] || all[j].prefix(first.bytes) == first
			}
		}
	}
	return out
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
			if size := t.Name().Size; size > t.Reached() {
				level.Warn(s.t.logger).Log("msg", "file was rotated away and is nowhere to be found", "path", s.path, "position", t.Low(), "bytes", size-t.Reached())
				s.t.metrics.lost.Inc()
			}
			s.t.finish(t)
			continue
		}
		if n := g.unread(); n > 0 {
			level.Warn(s.t.logger).Log("msg", "file was truncated before it was read to its end, and there is no copy of it", "path", s.path, "bytes", n)
			s.t.metrics.lost.Inc()
		}
		s.drain(g)
	}
}

// unread is the index of the first sibling that may not have been read: from there
// on, those are new that no track is of. The times of the newest tracks do not
// tell, since an empty file has that of what was written before it, or of what
// has its inode by now. That of the oldest does: of files since then every track
// is still known.
func unread(all []sibling, tracks, known []*position.Track) int {
	oldest, forgotten := oldestKept(known)
	mint := oldest.Name().Modified
	if !forgotten || slices.Contains(tracks, oldest) {
		mint-- // what is of the same moment is newer
	}
	i := len(all)
	for i > 0 && tracks[i-1] != oldest && (tracks[i-1] != nil || all[i-1].id.modified > mint) {
		i--
	}
	return i
}

// oldestKept is the track of the oldest file that is known, but none older than
// those that [Tailer.finish] keeps; forgotten says that there may have been such.
func oldestKept(known []*position.Track) (oldest *position.Track, forgotten bool) {
	finished := 0
	for _, t := range slices.Backward(slices.SortedStableFunc(slices.Values(known), byModified)) {
		oldest = t
		if t.Name().Finished {
			finished++
		}
		if finished == maxFinished {
			return oldest, true
		}
	}
	return oldest, false
}

func byModified(a, b *position.Track) int { return cmp.Compare(a.Name().Modified, b.Name().Modified) }

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
func (s *stream) beginNew(id identity, now time.Time) {
	here := sibling{name: s.realPath(), id: id, format: s.target.Format}
	if offset, ok := s.t.book.Foreign(s.path); ok {
		if offset > id.size && s.target.Format == Plain {
			offset = 0
		}
		s.add(here, offset)
		s.t.book.Taken(s.path)
		return
	}
	s.adopt(here, now)
}

// adopt begins a file that the path did not have before. It may have had another
// name, or be a copy of one that is read under another.
func (s *stream) adopt(here sibling, now time.Time) {
	t := s.t.book.OfFile(s.job, here.id.File)
	if t != nil && t.Name().PrefixBytes == 0 && (t.Name().Finished || !s.mayHaveBeen(t)) {
		t = nil // it was empty, and an inode alone tells nothing
	}
	switch {
	case t == nil || !here.holds(t) && (t.Name().Finished || t.Name().PrefixBytes > 0):
		if s.t.copied(s, here) {
			return
		}
	case s.t.leads(s, t.Name().Path, here.id):
		// Two paths lead to one file: it is read for each.
	case s.t.claim(t, s):
		s.regain(t, here, now)
		return
	default:
		return // Whoever read it under its other name goes on, to its end.
	}
	if at, err := stat(s.path); err != nil || !at.same(here.id) {
		s.searches = max(s.searches, 1)
		return // It has another name by now, by which it was not looked for.
	}
	s.add(here, 0)
}

// mayHaveBeen reports whether rotation may have moved a track's file to the path.
func (s *stream) mayHaveBeen(t *position.Track) bool {
	path := t.Name().Path
	return path == s.path || isRotated(filepath.Base(s.realPath()), filepath.Base(resolve(path)))
}

// tracks are those of known that the sibling, at the path, goes on where they end.
func (s *sibling) tracks(known []*position.Track) []*position.Track {
	return slices.DeleteFunc(slices.Clone(known), func(t *position.Track) bool { return !s.is(t) })
}

// is reports whether the sibling, at the path, goes on where a track ends.
func (s *sibling) is(t *position.Track) bool {
	n := t.Name()
	if !n.Same(s.id.File) {
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
		if sib.format == Plain && n.Same(sib.id.File) {
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
		return !t.Name().Finished && s.generation(t) == nil
	})
}

// add begins a generation with a track of its own.
func (s *stream) add(at sibling, offset int64) *generation {
	n := position.Name{Job: s.job, Path: s.path, File: at.id.File, Modified: at.id.modified, Size: at.id.size}
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
	g := &generation{track: t, name: at.name, origin: s.realPath(), format: at.format, id: at.id, next: t.Next(), prefix: prefix{n.PrefixBytes, n.Prefix}}
	g.drained = n.Finished && at.format != Plain
	s.gens = append(s.gens, g)
	s.t.own(t, s)
	return g
}
