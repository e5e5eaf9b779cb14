package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A history is an agent's reading half, a server that keeps one of exact copies,
// and what writers and crashes do to them, one step after the other.
type history struct {
	*testing.T
	rnd  *rand.Rand
	logs string
	runs int
	run  string // where the positions are
	// jobs are the patterns of each job.
	jobs map[string]string

	book    *position.Book
	tailer  *Tailer
	worker  *worker
	cancel  context.CancelFunc
	ctx     context.Context
	flights []*position.Flight // not acknowledged
	away    bool               // the server answers nothing
	crash   func() bool        // asked before and after each batch is journalled
	change  func(*Target)
	stages  func(entry.Sink) entry.Chain
	left    string // the positions as a crash left them; empty while there was none

	got map[string]map[string]bool // times, by line

	// tick is how exact times of modification are.
	tick time.Duration
}

func newHistory(t *testing.T, seed uint64, glob string) *history {
	h := &history{T: t, rnd: rand.New(rand.NewPCG(seed, 5)), logs: t.TempDir(), run: t.TempDir(), got: map[string]map[string]bool{}, tick: 1}
	h.jobs = map[string]string{"job": filepath.Join(h.logs, glob)}
	h.start()
	return h
}

func (h *history) check(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *history) start() {
	ledger := position.NewLedger("c")
	var err error
	h.book, err = position.Open(vfs.OS, filepath.Join(h.run, "positions.yaml"), ledger, position.Options{Clients: []string{"c"}, NoSync: true})
	h.check(err)
	h.flights = h.book.InFlight(0)
	h.tailer = New(Options{
		Poll: 100 * time.Millisecond, NoWatch: true, Jobs: slices.Collect(maps.Keys(h.jobs)), Book: h.book,
		Clock: &entry.Clock{}, Logger: log.NewNopLogger(), Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	h.worker = &worker{t: h.tailer, buf: make([]byte, 256)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	for job, glob := range h.jobs {
		h.sync(job, glob)
	}
	h.left = ""
}

// sync gives a job one pattern, or none.
func (h *history) sync(job, glob string) {
	var targets []*Target
	if glob != "" {
		targets = []*Target{{Job: job, Path: glob, Chain: func() entry.Chain { return h.chain(chain{h}) }}}
		if h.change != nil {
			h.change(targets[0])
		}
	}
	h.tailer.Sync(job, targets)
}

// chain is what comes before the client: nothing, unless the test has stages.
func (h *history) chain(c entry.Chain) entry.Chain {
	if h.stages != nil {
		return h.stages(c)
	}
	return c
}

// A chain stands for stages and a client: each batch is a flight.
type chain struct{ h *history }

func (c chain) Due() time.Time                         { return time.Time{} }
func (c chain) Flush(context.Context, time.Time) error { return nil }

func (c chain) Put(ctx context.Context, entries []entry.Entry) error {
	h := c.h
	f := &position.Flight{}
	var body strings.Builder
	for i := range entries {
		m := &entries[i].Mark
		if m.Track.Has(0, m.Range) {
			continue
		}
		fmt.Fprintf(&body, "%d %s\n", entries[i].Timestamp, entries[i].Line)
		if len(f.Parts) == 0 {
			f.Parts = []position.Part{{Track: m.Track}}
		}
		f.Parts[0].Lines++
		f.Parts[0].Ranges = append(f.Parts[0].Ranges, m.Range)
	}
	if len(f.Parts) == 0 {
		return nil
	}
	f.Body = []byte(body.String())
	f.Parts[0].Ranges = position.SortRanges(f.Parts[0].Ranges)
	h.mayCrash()
	h.book.Begin(f)
	h.flights = append(h.flights, f)
	h.mayCrash()
	if !h.away {
		h.acknowledge(h.rnd.IntN(1 + len(h.flights)))
	}
	return nil
}

// mayCrash keeps the positions as a crash at this moment would leave them. What
// the process does from then on did not happen.
func (h *history) mayCrash() {
	if h.left != "" || h.crash == nil || !h.crash() {
		return
	}
	h.runs++
	h.left = filepath.Join(h.TempDir(), strconv.Itoa(h.runs))
	h.check(os.CopyFS(h.left, os.DirFS(h.run)))
}

// acknowledge has the server take the first flights. A crash may come between
// what it takes and what the agent hears of it.
func (h *history) acknowledge(n int) {
	for _, f := range h.flights[:n] {
		if h.left == "" {
			for line := range strings.Lines(string(f.Body)) {
				ts, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
				if h.got[text] == nil {
					h.got[text] = map[string]bool{}
				}
				h.got[text][ts] = true
			}
		}
		h.mayCrash()
		f.Done()
	}
	h.flights = h.flights[n:]
}

// turn lets the agent look, read and sleep for a poll period.
func (h *history) turn() {
	if h.rnd.IntN(4) == 0 {
		h.tailer.scan()
	}
	h.tailer.poll(time.Now())
	for n := 0; len(h.tailer.queue) > 0 && n < 1000; n++ {
		s := h.tailer.take()
		out, err := h.worker.run(h.ctx, s)
		h.check(err)
		h.tailer.put(s, out)
	}
	if h.rnd.IntN(8) == 0 {
		h.check(h.book.Save())
	}
	time.Sleep(h.tailer.opts.Poll)
}

// end ends the process: well, or as the crash left it.
func (h *history) end() {
	h.cancel()
	for _, s := range h.tailer.all() {
		for _, g := range s.gens {
			s.close(g)
		}
	}
	h.check(h.book.Close())
	if h.left != "" {
		h.run = h.left
	}
}

// A log is one file's writer.
type logFile struct {
	h     *history
	path  string
	style string
	lines []string
	turns int
	ends  []int // how many lines there were at each rotation
	keep  int   // how many rotated files are left when others are removed; 0: all
	// hurries says that it is rotated several times before anyone looks, also when it is empty.
	hurries bool
}

func (l *logFile) write(n int) {
	for range n {
		line := fmt.Sprintf("%06x %s %d%s", l.h.rnd.IntN(1<<24), filepath.Base(l.path), len(l.lines), strings.Repeat("x", l.h.rnd.IntN(2)*l.h.rnd.IntN(400)))
		l.lines = append(l.lines, line)
		f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		l.h.check(err)
		_, err = f.WriteString(line + "\n")
		l.h.check(err)
		l.h.check(f.Close())
		l.stamp(l.path)
	}
}

// stamp gives a file the time that it is in the history.
func (l *logFile) stamp(path string) {
	time.Sleep(time.Millisecond)
	now := time.Now().Truncate(l.h.tick)
	l.h.check(os.Chtimes(path, now, now))
}

func (l *logFile) shift(suffix string) {
	for n := l.turns; n >= 1; n-- {
		for _, s := range []string{suffix, ".gz"} {
			_ = os.Rename(fmt.Sprintf("%s.%d%s", l.path, n, s), fmt.Sprintf("%s.%d%s", l.path, n+1, s))
		}
	}
	l.turns++
}

// rotate puts the file away. between is called between its steps.
func (l *logFile) rotate(between func()) {
	h := l.h
	if _, err := os.Stat(l.path); err != nil {
		return
	}
	l.ends = append(l.ends, len(l.lines))
	defer l.remove()
	switch l.style {
	case "rename":
		l.shift("")
		between()
		h.check(os.Rename(l.path, l.path+".1"))
		between()
	case "delaycompress":
		for n := l.turns; n >= 2; n-- {
			_ = os.Rename(fmt.Sprintf("%s.%d.gz", l.path, n), fmt.Sprintf("%s.%d.gz", l.path, n+1))
		}
		l.turns++
		if info, err := os.Stat(l.path + ".1"); err == nil {
			data, err := os.ReadFile(l.path + ".1")
			h.check(err)
			h.check(os.WriteFile(l.path+".2.gz.tmp", gzipped(h, data), 0o644))
			h.check(os.Chtimes(l.path+".2.gz.tmp", info.ModTime(), info.ModTime()))
			between()
			h.check(os.Rename(l.path+".2.gz.tmp", l.path+".2.gz"))
			between()
			h.check(os.Remove(l.path + ".1"))
		}
		between()
		h.check(os.Rename(l.path, l.path+".1"))
		between()
		l.remove()
		if h.rnd.IntN(2) == 0 {
			l.create()
		}
	case "dated":
		l.turns++
		h.check(os.Rename(l.path, fmt.Sprintf("%s-20261122-%06d", l.path, l.turns)))
		between()
		if l.hurries && h.rnd.IntN(2) == 0 {
			l.create()
		}
	case "copytruncate":
		l.shift("")
		data, err := os.ReadFile(l.path)
		h.check(err)
		h.check(os.WriteFile(l.path+".1", data[:len(data)/2], 0o644))
		l.stamp(l.path + ".1")
		between()
		h.check(os.WriteFile(l.path+".1", data, 0o644))
		l.stamp(l.path + ".1")
		between()
		h.check(os.Truncate(l.path, 0))
		l.stamp(l.path)
	case "compress":
		l.shift(".gz")
		data, err := os.ReadFile(l.path)
		h.check(err)
		h.check(os.Rename(l.path, l.path+".1"))
		between()
		h.check(os.WriteFile(l.path+".1.gz", gzipped(h, data), 0o644))
		l.stamp(l.path + ".1.gz")
		between()
		h.check(os.Remove(l.path + ".1"))
	}
}

func (l *logFile) create() {
	l.h.check(os.WriteFile(l.path, nil, 0o644))
	l.stamp(l.path)
}

// remove takes away old files, if the server has all lines of theirs.
func (l *logFile) remove() {
	if l.keep == 0 || len(l.ends) <= l.keep {
		return
	}
	for _, line := range l.lines[:l.ends[len(l.ends)-l.keep-1]] {
		if len(l.h.got[line]) == 0 {
			return
		}
	}
	for n := 1; n <= l.turns; n++ {
		if n > l.keep {
			_ = os.Remove(fmt.Sprintf("%s.%d", l.path, n))
			_ = os.Remove(fmt.Sprintf("%s.%d.gz", l.path, n))
		}
		if n <= l.turns-l.keep {
			_ = os.Remove(fmt.Sprintf("%s-20261122-%06d", l.path, n))
		}
	}
}

func gzipped(h *history, data []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err := w.Write(data)
	h.check(err)
	h.check(w.Close())
	return z.Bytes()
}

// verify checks that the server has every line once, and their times in the order
// in which they were written where they are read as one stream.
func (h *history) verify(logs []*logFile) {
	for _, l := range logs {
		last := ""
		for i, line := range l.lines {
			if n := len(h.got[line]); n != 1 {
				h.Errorf("%s (%s): line %d of %d is there %d times", filepath.Base(l.path), l.style, i, len(l.lines), n)
				continue
			}
			for ts := range h.got[line] {
				if ts < last && filepath.Base(h.jobs["job"]) == "*.log" {
					h.Errorf("%s (%s): line %d of %d came after later ones", filepath.Base(l.path), l.style, i, len(l.lines))
				}
				last = max(last, ts)
			}
		}
	}
}

// Whatever rotation, crashes and a slow server do, the server has every line
// once in the end.
func TestHistories(t *testing.T) {
	for _, glob := range []string{"*.log", "*.log*"} {
		for seed := range seeds.Few(t, 25) {
			t.Run(fmt.Sprint(glob, " seed ", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { oneHistory(t, seed, glob) })
			})
		}
	}
}

func oneHistory(t *testing.T, seed uint64, glob string) {
	h := newHistory(t, seed, glob)
	styles := []string{"rename", "dated", "copytruncate"}
	if glob == "*.log" {
		styles = append(styles, "compress", "delaycompress") // or else compressed files are read as text
	}
	if h.rnd.IntN(2) == 0 {
		h.tick = 200 * time.Millisecond
	}
	keep := 3
	var logs []*logFile
	for i := range 4 {
		logs = append(logs, &logFile{h: h, keep: keep * h.rnd.IntN(2), hurries: true, path: filepath.Join(h.logs, fmt.Sprintf("f%d.log", i)), style: styles[(i+int(seed))%len(styles)]})
	}
	for _, l := range logs {
		l.write(h.rnd.IntN(2))
		if len(l.lines) == 0 {
			h.check(os.WriteFile(l.path, nil, 0o644))
			l.stamp(l.path)
		}
	}
	// What is rotated away before the agent has ever seen it is not its concern.
	h.tailer.scan()
	h.turn()
	between := func() {
		if h.rnd.IntN(3) == 0 {
			h.turn()
		}
	}
	for range 12 {
		for _, l := range logs {
			l.write(h.rnd.IntN(4))
			if h.rnd.IntN(3) == 0 {
				l.rotate(between)
				l.write(h.rnd.IntN(3))
			}
			for n := h.rnd.IntN(4) * h.rnd.IntN(2); l.hurries && n > 0; n-- {
				l.rotate(between)
				l.write(h.rnd.IntN(2))
			}
		}
		h.away = h.rnd.IntN(4) == 0
		if !h.away {
			h.acknowledge(len(h.flights))
		}
		if h.rnd.IntN(4) == 0 {
			at := h.rnd.IntN(6)
			h.crash = func() bool { at--; return at < 0 }
		}
		for range h.rnd.IntN(3) {
			h.turn()
		}
		if h.left == "" && h.rnd.IntN(6) > 0 {
			continue
		}
		if h.crash != nil {
			h.mayCrash()
		}
		h.end()
		h.crash = nil
		for range h.rnd.IntN(3) { // while it is away
			for _, l := range logs {
				l.write(h.rnd.IntN(3))
				if h.rnd.IntN(3) == 0 {
					l.rotate(func() {})
				}
			}
		}
		h.start()
	}
	h.away, h.crash = false, nil
	for _, l := range logs {
		l.write(1)
	}
	for range 150 {
		h.turn()
		h.acknowledge(len(h.flights))
	}
	h.verify(logs)
	if h.Failed() {
		for _, l := range logs {
			names, _ := filepath.Glob(l.path + "*")
			slices.Sort(names)
			h.Log(l.style, len(l.lines), names)
		}
	}
	h.end()
}
