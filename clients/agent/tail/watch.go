package tail

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

const (
	// eventsPerTurn is how many events are taken before a pause of eventPause:
	// each write of a line is one, and the system merges those that wait.
	eventsPerTurn = 1024
	eventPause    = 50 * time.Millisecond
)

// A watcher watches folders. Those that it cannot watch are left to polling.
type watcher struct {
	logger log.Logger
	events *fsnotify.Watcher // nil when the system has none for us

	mu        sync.Mutex
	dirs      map[string]bool // watched, or not
	sightless bool            // some folder is not watched
}

func newWatcher(logger log.Logger) *watcher {
	w := &watcher{logger: logger, dirs: map[string]bool{}}
	events, err := fsnotify.NewBufferedWatcher(eventsPerTurn)
	if err != nil {
		level.Warn(logger).Log("msg", "folders cannot be watched, files are polled", "err", err)
		w.sightless = true
		return w
	}
	w.events = events
	return w
}

// blind reports whether changes may come without events.
func (w *watcher) blind() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sightless
}

// add watches a folder, if it can be.
func (w *watcher) add(dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.dirs[dir]; known || w.events == nil || dir == "" {
		return
	}
	if silent(dir) {
		w.dirs[dir], w.sightless = false, true
		return
	}
	err := w.events.Add(dir)
	w.dirs[dir] = err == nil
	if err != nil {
		w.sightless = true
		level.Warn(w.logger).Log("msg", "folder cannot be watched, its files are polled", "dir", dir, "err", err)
	}
}

// forget is told that a folder is gone: its watch went with it.
func (w *watcher) forget(dir string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.dirs, dir)
}

func (w *watcher) close() {
	if w.events != nil {
		_ = w.events.Close()
	}
}

// watches takes events until ctx is done.
func (t *Tailer) watches(ctx context.Context) {
	if t.watch.events == nil {
		return
	}
	n := 0
	for {
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-t.watch.events.Events:
			if !ok {
				return
			}
			t.event(ev)
		case err, ok := <-t.watch.events.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				for _, s := range t.all() {
					t.enqueue(s)
				}
				t.askForScan()
			} else {
				level.Warn(t.logger).Log("msg", "events of files", "err", err)
			}
		}
		if n++; n%eventsPerTurn == 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(eventPause):
			}
		}
	}
}

func (t *Tailer) event(ev fsnotify.Event) {
	name := filepath.Clean(ev.Name)
	t.mu.Lock()
	of := t.byName[name]
	for _, s := range of {
		// One that was just read is looked at by the next poll.
		if ev.Op == fsnotify.Write && time.Since(s.active) < t.opts.Poll {
			continue
		}
		t.enqueueLocked(s)
	}
	t.mu.Unlock()
	if ev.Has(fsnotify.Remove) {
		t.watch.forget(name)
	}
	if len(of) == 0 && ev.Has(fsnotify.Create) {
		t.askForScan()
	}
}
