package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/stage"
)

// file is a log under a name.
func (h *history) file(name, style string) *logFile {
	return &logFile{h: h, path: filepath.Join(h.logs, name), style: style}
}

// fixed writes one line.
func (l *logFile) fixed(line string) {
	l.lines = append(l.lines, line)
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	l.h.check(err)
	_, err = f.WriteString(line + "\n")
	l.h.check(err)
	l.h.check(f.Close())
	l.stamp(l.path)
}

// compress does so with a rotated file, whose time it keeps.
func (l *logFile) compress(name string) {
	h := l.h
	info, err := os.Stat(name)
	if err != nil {
		return
	}
	data, err := os.ReadFile(name)
	h.check(err)
	h.check(os.WriteFile(name+".gz", gzipped(h, data), 0o600))
	h.check(os.Chtimes(name+".gz", info.ModTime(), info.ModTime()))
	h.check(os.Remove(name))
}

// turns lets the agent go on for a while, with a scan in each turn.
func (h *history) turns(n int) {
	for range n {
		h.tailer.scan()
		h.turn()
	}
}

// settled lets it go on until nothing is left to do: rotated files are let go
// of, and the server has taken everything.
func (h *history) settled() {
	h.away = false
	for range 100 {
		h.turns(1)
		h.acknowledge(len(h.flights))
	}
}

// restart ends the process, by a crash or well, and begins the next.
func (h *history) restart(crash bool) {
	if crash {
		h.crash = func() bool { return true }
		h.mayCrash()
	}
	h.end()
	h.crash = nil
	h.start()
}

