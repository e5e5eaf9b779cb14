package tail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/go-kit/log/level"

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
	// maxLinks is how many symbolic links lead to a file.
	maxLinks = 40
)

// A stream is what lies at one path, over time.
type stream struct {
	t      *Tailer
	job    string
	path   string
	logged string // what was last said of its trouble, so that it is said once

	// Used by the goroutine that has the stream, see Tailer.take.
	chain entry.Chain

	mu       sync.Mutex // guards the fields below
	target   *Target
	labels   *entry.Labels
	gens     []*generation // older first; the last may lie at the path
	lines    int64         // read
	real     string        // path without symbolic links
	missing  bool          // nothing lies at the path
	searches int           // how often rotated files were looked for in vain
	leaving  bool          // no target names the path any more
	passedOn bool          // and its stages hold nothing back
	gone     bool          // the tailer has it no more

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
	if s.target == nil || s.gone {
		return false // it is being made, or was let go while this waited
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
	case g.blank() && (id.modified != g.id.modified || id.size > 0):
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
	case g.format == Plain && id.size == g.next && id.modified != g.id.modified:
		// What was emptied, or removed and made anew, may be just as long.
		switch p := g.firstBytes(); {
		case p.bytes < 0:
			return // it has another name by now
		case p != g.prefix:
			s.truncate(g, now)
			s.begin(id, now)
			return
		}
	}
	if g.file != nil || id.size <= g.next {
		g.id = id
	} else {
		g.id.size = id.size // whether it is the same file shows when it is open
	}
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

// sight has the journal know the first bytes of an open file. Of one whose first
// bytes are known already it notes nothing: it may be another by now.
func (s *stream) sight(g *generation) error {
	learned, err := g.sight()
	if learned {
		g.learned = true
		s.learned(g)
	}
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
	if g.rotated && g.prefix.bytes == 0 {
		// What has its name and inode by now may be another's.
		at := sibling{name: g.name, id: g.id, format: g.format}
		if id, err := stat(g.name); err == nil && id.same(g.id) && id.size > 0 {
			if at.id = id; s.taken(&at, g.track) {
				s.drain(g)
				return false
			}
		}
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
	if !errors.Is(err, errTruncated) && !starved(err) {
		g.failed++
	}
	switch gone := errors.Is(err, fs.ErrNotExist); {
	case errors.Is(err, errTruncated):
		s.truncate(g, time.Now())
	case gone && !g.rotated:
		// It is being rotated; what is there now is seen at the next look.
	case g.failed > maxFailures && g.rotated || gone && g.failed > maxSearches:
		s.lose(g, err)
	case !gone:
		s.complain("file cannot be read", err)
	}
	return false
}

// starved reports whether an error is for want of descriptors or memory, which
// tells nothing of a file.
func starved(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM)
}

// canOpen reports whether there is a descriptor with which to look at the folder
// of a path.
func (t *Tailer) canOpen(path string) bool {
	f, err := os.Open(filepath.Dir(path))
	if err != nil {
		return !starved(err)
	}
	_ = f.Close()
	return true
}

// trim closes the files that are not read at the moment while there are too many
// open. They are opened again where they are then; compressed ones would be read anew.
func (s *stream) trim() {
	for _, g := range s.gens {
		if g.file != nil && g.inflated == nil && !s.t.mayOpen() {
			s.close(g)
		}
	}
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
		if s.t.mayOpen() {
			s.open(g)
		}
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
	if g.rotated { // it was a copy already, or lies somewhere else by now
		if g.failed++; g.failed > maxSearches || !s.locate(g) {
			s.lose(g, errTruncated)
		}
		return
	}
	s.t.metrics.rotations.WithLabelValues("truncated").Inc()
	g.rotated, g.quiet, g.name = true, now, ""
	// The last look may have been at what came after it.
	s.t.book.Move(g.track, func(n *position.Name) { n.File, g.id.modified = position.File{}, n.Modified })
}

// locate finds a generation under the name that rotation gave it.
func (s *stream) locate(g *generation) bool {
	found, _ := siblings(g.origin)
	fits := func(sib sibling) bool { return sib.holds(g.track) && !s.reads(sib.id) }
	i := -1
	if g.prefix.bytes > 0 {
		i = slices.IndexFunc(found, func(sib sibling) bool { return sib.id.same(g.id) && fits(sib) })
	} else {
		// Of a file of which nothing was seen only the inode is known.
		i = slices.IndexFunc(found, func(sib sibling) bool {
			return sib.id.same(g.id) && sib.format == g.format && !s.reads(sib.id) && !s.taken(&sib, g.track)
		})
	}
	for n := len(found) - 1; i < 0 && n >= 0; n-- {
		if fits(found[n]) {
			i = n
		}
	}
	if i < 0 {
		return false
	}
	s.move(g, found[i])
	if g.prefix.bytes == 0 && g.id.size > 0 {
		s.renew(g)
	}
	return true
}

// renew gives a generation that was empty when it was seen a track of its own,
// now that a file with its inode is not: it may be a later one.
func (s *stream) renew(g *generation) {
	empty := g.track
	n := empty.Name()
	n.File, n.Modified, n.Size = g.id.File, g.id.modified, g.id.size
	g.track = s.t.book.NewFile(n, 0)
	s.t.own(g.track, s)
	s.t.finish(empty)
}

// taken reports whether a sibling is of another track than one that has only its
// inode, or is a copy in the making of what lies at the path.
func (s *stream) taken(sib *sibling, by *position.Track) bool {
	if id, err := stat(s.path); err == nil && sib.begins(sibling{name: s.realPath(), id: id, format: s.target.Format}) {
		return true
	}
	of := append(s.t.book.Files(s.path), s.t.book.OfFile(s.job, sib.id.File))
	return slices.ContainsFunc(of, func(t *position.Track) bool {
		if t == nil || t == by {
			return false
		}
		n := t.Name()
		return n.Job == s.job && n.PrefixBytes > 0 && sib.holds(t)
	})
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
	s.t.book.Move(g.track, func(n *position.Name) { n.File = sib.id.File })
}

// lose gives up a file that is nowhere to be found.
func (s *stream) lose(g *generation, err error) {
	g.rotated = true
	if n := g.unread(); n > 0 {
		level.Warn(s.t.logger).Log("msg", "file is gone before it was read to its end", "path", s.path, "err", err, "bytes", n)
		s.t.metrics.lost.Inc()
	}
	s.drain(g)
}

// drain ends the reading of a generation.
func (s *stream) drain(g *generation) {
	s.close(g)
	g.drained = true
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
			if g.format == Plain { // what is compressed may have the time of that
				g.track.Rename(func(n *position.Name) { n.Modified = max(n.Modified, g.id.modified) })
			}
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
		if s.real = resolve(s.path); s.real == s.path {
			s.real = s.path // one text for both: there may be many
		}
	}
	return s.real
}

// resolve follows symbolic links, the last one also to where nothing lies: in
// the midst of a rotation that is so.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	for range maxLinks {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
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
