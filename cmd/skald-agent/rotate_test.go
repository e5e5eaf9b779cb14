package main_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/parts"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// A writer writes the lines of one file, and rotates it in its style.
type writer struct {
	tb    testing.TB
	path  string // what the agent follows
	real  string // where the file lies
	style string
	label string

	f     *os.File
	lines int
	turns int
	kept  []string // rotated files with a date, older first
	// ends is how many lines there were when each rotated file ended, older first.
	ends []int
}

// keep is how many rotated files a writer leaves.
const keep = 8

var styles = []string{"rename", "compress", "copytruncate", "dated", "kubelet"}

func newWriter(tb testing.TB, dir string, n int) *writer {
	w := &writer{tb: tb, style: styles[n%len(styles)], label: fmt.Sprintf("f%d", n)}
	w.path = filepath.Join(dir, w.label+".log")
	w.real = w.path
	if w.style == "kubelet" {
		pod := filepath.Join(dir, "pods", w.label)
		check(tb, os.MkdirAll(pod, 0o755))
		w.real = filepath.Join(pod, "0.log")
		check(tb, os.Symlink(w.real, w.path))
	}
	w.create()
	return w
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (w *writer) create() {
	var err error
	w.f, err = os.OpenFile(w.real, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	check(w.tb, err)
}

// write writes n lines, some of them in two halves.
func (w *writer) write(rnd *rand.Rand, n int) {
	for range n {
		line := fmt.Sprintf("%s line %d %x\n", w.label, w.lines, rnd.Uint64())
		w.lines++
		if cut := len(line) / 2; rnd.IntN(10) == 0 {
			_, err := w.f.WriteString(line[:cut])
			check(w.tb, err)
			line = line[cut:]
		}
		_, err := w.f.WriteString(line)
		check(w.tb, err)
	}
}

// ready reports whether a rotation would remove only what has arrived. One that
// outran its readers would prove nothing: what it removes no agent can send.
func (w *writer) ready(arrived int) bool { return len(w.ends) < keep || arrived >= w.ends[0] }

// rotate puts the file away and begins another.
func (w *writer) rotate() {
	w.turns++
	if w.ends = append(w.ends, w.lines); len(w.ends) > keep {
		w.ends = w.ends[1:]
	}
	numbered := func(n int) string { return fmt.Sprintf("%s.%d", w.real, n) }
	switch w.style {
	case "copytruncate":
		w.shift(numbered, "")
		copyFile(w.tb, w.real, numbered(1))
		check(w.tb, w.f.Truncate(0))
		return
	case "rename":
		w.shift(numbered, "")
		check(w.tb, os.Rename(w.real, numbered(1)))
	case "compress":
		w.shift(numbered, ".gz")
		if _, err := os.Stat(numbered(1)); err == nil {
			compress(w.tb, numbered(1), numbered(2)+".gz")
		}
		check(w.tb, os.Rename(w.real, numbered(1)))
	case "dated", "kubelet":
		name := fmt.Sprintf("%s.20261122-%06d", w.real, w.turns)
		check(w.tb, os.Rename(w.real, name))
		if w.kept = append(w.kept, name); len(w.kept) > keep {
			check(w.tb, os.Remove(w.kept[0]))
			w.kept = w.kept[1:]
		}
	}
	check(w.tb, w.f.Close())
	w.create()
}

// shift makes room for number 1, as logrotate does; from 2 on names may have a suffix.
func (w *writer) shift(numbered func(int) string, suffix string) {
	for n := keep; n >= 1; n-- {
		s := suffix
		if n == 1 && suffix != "" {
			continue // it is compressed
		}
		_ = os.Rename(numbered(n)+s, numbered(n+1)+s)
	}
	_ = os.Remove(numbered(keep+1) + suffix)
}

func copyFile(tb testing.TB, from, to string) {
	data, err := os.ReadFile(from)
	check(tb, err)
	check(tb, os.WriteFile(to, data, 0o644))
}

func compress(tb testing.TB, from, to string) {
	in, err := os.Open(from)
	check(tb, err)
	defer in.Close()
	info, err := in.Stat()
	check(tb, err)
	out, err := os.Create(to + ".tmp")
	check(tb, err)
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	check(tb, err)
	check(tb, z.Close())
	check(tb, out.Close())
	check(tb, os.Chtimes(to+".tmp", time.Now(), info.ModTime()))
	check(tb, os.Rename(to+".tmp", to))
	check(tb, os.Remove(from))
}

// sizes of a test.
type sizes struct{ files, rotations, kills int }

// testSizes returns the sizes: SKALD_SIZE, such as 100,50,20, has more files,
// rotations and kills.
func testSizes(tb testing.TB) sizes {
	size := sizes{10, 6, 4}
	if s := os.Getenv("SKALD_SIZE"); s != "" {
		_, err := fmt.Sscanf(s, "%d,%d,%d", &size.files, &size.rotations, &size.kills)
		check(tb, err)
	}
	return size
}

const agentConfig = `
server: {http_listen_address: 127.0.0.1, http_listen_port: %s}
positions: {filename: %s/run/positions.yaml, sync_period: 500ms}
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 50ms, backoff_config: {min_period: 20ms, max_period: 100ms}}]
target_config: {sync_period: 1s}
global: {file_watch_config: {min_poll_frequency: 50ms, max_poll_frequency: 50ms}}
scrape_configs:
  - job_name: test
    static_configs: [{labels: {job: test, __path__: %s/logs/*.log}}]
`

func newAgent(tb testing.TB, dir, server string) (p *parts.Process, pages string) {
	tb.Helper()
	port := parts.Port(tb)
	file := filepath.Join(dir, "promtail.yaml")
	check(tb, os.MkdirAll(filepath.Join(dir, "run"), 0o755))
	check(tb, os.MkdirAll(filepath.Join(dir, "logs"), 0o755))
	check(tb, os.WriteFile(file, fmt.Appendf(nil, agentConfig, port, dir, server, dir), 0o644))
	return parts.NewProcess(tb, parts.Program(tb, "skald-agent"), "-config.file="+file), "http://127.0.0.1:" + port
}

// arrivals says how many distinct lines of each path a server has.
type arrivals func() map[string]int

func (a arrivals) total() int {
	n := 0
	for _, lines := range a() {
		n += lines
	}
	return n
}

// TestRotationsAndCrashes rotates files in every style while the agent is killed
// again and again, also while it is away, and while the server fails now and
// then. In the end the server has every line: once, if it drops exact copies,
// and in the order in which they were written.
func TestRotationsAndCrashes(t *testing.T) {
	size := testSizes(t)
	for seed := range seeds.Few(t, 1) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { rotationsAndCrashes(t, size, seed) })
	}
}