func inode(t testing.TB, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// TestNoWayToReadTwice walks the ways in which a line could be read a second
// time, and be sent with another time of arrival, or not be read at all. In the
// end the server has every line, once.
func TestNoWayToReadTwice(t *testing.T) {
	for _, tc := range []struct {
		name string
		glob string
		run  func(h *history) []*logFile
	}{
		{"a link leads elsewhere and back while lines are in flight", "*.log", func(h *history) []*logFile {
			one, two := h.file("one", ""), h.file("two", "")
			link := filepath.Join(h.logs, "a.log")
			lead := func(to string) {
				_ = os.Remove(link)
				h.check(os.Symlink(to, link))
			}
			h.away = true
			for range 3 {
				for _, l := range []*logFile{one, two} {
					l.write(2)
					lead(l.path)
					h.turns(3)
					l.write(2)
					h.turns(3)
				}
			}
			return []*logFile{one, two}
		}},
		{"a target goes and comes back while lines are in flight", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "")
			h.away = true
			l.write(5)
			h.turns(3)
			h.sync("job", "")
			h.turns(3)
			l.write(5)
			h.sync("job", h.jobs["job"])
			h.turns(3)
			l.write(5)
			return []*logFile{l}
		}},
		{"a target goes and comes back after a crash", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "")
			h.away = true
			l.write(5)
			h.turns(3)
			h.sync("job", "")
			h.turns(3)
			h.restart(true)
			l.write(5)
			return []*logFile{l}
		}},
		{"a file is copied and emptied twice, and grows longer than what was read, unseen", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "copytruncate")
			l.fixed("1")
			h.turns(3)
			l.write(3)
			l.rotate(func() {})
			l.write(3)
			l.rotate(func() {})
			l.write(3)
			h.turns(1)
			h.restart(true)
			return []*logFile{l}
		}},
		{"an empty file is filled, copied, emptied and filled while older ones are read", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "copytruncate")
			l.write(2)
			h.turns(3)
			l.write(2)
			l.rotate(func() {})
			l.write(2)
			l.rotate(func() {})
			h.crash = func() bool { // when lines are sent
				if h.crash = nil; l.turns == 2 {
					l.write(2)
					l.rotate(func() {})
					l.write(2)
				}
				return false
			}
			h.turns(3)
			return []*logFile{l}
		}},
		{"a job gets another name", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			l.write(5)
			h.turns(3)
			h.jobs = map[string]string{"other": h.jobs["job"]}
			h.restart(true)
			l.write(5)
			l.rotate(func() {})
			l.write(5)
			return []*logFile{l}
		}},
		{"a file moves from one job to another, both of which stay", "*.log", func(h *history) []*logFile {
			a, b := h.file("a.log", "rename"), h.file("b.txt", "rename")
			h.jobs["more"] = filepath.Join(h.logs, "*.txt")
			h.restart(false)
			h.away = true
			a.write(5)
			b.write(5)
			h.turns(3)
			h.jobs["more"] = filepath.Join(h.logs, "*.log")
			h.jobs["job"] = filepath.Join(h.logs, "*.txt")
			h.restart(true)
			a.write(5)
			b.write(5)
			a.rotate(func() {})
			a.write(5)
			return []*logFile{a, b}
		}},
		{"a job is added before the one that read the file is discovered", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "")
			l.write(5)
			h.settled()
			job := h.jobs["job"]
			h.restart(false)
			h.sync("job", "")
			h.tailer.opts.Jobs = append(h.tailer.opts.Jobs, "added")
			h.sync("added", job)
			h.turns(3)
			h.sync("job", job)
			return []*logFile{l}
		}},
		{"an inode is used again at once", "*.log", func(h *history) []*logFile {
			first, second := h.file("a.log", ""), h.file("a.log", "")
			first.write(3)
			h.settled()
			before := inode(h, first.path)
			h.check(os.Remove(first.path))
			second.write(20) // longer than what was there
			if inode(h, second.path) != before {
				h.Skip("this file system does not use inodes again at once")
			}
			return []*logFile{first, second}
		}},
		{"an inode is used again while the agent is away", "*.log", func(h *history) []*logFile {
			first, second := h.file("a.log", ""), h.file("a.log", "")
			first.write(3)
			h.settled()
			h.check(os.Remove(first.path))
			h.restart(true)
			second.write(20)
			return []*logFile{first, second}
		}},
		{"an inode is used again at once by a file that is as long", "*.log", func(h *history) []*logFile {
			var logs []*logFile
			for i := range 4 {
				l := h.file("a.log", "")
				_ = os.Remove(l.path)
				l.fixed(fmt.Sprintf("line of %d", i))
				h.turns(3)
				logs = append(logs, l)
			}
			return logs
		}},
		{"the inode of an empty file is used again by one that is rotated unseen", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			h.check(os.WriteFile(l.path, nil, 0o600))
			h.turns(3)
			l.rotate(func() {})
			l.write(2)
			h.settled()
			h.check(os.Remove(l.path + ".1"))
			l.rotate(func() {})
			for range 3 {
				l.write(2)
				l.rotate(func() {})
			}
			l.write(2)
			return []*logFile{l}
		}},
		{"names and inodes change between finding a file and opening it", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			l.write(2)
			h.turns(3)
			for range 6 {
				for range 3 {
					l.rotate(func() {})
					l.write(2)
				}
				h.tailer.poll(time.Now()) // finds them
				for n := 1; n < 4; n++ {
					l.compress(fmt.Sprintf("%s.%d", l.path, n))
				}
				l.rotate(func() {})
				l.write(2) // under an inode that was in use
				l.rotate(func() {})
				l.write(2)
				h.turns(2)
			}
			return []*logFile{l}
		}},
		{"a rotated file is found while it is being compressed", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			l.write(2)
			h.turns(3)
			for i := range 4 {
				l.rotate(func() {})
				l.write(30)
				l.rotate(func() {})
				l.write(2)
				data, err := os.ReadFile(l.path + ".1")
				h.check(err)
				z := gzipped(h, data)
				if i%2 == 0 {
					z = z[:len(z)/2]
				}
				h.check(os.WriteFile(l.path+".1.gz", z, 0o600))
				h.turns(3)
				if i < 2 {
					h.restart(true)
					h.turns(3)
				}
				l.compress(l.path + ".1")
			}
			return []*logFile{l}
		}},
		{"a file is truncated and filled to where it was", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "copytruncate")
			for i := range 4 {
				l.fixed(fmt.Sprintf("line of %d", i))
				h.turns(3)
				l.rotate(func() {})
			}
			l.fixed("line of 4")
			return []*logFile{l}
		}},
		{"an empty file is known, and its inode is used again", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "")
			h.check(os.WriteFile(l.path, nil, 0o600))
			h.turns(3)
			h.restart(true)
			h.check(os.Remove(l.path))
			l.write(5)
			h.turns(3)
			h.restart(true)
			l.write(5)
			return []*logFile{l}
		}},
		{"a file shorter than what tells files apart grows between crashes", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			for range 8 {
				l.write(1)
				h.turns(2)
				h.restart(true)
			}
			l.rotate(func() {})
			l.write(1)
			h.restart(true)
			return []*logFile{l}
		}},
		{"a pattern names forty rotated files", "*.log*", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			for range 40 {
				l.write(2)
				h.turns(2)
				l.rotate(func() {})
			}
			for range 3 {
				h.settled()
				l.write(1)
				l.rotate(func() {})
				h.restart(true)
			}
			l.write(1)
			return []*logFile{l}
		}},
		{"forty files were rotated beside the path", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			for range 40 {
				l.write(2)
				h.turns(2)
				l.rotate(func() {})
			}
			for range 3 {
				h.settled()
				l.write(1)
				l.rotate(func() {})
				h.restart(true)
			}
			l.write(1) // what was rotated meanwhile is found when the path is there again
			return []*logFile{l}
		}},
		{"a file is renamed to a name that the pattern matches", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "")
			h.away = true
			l.write(5)
			h.turns(3)
			to := filepath.Join(h.logs, "b.log")
			h.check(os.Rename(l.path, to))
			l.path = to
			l.write(5)
			h.turns(3)
			h.restart(true)
			l.write(5)
			return []*logFile{l}
		}},
		{"a file is truncated while its lines are in flight", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "copytruncate")
			h.away = true
			l.write(5)
			h.turns(1)
			l.write(5)
			l.rotate(func() {})
			l.write(1)
			h.turns(1)
			h.restart(true)
			l.write(5)
			l.rotate(func() { h.turns(1) })
			h.restart(true)
			return []*logFile{l}
		}},
		{"a crash comes between the journal and the positions", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "rename")
			for range 5 {
				l.write(3)
				h.turns(1)
				h.check(h.book.Save())
				l.write(3)
				h.turns(1)
				l.rotate(func() {})
				h.restart(true)
			}
			return []*logFile{l}
		}},
		{"links as kubelet makes them dangle in the midst of a rotation", "*.log", func(h *history) []*logFile {
			h.check(os.Mkdir(filepath.Join(h.logs, "pods"), 0o700))
			l := h.file("pods/0.log", "dated")
			h.check(os.Symlink(l.path, filepath.Join(h.logs, "a.log")))
			for i := range 12 {
				l.write(3)
				h.turns(1)
				l.write(2)
				l.rotate(func() {})
				h.turns(2) // the link leads nowhere
				if i%3 == 0 {
					h.restart(true)
					h.turns(2)
				}
			}
			l.write(1)
			return []*logFile{l}
		}},
		{"a file is removed while it is read", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "")
			f, err := os.Create(l.path)
			h.check(err)
			defer f.Close()
			l.write(5)
			h.turns(1)
			l.write(3000) // more than is read at a time
			h.tailer.scan()
			h.tailer.poll(time.Now())
			h.check(os.Remove(l.path))
			for i := range 5 { // by who has it open still
				line := fmt.Sprintf("more %d", i)
				_, err := f.Seek(0, 2)
				h.check(err)
				_, err = f.WriteString(line + "\n")
				h.check(err)
				l.lines = append(l.lines, line)
				h.turns(1)
			}
			return []*logFile{l}
		}},
		{"the inode of an empty file is that of a later one, and what was between is compressed", "*.log", func(h *history) []*logFile {
			l := h.file("a.log", "")
			l.write(1)
			h.turns(3)
			h.check(os.Rename(l.path, l.path+".1"))
			l.create()
			h.turns(3)
			l.write(2)
			data, err := os.ReadFile(l.path)
			h.check(err)
			h.check(os.Rename(l.path+".1", l.path+".3"))
			h.check(os.WriteFile(l.path+".2.gz", gzipped(h, data), 0o600))
			l.stamp(l.path + ".2.gz")
			h.check(os.Truncate(l.path, 0))
			l.stamp(l.path)
			h.check(os.Rename(l.path, l.path+".1"))
			l.create()
			h.turns(3)
			l.write(1)
			return []*logFile{l}
		}},
		{"files are written, copied and emptied within one tick of the clock", "*.log", func(h *history) []*logFile {
			h.tick = time.Hour
			l := h.file("a.log", "copytruncate")
			l.write(1)
			h.turns(3)
			l.rotate(func() {})
			h.turns(3) // sees it empty
			for range 4 {
				l.write(2)
				l.rotate(func() {})
			}
			h.turns(3)
			l.write(1)
			return []*logFile{l}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHistory(t, 1, tc.glob)
				logs := tc.run(h)
				h.settled()
				h.verify(logs)
				h.restart(true)
				h.settled()
				h.verify(logs)
				h.end()
			})
		})
	}
}

