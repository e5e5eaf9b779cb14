package tail

import (
	"errors"
	"io/fs"
	"time"
)

// forgetAfter is how long a path is gone, and named by no target, until its
// positions are forgotten: a volume that is away for a while comes back to them.
const forgetAfter = 24 * time.Hour

// forget drops the positions of paths that no target has named for a day, that
// are not there, and of which nothing is left beside them. Without it the
// positions of pods that went while the agent was away would stay for ever.
func (t *Tailer) forget(found map[streamKey]*Target, now time.Time) {
	named := make(map[string]bool, len(found))
	for key := range found {
		named[key.path] = true
	}
	t.mu.Lock()
	for key := range t.streams {
		named[key.path] = true // it is read to its end
	}
	t.mu.Unlock()
	paths := t.book.Paths()
	known := make(map[string]bool, len(paths))
	for _, path := range paths {
		known[path] = true
		if named[path] {
			delete(t.unnamed, path)
			continue
		}
		since, ok := t.unnamed[path]
		switch {
		case !ok:
			t.unnamed[path] = now
		case now.Sub(since) >= forgetAfter && vanished(path):
			for _, k := range t.book.Files(path) {
				t.book.Forget(k)
			}
			delete(t.unnamed, path)
		}
	}
	for path := range t.unnamed {
		if !known[path] {
			delete(t.unnamed, path)
		}
	}
}

// vanished reports whether nothing lies at a path, nor under the names that
// rotation would have given it.
func vanished(path string) bool {
	if _, err := stat(path); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	left, settled := siblings(path)
	return settled && len(left) == 0
}