func rotationsAndCrashes(t *testing.T, size sizes, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	dir := t.TempDir()
	r := newReceiver(t)
	failing := rand.New(rand.NewPCG(seed, 4))
	r.answer = func(int) (int, bool) {
		switch failing.IntN(12) {
		case 0:
			return 500, false
		case 1:
			return 429, false
		case 2:
			return 503, true // taken, but the agent does not know
		}
		return 0, false
	}
	agent, pages := newAgent(t, dir, r.Listener.Addr().String())
	lines := func(w *writer) []received { return r.stream(fmt.Sprintf(` {filename="%s", job="test"}`, w.path)) }
	for _, w := range churn(t, rnd, size, agent, pages, filepath.Join(dir, "logs"), r.arrived, lines) {
		checkStream(t, w, lines(w))
	}
	checkLedger(t, agent, pages)
	agent.Stop()
}

// churn writes, rotates and kills until each file was rotated as often as size
// says, waits until all lines came, and leaves the agent running.
func churn(t *testing.T, rnd *rand.Rand, size sizes, agent *parts.Process, pages, logs string, arrived arrivals, lines func(w *writer) []received) []*writer {
	var writers []*writer
	for n := range size.files {
		writers = append(writers, newWriter(t, logs, n))
	}
	for _, w := range writers {
		w.write(rnd, 1)
	}
	agent.Explain = func() string {
		var b strings.Builder
		came := arrived()
		_, targets := get(pages + "/targets")
		for _, w := range writers {
			if n := came[w.path]; n < w.lines {
				fmt.Fprintf(&b, "%s (%s): %d of %d lines, rotations after %v, missing %v\n", w.label, w.style, n, w.lines, w.ends, w.missing(lines(w)))
				names, _ := filepath.Glob(w.real + "*")
				for _, name := range names {
					if info, err := os.Stat(name); err == nil {
						fmt.Fprintf(&b, "  %s: inode %d, %d bytes, of %s\n", filepath.Base(name), info.Sys().(*syscall.Stat_t).Ino, info.Size(), info.ModTime().Format("05.000000"))
					}
				}
				_, row, _ := strings.Cut(targets, "path: <code>"+w.path)
				row, _, _ = strings.Cut(row, "</tr>")
				fmt.Fprintf(&b, "%s\n", row)
			}
		}
		_, sums, _ := strings.Cut(targets, "<h2>Lines")
		b.WriteString(sums)
		for line := range strings.Lines(agent.Log.String()) {
			if strings.Contains(line, "component=tail") {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	agent.Start()
	// What is rotated away before the agent has ever seen it is not its concern.
	agent.Reach("first lines", size.files, arrived.total)
	turns := size.rotations * 4
	kills := map[int]bool{}
	for len(kills) < min(size.kills, turns) {
		kills[rnd.IntN(turns)] = true
	}
	came := map[string]int{}
	rotate := func(w *writer) {
		if w.ready(came[w.path]) {
			w.rotate()
		}
	}
	behind := func() int { // rotations that are still to be made
		n := 0
		for _, w := range writers {
			n += max(0, size.rotations-w.turns)
		}
		return n
	}
	for turn := 0; turn < turns; turn++ {
		came = arrived()
		for _, w := range writers {
			w.write(rnd, 1+rnd.IntN(40))
			if rnd.IntN(4) == 0 {
				rotate(w)
				w.write(rnd, rnd.IntN(10))
			}
		}
		if kills[turn] {
			agent.Kill()
			for range rnd.IntN(3) { // while it is away
				for _, w := range writers {
					w.write(rnd, rnd.IntN(20))
					if rnd.IntN(2) == 0 {
						rotate(w)
					}
				}
			}
			agent.Start()
		}
		time.Sleep(time.Duration(rnd.IntN(150)) * time.Millisecond) // so that writes and reads meet in many ways
	}
	left := behind()
	agent.Reach("rotations", left, func() int {
		came = arrived()
		for _, w := range writers {
			if w.turns < size.rotations {
				w.write(rnd, rnd.IntN(3))
				rotate(w)
			}
		}
		return left - behind()
	})
	total := 0
	for _, w := range writers {
		w.write(rnd, 1)
		check(t, w.f.Close())
		total += w.lines
	}
	agent.Reach("lines", total, arrived.total)
	t.Logf("%d files, %d rotations and %d kills, %d lines", size.files, size.rotations, len(kills), total)
	return writers
}

// missing are the numbers of the writer's lines that did not come.
func (w *writer) missing(got []received) []int {
	came := map[string]bool{}
	for _, e := range got {
		came[strings.Fields(e.line)[2]] = true
	}
	var out []int
	for n := range w.lines {
		if !came[strconv.Itoa(n)] {
			out = append(out, n)
		}
	}
	return out
}

// checkStream checks that every line of a writer came, in order, and that the
// copies are exact.
func checkStream(t *testing.T, w *writer, got []received) {
	t.Helper()
	first := map[string]int64{}
	next, out, copies := 0, 0, 0
	for _, e := range got {
		if ts, dup := first[e.line]; dup {
			copies++
			if ts != e.ts {
				t.Errorf("%s (%s): %q came with two times: a server would keep both", w.label, w.style, e.line)
			}
			continue
		}
		first[e.line] = e.ts
		n, err := strconv.Atoi(strings.Fields(e.line)[2])
		if err != nil || strings.Fields(e.line)[0] != w.label {
			t.Errorf("%s (%s): %q was never written", w.label, w.style, e.line)
		}
		if n < next {
			if out++; out == 1 {
				t.Errorf("%s (%s): line %d came after line %d", w.label, w.style, n, next-1)
			}
		}
		next = max(next, n+1)
	}
	if len(first) != w.lines {
		t.Errorf("%s (%s): missing %v", w.label, w.style, w.missing(got))
		t.Errorf("%s (%s): %d lines came, %d were written", w.label, w.style, len(first), w.lines)
	}
	if copies > 0 {
		t.Logf("%s (%s): %d exact copies", w.label, w.style, copies)
	}
}

// TestExactlyOnce is the same with a real server, which has each line once.
func TestExactlyOnce(t *testing.T) {
	size := testSizes(t)
	for seed := range seeds.Few(t, 1) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { exactlyOnce(t, size, seed) })
	}
}

func exactlyOnce(t *testing.T, size sizes, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	server := startSkald(t)
	dir := t.TempDir()
	agent, pages := newAgent(t, dir, server)
	begin := time.Now().Add(-time.Minute)
	lines := func(w *writer) []received { return query(t, server, fmt.Sprintf(`{filename=%q}`, w.path), begin) }
	for _, w := range churn(t, rnd, size, agent, pages, filepath.Join(dir, "logs"), func() map[string]int { return counts(t, server) }, lines) {
		got := lines(w)
		checkStream(t, w, got)
		if len(got) != w.lines {
			t.Errorf("%s (%s): the server has %d entries, want %d", w.label, w.style, len(got), w.lines)
		}
	}
	checkLedger(t, agent, pages)
	agent.Stop()
}

// counts asks a server how many entries it has of each file.
func counts(tb testing.TB, server string) map[string]int {
	tb.Helper()
	v := url.Values{"query": {`sum by (filename) (count_over_time({job="test"}[1h]))`}}
	status, body := get("http://" + server + "/loki/api/v1/query?" + v.Encode())
	if status != 200 {
		tb.Fatalf("query: %d %s", status, body)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric struct{ Filename string }
				Value  [2]any
			}
		}
	}
	check(tb, json.Unmarshal([]byte(body), &answer))
	out := map[string]int{}
	for _, r := range answer.Data.Result {
		n, err := strconv.Atoi(fmt.Sprint(r.Value[1]))
		check(tb, err)
		out[r.Metric.Filename] = n
	}
	return out
}

// query returns all entries of a selector, oldest first.
func query(tb testing.TB, server, selector string, begin time.Time) []received {
	tb.Helper()
	var out []received
	start := begin.UnixNano()
	for {
		v := url.Values{
			"query": {selector}, "direction": {"forward"}, "limit": {"1000"},
			"start": {strconv.FormatInt(start, 10)}, "end": {strconv.FormatInt(time.Now().Add(time.Minute).UnixNano(), 10)},
		}
		status, body := get("http://" + server + "/loki/api/v1/query_range?" + v.Encode())
		if status != 200 {
			tb.Fatalf("query: %d %s", status, body)
		}
		var answer struct {
			Data struct {
				Result []struct {
					Values [][2]string `json:"values"`
				} `json:"result"`
			} `json:"data"`
		}
		check(tb, json.Unmarshal([]byte(body), &answer))
		n := 0
		for _, s := range answer.Data.Result {
			for _, v := range s.Values {
				ts, err := strconv.ParseInt(v[0], 10, 64)
				check(tb, err)
				out = append(out, received{ts, v[1]})
				start = max(start, ts+1) // the agent gives no time twice
				n++
			}
		}
		if n < 1000 {
			return out
		}
	}
}