// TestTwoLinksToOneFile reads a file for each of the paths that lead to it, as
// /var/log/pods and /var/log/containers do, through rotation and crashes.
func TestTwoLinksToOneFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(t, 1, "*/*.log")
		for _, dir := range []string{"containers", "pods"} {
			h.check(os.Mkdir(filepath.Join(h.logs, dir), 0o700))
		}
		l := h.file("pods/0.log", "dated")
		l.write(3)
		h.settled()
		// The link comes later, while the file is known.
		h.check(os.Symlink(l.path, filepath.Join(h.logs, "containers", "a.log")))
		for range 4 {
			h.restart(true)
			l.write(3)
			h.turns(1)
			l.write(2)
			l.rotate(func() {})
			l.write(2)
			h.turns(2)
		}
		h.settled()
		for i, line := range l.lines {
			if n := len(h.got[line]); n != 2 {
				t.Errorf("line %d of %d is there %d times, want once for each path", i, len(l.lines), n)
			}
		}
		h.end()
	})
}

// TestLastLineGoesOnAfterACrash has a rotated file whose last line had no end
// when it was sent. What is written behind it is a line of its own, also when
// the agent crashed meanwhile.
func TestLastLineGoesOnAfterACrash(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHistory(t, 1, "*.log")
			l := h.file("a.log", "rename")
			l.write(1)
			h.turns(1)
			f, err := os.OpenFile(l.path, os.O_APPEND|os.O_WRONLY, 0)
			h.check(err)
			defer f.Close()
			_, err = f.WriteString("first half,")
			h.check(err)
			l.rotate(func() {})
			h.away = away
			h.turns(15)
			h.restart(true)
			_, err = f.WriteString("second half\n")
			h.check(err)
			l.write(1)
			h.settled()
			l.lines = []string{l.lines[0], "first half,", "second half", l.lines[1]}
			h.verify([]*logFile{l})
			if len(h.got) != len(l.lines) {
				t.Errorf("the server has %d lines, want %d: %v", len(h.got), len(l.lines), h.got)
			}
			h.end()
		})
	}
}

