package logcli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"
)

const (
	// progressAfter is how long work goes on before there is something to say of it.
	progressAfter = time.Second
	progressEvery = 250 * time.Millisecond
	wipe          = "\r\x1b[K"
)

// A screen is where a run writes to. Writes of whole results and messages do not
// mix, and a line of progress is wiped before either.
type screen struct {
	terminal bool // stdout is one
	colours  bool
	progress bool // may be shown

	entries  atomic.Int64 // that were fetched
	requests atomic.Int64
	jobs     atomic.Int64
	jobsDone atomic.Int64

	mu    sync.Mutex // guards the fields below
	out   *bufio.Writer
	err   io.Writer
	shown bool // progress is on the terminal
}

func newScreen(stdout, stderr io.Writer) *screen {
	s := &screen{out: bufio.NewWriterSize(stdout, 64<<10), err: stderr, terminal: isTerminal(stdout), progress: isTerminal(stderr)}
	_, plain := os.LookupEnv("NO_COLOR")
	s.colours = s.terminal && !plain && os.Getenv("TERM") != "dumb"
	return s
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// wipeLocked takes the line of progress away.
func (s *screen) wipeLocked() {
	if s.shown {
		fmt.Fprint(s.err, wipe)
		s.shown = false
	}
}

// write writes a piece of the results, and shows it at once on a terminal.
func (s *screen) write(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal {
		s.wipeLocked()
	}
	_, err := s.out.Write(text)
	if err == nil && s.terminal {
		err = s.out.Flush()
	}
	return err
}

// flush makes all results visible to whoever reads them.
func (s *screen) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Flush()
}

// logf writes a message with its time to stderr.
func (s *screen) logf(format string, args ...any) {
	s.plainf("%s %s\n", time.Now().Format("2006/01/02 15:04:05"), fmt.Sprintf(format, args...))
}

// plainf writes to stderr.
func (s *screen) plainf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipeLocked()
	fmt.Fprintf(s.err, format, args...)
}

// showProgress shows how far long work is, where stderr is a terminal. It ends
// when stop is called.
func (s *screen) showProgress(wanted bool) (stop func()) {
	if !wanted || !s.progress {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(done)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				s.mu.Lock()
				s.wipeLocked()
				s.mu.Unlock()
				return
			case <-tick.C:
				if past := time.Since(begun); past >= progressAfter {
					s.mu.Lock()
					fmt.Fprint(s.err, wipe+s.status(past))
					s.shown = true
					s.mu.Unlock()
				}
			}
		}
	}()
	return func() { close(quit); <-done }
}

// status is the line of progress.
func (s *screen) status(past time.Duration) string {
	text := past.Round(time.Second).String() + ": "
	if jobs := s.jobs.Load(); jobs > 0 {
		text += strconv.FormatInt(s.jobsDone.Load(), 10) + " of " + strconv.FormatInt(jobs, 10) + " parts, "
	}
	if entries := s.entries.Load(); entries > 0 {
		return text + humanize.Comma(entries) + " entries in " + humanize.Comma(s.requests.Load()) + " answers"
	}
	return text + "waiting for the server"
}
