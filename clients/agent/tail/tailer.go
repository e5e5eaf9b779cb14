package tail

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

// Options tune a [Tailer].
type Options struct {
	// Poll is how often files that are written to are looked at.
	Poll time.Duration
	// Sync is how often patterns are matched again.
	Sync time.Duration
	// NoWatch leaves all to polling.
	NoWatch bool

	// Jobs are those that have files, found yet or not.
	Jobs []string

	Book    *position.Book
	Clock   *entry.Clock
	Logger  log.Logger
	Metrics *Metrics
}

// A Tailer follows the files of all targets.
//
// Its life: [Tailer.Sync] tells it the targets of a job, as often as they change,
// and [Tailer.Run] reads until its context ends.
type Tailer struct {
	opts    Options
	book    *position.Book
	clock   *entry.Clock
	logger  log.Logger
	metrics *Metrics
	watch   *watcher
	opened  atomic.Int64 // files that are open
	maxOpen int64
	rescan  chan struct{}

	mu       sync.Mutex // guards the fields below; taken after a stream's
	work     *sync.Cond
	stopped  bool
	targets  map[string][]*Target // by job
	streams  map[streamKey]*stream
	byName   map[string][]*stream // by path, and by the path without symbolic links
	owners   map[*position.Track]*stream
	queue    []*stream
	hot      map[*stream]struct{} // written to of late, or with something due
	sweep    []*stream            // all others, in the order in which they are looked at
	exists   map[string]bool      // targets whose files another has: said already
	unnamed  map[string]time.Time // paths with positions that no target names: since when; of the scan alone
	scanning sync.Mutex

	collecting sync.Mutex            // taken before all others
	told       map[*stream]collected // by those that there were; guarded by collecting
}

type streamKey struct{ job, path string }

const (
	// hotFor is how long after the last line a stream is polled often.
	hotFor = 30 * time.Second
	// openFor is how long after that its file is kept open.
	openFor = 10 * time.Second
	// sweepPerPoll is how many other streams are looked at each time.
	sweepPerPoll = 2000
)

// New returns a tailer that does nothing yet.
func New(opts Options) *Tailer {
	if opts.Poll <= 0 {
		opts.Poll = 250 * time.Millisecond
	}
	if opts.Sync <= 0 {
		opts.Sync = 10 * time.Second
	}
	t := &Tailer{
		opts: opts, book: opts.Book, clock: opts.Clock, logger: log.With(opts.Logger, "component", "tail"), metrics: opts.Metrics,
		maxOpen: 512,
		rescan:  make(chan struct{}, 1),
		targets: map[string][]*Target{},
		streams: map[streamKey]*stream{},
		byName:  map[string][]*stream{},
		owners:  map[*position.Track]*stream{},
		hot:     map[*stream]struct{}{},
		exists:  map[string]bool{},
		unnamed: map[string]time.Time{},
	}
	t.work = sync.NewCond(&t.mu)
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		t.maxOpen = int64(min(limit.Cur/2, 16<<10))
	}
	return t
}

// Sync replaces the targets of a job. Files that no target names any more are
// read to their present end, and let go.
func (t *Tailer) Sync(job string, targets []*Target) {
	t.mu.Lock()
	t.targets[job] = targets
	t.mu.Unlock()
	t.askForScan()
}

func (t *Tailer) askForScan() {
	select {
	case t.rescan <- struct{}{}:
	default:
	}
}

// Run reads until ctx is done. Lines that were not put by then are read again
// after the next start.
func (t *Tailer) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	if !t.opts.NoWatch {
		t.watch = newWatcher(t.logger)
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() { t.reads(ctx) })
	}
	wg.Go(func() { t.scans(ctx) })
	wg.Go(func() { t.polls(ctx) })
	if t.watch != nil {
		wg.Go(func() { t.watches(ctx) })
	}
	<-ctx.Done()
	t.mu.Lock()
	t.stopped = true
	t.work.Broadcast()
	t.mu.Unlock()
	wg.Wait()
	if t.watch != nil {
		t.watch.close()
	}
	for _, s := range t.all() {
		s.mu.Lock()
		for _, g := range s.gens {
			s.close(g)
		}
		s.settle()
		s.mu.Unlock()
	}
	return nil
}

// all returns the streams, in order.
func (t *Tailer) all() []*stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*stream, 0, len(t.streams))
	for _, s := range t.streams {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *stream) int { return strings.Compare(a.path, b.path) })
	return out
}

// reads is the life of a worker.
func (t *Tailer) reads(ctx context.Context) {
	w := &worker{t: t, buf: make([]byte, chunkBytes)}
	for {
		s := t.take()
		if s == nil {
			return
		}
		out, err := w.run(ctx, s)
		t.put(s, out)
		if err != nil {
			return // that of ctx
		}
	}
}

// take waits for a stream with something to do; nil at the end.
func (t *Tailer) take() *stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.queue) == 0 && !t.stopped {
		t.work.Wait()
	}
	if t.stopped {
		return nil
	}
	s := t.queue[0]
	t.queue[0] = nil
	if t.queue = t.queue[1:]; len(t.queue) == 0 {
		t.queue = nil // the array behind it may have grown with a backlog
	}
	s.state, s.again = running, false
	return s
}

