package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
)

// Key is the name of a journal's position, that of the scrape config's job.
func Key(job string) string { return "cursor-" + job }

// A Target reads a journal; it is an entry.Source.
type Target struct {
	cfg        Config
	opts       target.Options
	labeler    *target.Labeler
	journalctl string // the program

	running atomic.Bool
	// pause is how long to wait before a journalctl that ended is replaced.
	pause time.Duration
}

// New returns a target that reads once it runs. opts.Track is to be one that is
// saved, see [Key].
func New(cfg Config, opts target.Options) (*Target, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	program, err := exec.LookPath("journalctl")
	if err != nil {
		return nil, fmt.Errorf("journal: %w; it comes with systemd", err)
	}
	return &Target{
		cfg: cfg, opts: opts, journalctl: program, pause: time.Second,
		labeler: target.NewLabeler(cfg.Labels, opts.Relabel),
	}, nil
}

// Status tells which journal is read.
func (t *Target) Status() []entry.Status {
	path := t.cfg.Path
	if path == "" {
		path = "of this machine"
	}
	_, cursor := t.opts.Track.Resume()
	return []entry.Status{{
		Job: t.opts.Job, Type: "Journal", Ready: t.running.Load(),
		Discovered: t.labeler.Base(), Labels: t.labeler.Base(),
		Details: []entry.Detail{{Name: "journal", Value: path}, {Name: "position", Value: cursor}},
	}}
}

// maxPause is the longest pause between two runs of journalctl.
const maxPause = 30 * time.Second

// Run reads until ctx is done.
func (t *Target) Run(ctx context.Context) error {
	feed := target.NewFeed(ctx, t.opts)
	defer feed.Stop()
	r := &reading{Target: t, feed: feed}
	if _, r.cursor = t.opts.Track.Resume(); !t.cfg.resumes(r.cursor, time.Now()) {
		feed.StartAt(t.opts.Track.Anew())
	}
	said := ""
	for pause := t.pause; ; pause = min(2*pause, maxPause) {
		before := feed.Offset()
		// One that follows shows entries of the latest boot only: what an earlier one
		// left is read first.
		err := r.run(ctx, false)
		if err == nil {
			err = r.run(ctx, true)
		}
		if ctx.Err() != nil {
			return nil
		}
		if feed.Offset() > before {
			pause, said = t.pause, ""
		}
		if text := fmt.Sprint(err); text != said {
			said = text
			level.Warn(t.opts.Logger).Log("msg", "journalctl ended; others take its place until one goes on", "err", err, "job", t.opts.Job, "in", pause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// A reading is a target that runs.
type reading struct {
	*Target
	feed   *target.Feed
	cursor string // of the last entry that was passed on
	batch  []entry.Entry
	bytes  int
	noted  string // what journalctl said last when it ended well
}

// run runs journalctl and passes on what it writes, until it ends. Where it does
// not follow, an end with what there is is no error, whatever journalctl had to say:
// it speaks of each damaged file at each run, and reads the others.
func (r *reading) run(ctx context.Context, follow bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.journalctl, r.cfg.args(r.cursor, time.Now(), follow)...)
	var said tail
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.running.Store(true)
	err = r.read(ctx, out)
	r.running.Store(false)
	if !errors.Is(err, io.EOF) {
		cancel() // what is left in the pipe is read again, by its successor
	}
	waited := cmd.Wait()
	if errors.Is(err, io.EOF) && waited != nil {
		err = waited
	}
	text := strings.TrimSpace(string(said.text))
	if !follow && waited == nil && err == io.EOF { //nolint:errorlint // nothing else went wrong
		r.note(text)
		return nil
	}
	if text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return err
}

// note logs what journalctl said, once: the agent's own warnings may be entries of
// the journal that it reads.
func (r *reading) note(text string) {
	if text == "" || text == r.noted {
		return
	}
	r.noted = text
	level.Warn(r.opts.Logger).Log("msg", "journalctl has read what it could, and warns", "said", text, "job", r.opts.Job)
}

const (
	// maxBatchEntries and maxBatchBytes are when a batch is passed on although
	// there is more to read.
	maxBatchEntries = 1000
	maxBatchBytes   = 1 << 20
)

// read passes on the entries of a stream. The error says how it ended.
func (r *reading) read(ctx context.Context, in io.Reader) error {
	x := newExportReader(in)
	last := r.cursor
	for {
		rec, err := x.next()
		if err != nil {
			// What came whole goes on, or its offsets would stay open for ever.
			if passed := r.pass(ctx, last); passed != nil {
				err = errors.Join(err, passed)
			}
			return err
		}
		r.add(rec)
		last = rec.cursor
		if x.in.Buffered() == 0 || len(r.batch) >= maxBatchEntries || r.bytes >= maxBatchBytes {
			if err := r.pass(ctx, rec.cursor); err != nil {
				return err
			}
		}
	}
}

// pass passes on the batch, the last entry of which has a cursor.
func (r *reading) pass(ctx context.Context, cursor string) error {
	err := r.feed.Put(ctx, r.batch)
	clear(r.batch)
	r.batch, r.bytes = r.batch[:0], 0
	if err != nil {
		return err
	}
	if cursor != "" && cursor != r.cursor {
		r.cursor = cursor
		r.opts.Track.Note(r.feed.Offset(), cursor)
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

const maxTail = 2048

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if n := len(t.text); n > maxTail {
		t.text = bytes.Clone(t.text[n-maxTail:])
	}
	return len(p), nil
}