// TestHalvesOfARemovedFileGoOn removes a file that ends in the midst of an entry,
// as that of a pod that was killed: what there is of the entry is sent, and
// nothing of the file stays behind.
func TestHalvesOfARemovedFileGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(t, 1, "*.log")
		cri, err := stage.ParseConfig([]byte("[{cri: {}}]"))
		h.check(err)
		p, err := stage.New(cri, stage.Options{Job: "job", Metrics: stage.NewMetrics(prometheus.NewRegistry()), Clock: &entry.Clock{}, Logger: log.NewNopLogger()})
		h.check(err)
		defer p.Close()
		h.stages = func(s entry.Sink) entry.Chain { return p.Chain(s) }
		name := filepath.Join(h.logs, "a.log")
		h.check(os.WriteFile(name, []byte(strings.Join([]string{
			"2026-11-22T10:00:00.1Z stdout F whole",
			"2026-11-22T10:00:00.2Z stdout P half",
			"",
		}, "\n")), 0o600))
		h.turns(3)
		h.check(os.Remove(name))
		h.settled()
		for _, want := range []string{"whole", "half"} {
			if n := len(h.got[want]); n != 1 {
				t.Errorf("%q is there %d times, want once", want, n)
			}
		}
		if n := len(h.tailer.all()); n != 0 {
			t.Errorf("%d streams stay behind", n)
		}
		if n := len(h.book.Files(name)); n != 0 {
			t.Errorf("%d positions stay behind", n)
		}
		h.end()
	})
}