// put gives a stream back.
func (t *Tailer) put(s *stream, out outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.state, s.wakeAt = idle, out.wake
	if out.read {
		s.active = time.Now()
	}
	if out.read || !out.wake.IsZero() {
		t.hot[s] = struct{}{}
	}
	if out.more || s.again {
		t.enqueueLocked(s)
	}
}

func (t *Tailer) enqueue(s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enqueueLocked(s)
}

func (t *Tailer) enqueueLocked(s *stream) {
	switch s.state {
	case idle:
		s.state = queued
		t.queue = append(t.queue, s)
		t.work.Signal()
	case running:
		s.again = true
	}
}

// mayOpen reports whether another file may be held open. What a worker reads is
// opened in any case, and closed after its turn if it is one too many.
func (t *Tailer) mayOpen() bool { return t.opened.Load() < t.maxOpen }

// tracks returns what the book knows of a path, older files first. A path that
// the job has not read yet goes on where another job is: one that is no more
// leaves what it has read, of one that may still read it there are copies.
func (t *Tailer) tracks(job, path string) []*position.Track {
	var own, left, others []*position.Track
	for _, k := range t.book.Files(path) {
		switch n := k.Name(); {
		case n.Job == job:
			own = append(own, k)
		case t.hasJob(n.Job):
			others = append(others, k)
		default:
			left = append(left, k)
		}
	}
	switch {
	case len(own) > 0:
	case len(left) > 0:
		for _, k := range ofJob(left) {
			t.book.Move(k, func(n *position.Name) { n.Job = job })
			own = append(own, k)
		}
	case len(others) > 0:
		for _, k := range ofJob(others) {
			own = append(own, t.book.Copy(k, func(n *position.Name) { n.Job = job }))
		}
	}
	return own
}

// ofJob returns the tracks of the job that the newest is of.
func ofJob(tracks []*position.Track) []*position.Track {
	job := tracks[len(tracks)-1].Name().Job
	return slices.DeleteFunc(tracks, func(k *position.Track) bool { return k.Name().Job != job })
}

func (t *Tailer) hasJob(job string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.targets[job]
	return ok || slices.Contains(t.opts.Jobs, job)
}

// owner is the stream that reads a track, or nil.
func (t *Tailer) owner(k *position.Track) *stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.owners[k]
}

func (t *Tailer) own(k *position.Track, s *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owners[k] = s
}

// claim makes a stream the owner of a track, unless another one is.
func (t *Tailer) claim(k *position.Track, s *stream) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.owners[k]; o != nil && o != s {
		return false
	}
	t.owners[k] = s
	return true
}

// follows reports whether a stream of the job lies at a path.
func (t *Tailer) follows(job, path string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.byName[path], func(s *stream) bool { return s.job == job })
}

// leads reports whether a path that another stream of the job follows leads to
// the file that lies at a stream's.
func (t *Tailer) leads(s *stream, path string, id identity) bool {
	if path == s.path || !t.follows(s.job, path) {
		return false
	}
	at, err := stat(path)
	return err == nil && at.same(id)
}

// knows reports whether the stream's job read a file under some name, other than
// by a path that leads to where the stream's does.
func (t *Tailer) knows(s *stream, sib *sibling) bool {
	k := t.book.OfFile(s.job, sib.id.File)
	if k == nil || sib.format != Plain || !sib.holds(k) {
		return false
	}
	path := k.Name().Path
	return path == s.path || resolve(path) != s.realPath()
}

// copied reports whether a new file is a copy that rotation is making of one
// that is followed: that one will be truncated, and then what was not read of it
// is read from the copy. One that is shorter than what it would be a copy of may
// be in the making.
func (t *Tailer) copied(s *stream, here sibling) bool {
	dir, name := filepath.Split(here.name)
	for i := len(name) - 1; i > 0; i-- {
		if !strings.ContainsRune(".-_", rune(name[i])) || !isRotated(name, name[:i]) || !t.follows(s.job, dir+name[:i]) {
			continue
		}
		path := dir + name[:i]
		if id, err := stat(path); err == nil && here.begins(sibling{name: path, id: id}) {
			return true
		}
		of := t.tracks(s.job, path)
		for _, k := range slices.Backward(of) {
			n := k.Name()
			if n.PrefixBytes == 0 || n.Same(here.id.File) {
				continue
			}
			if here.prefix(n.PrefixBytes) == (prefix{n.PrefixBytes, n.Prefix}) {
				return true
			}
		}
	}
	return false
}

// finish notes that nothing is to be read of a track any more, and forgets the
// oldest of its path.
func (t *Tailer) finish(k *position.Track) {
	n := k.Name()
	if !n.Finished {
		t.book.Move(k, func(n *position.Name) { n.Finished = true })
	}
	t.mu.Lock()
	delete(t.owners, k)
	t.mu.Unlock()
	var old []*position.Track
	for _, o := range t.book.Files(n.Path) {
		if on := o.Name(); on.Job == n.Job && on.Finished {
			old = append(old, o)
		}
	}
	if len(old) <= maxFinished {
		return
	}
	slices.SortStableFunc(old, byModified)
	// One that still lies beside the path has to be known: a pattern may name it.
	there, _ := siblings(resolve(n.Path))
	for _, o := range old[:len(old)-maxFinished] {
		on := o.Name()
		if !slices.ContainsFunc(there, func(s sibling) bool { return on.Same(s.id.File) }) {
			t.book.Forget(o)
		}
	}
}
