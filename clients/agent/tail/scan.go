package tail

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// soon is how long after a change of a folder patterns are matched again, once
// for what may follow it: a folder is made before what is in it.
const soon = 500 * time.Millisecond

// scans matches patterns until ctx is done.
func (t *Tailer) scans(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	asked := false
	for {
		next := t.opts.Sync
		if asked {
			next = min(next, soon)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			asked = false
			next = t.opts.Sync
		case <-t.rescan:
			asked = true
			next = min(next, soon)
		}
		began := time.Now()
		t.scan()
		// Many files take long to find: no more than a tenth of the time goes there.
		if pause := 10 * time.Since(began); pause > next {
			next = pause
		}
		timer.Reset(next)
		if took := time.Since(began); asked && took > 10*time.Millisecond {
			select {
			case <-ctx.Done():
				return
			case <-time.After(5 * took):
			}
		}
	}
}

// scan finds the files of all targets, begins streams for the new ones, and lets
// go of those that are gone.
func (t *Tailer) scan() {
	t.scanning.Lock()
	defer t.scanning.Unlock()
	t.mu.Lock()
	jobs := make(map[string][]*Target, len(t.targets))
	for job, targets := range t.targets {
		jobs[job] = targets
	}
	t.mu.Unlock()
	found := map[streamKey]*Target{}
	for job, targets := range jobs {
		for _, target := range targets {
			paths, err := target.glob()
			if err != nil {
				level.Warn(t.logger).Log("msg", "pattern cannot be matched", "err", err, "job", job)
				t.metrics.failed.WithLabelValues("error").Inc()
				continue
			}
			if t.watch != nil {
				t.watch.add(target.base())
			}
			for _, p := range paths {
				key := streamKey{job, p}
				if first := found[key]; first == nil {
					found[key] = target
				} else if first.id() != target.id() && !t.exists[job+p] {
					t.exists[job+p] = true
					t.metrics.failed.WithLabelValues("exists").Inc()
					level.Warn(t.logger).Log("msg", "two targets of one job name a file; the first is served", "job", job, "path", p)
				}
			}
		}
	}
	// All are there before one begins: a stream asks what others follow.
	t.mu.Lock()
	for key := range found {
		if t.streams[key] == nil {
			s := &stream{t: t, job: key.job, path: key.path}
			t.streams[key] = s
			t.byName[key.path] = append(t.byName[key.path], s)
			t.sweep = append(t.sweep, s)
		}
	}
	t.mu.Unlock()
	var began []*stream
	for key, target := range found {
		if s := t.ensure(key, target); s != nil {
			began = append(began, s)
		}
	}
	// In an order that does not depend on chance.
	slices.SortFunc(began, func(a, b *stream) int { return strings.Compare(a.path, b.path) })
	for _, s := range began {
		t.enqueue(s)
	}
	t.prune(found)
	t.forget(found, time.Now())
	t.metrics.active.Set(float64(len(found)))
}

// ensure makes ready the stream of a path, and returns it if it is new; an old
// one learns of new labels.
func (t *Tailer) ensure(key streamKey, target *Target) *stream {
	t.mu.Lock()
	s := t.streams[key]
	t.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.target != nil
	s.leaving, s.passedOn = false, false
	if s.target != target {
		if s.target == nil || s.target.id() != target.id() {
			b := labels.NewBuilder(target.Labels)
			b.Set("filename", key.path)
			s.labels = entry.NewLabels(b.Labels())
		}
		s.target = target
	}
	if old {
		return nil
	}
	real := s.realPath()
	if t.watch != nil {
		t.watch.add(filepath.Dir(key.path))
		t.watch.add(filepath.Dir(real))
	}
	if real != key.path {
		t.mu.Lock()
		s.linked = real
		t.byName[real] = append(t.byName[real], s)
		t.mu.Unlock()
	}
	return s
}

// prune lets go of the streams that no pattern matches any more, when there is
// nothing left to read of them.
func (t *Tailer) prune(found map[streamKey]*Target) {
	t.mu.Lock()
	var gone []*stream
	for key, s := range t.streams {
		if found[key] == nil {
			gone = append(gone, s)
		}
	}
	t.mu.Unlock()
	for _, s := range gone {
		key := streamKey{s.job, s.path}
		s.mu.Lock()
		s.leaving = true
		busy := s.look(time.Now()) && !s.missing
		if s.missing {
			busy = len(s.gens) > 0
		}
		passedOn := s.passedOn
		s.mu.Unlock()
		t.mu.Lock()
		gone := !busy && s.state == idle && (passedOn || s.chain == nil)
		if gone {
			t.remove(key, s)
		} else {
			t.enqueueLocked(s)
		}
		t.mu.Unlock()
		if gone {
			t.release(s)
		}
	}
}

// remove takes a stream out of all lists. Call with t.mu held.
func (t *Tailer) remove(key streamKey, s *stream) {
	delete(t.streams, key)
	delete(t.hot, s)
	t.sweep = slices.DeleteFunc(t.sweep, func(o *stream) bool { return o == s })
	for _, name := range []string{s.path, s.linked} {
		left := slices.DeleteFunc(t.byName[name], func(o *stream) bool { return o == s })
		if len(left) == 0 {
			delete(t.byName, name)
		} else {
			t.byName[name] = left
		}
	}
}

// release closes what a stream holds, and forgets the positions of a path that
// is no more, with nothing left of it beside it.
func (t *Tailer) release(s *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.gens {
		s.close(g)
		t.mu.Lock()
		delete(t.owners, g.track)
		t.mu.Unlock()
	}
	s.gens, s.gone = nil, true
	t.metrics.forget(s.path)
	if _, err := stat(s.path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if left, settled := siblings(s.realPath()); len(left) > 0 || !settled {
		return
	}
	for _, k := range t.book.Files(s.path) {
		if n := k.Name(); n.Job == s.job && n.Finished {
			t.book.Forget(k)
		}
	}
}
