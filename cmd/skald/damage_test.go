package main_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestDamagedLog flips bytes in the middle of the log of a killed process. The
// next one names each place, serves the rest, and goes on.
func TestDamagedLog(t *testing.T) {
	for seed := range seeds.Few(t, 1) {
		damagedLog(t, seed)
	}
}

func damagedLog(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t, t.TempDir(), lifted...)
	s.start()
	start, end, pushed := pushMany(t, s, 200, 100)
	s.Kill()

	files := filesBelow(t, filepath.Join(s.dir, "wal"), ".wal")
	if len(files) == 0 {
		t.Fatal("no log")
	}
	for range 4 {
		file := files[rnd.IntN(len(files))]
		what, _ := harm(t, rnd, file, files)
		t.Log(what)
	}
	s.start()
	got := s.read(`{app="damage"}`, start, end)
	for _, e := range got {
		if !pushed[e.Line] {
			t.Fatalf("%q was never pushed", e.Line)
		}
	}
	if len(got) < len(pushed)/4 {
		t.Errorf("%d of %d lines are left", len(got), len(pushed))
	}
	where := regexp.MustCompile(`msg="write-ahead log is damaged" .*file=\S+\.wal offset=[0-9]+`)
	if len(got) < len(pushed) && !s.Poll(func() bool { return where.MatchString(s.Log.String()) }) {
		t.Errorf("%d of %d lines are left, and the log does not say where they were:\n%s", len(got), len(pushed), s.Log)
	}
	if err := s.push(t.Context(), `{app="damage"}`, []model.Entry{{Timestamp: end - 1, Line: "and on"}}); err != nil {
		t.Errorf("a push afterwards: %v", err)
	}
	s.flush()
	s.Stop()
	s.start()
	if n := s.count(`{app="damage"}`, start, end); n != len(got)+1 {
		t.Errorf("%d lines after one more start, want %d", n, len(got)+1)
	}
	t.Logf("%d of %d lines are left", len(got), len(pushed))
}

// TestDamagedBucket harms an object, again and again. Answers are whole, or say
// that they are not; the log names the object and the place; what is not damaged
// is served; and nothing that can be asked brings the process down.
func TestDamagedBucket(t *testing.T) {
	for seed := range seeds.Few(t, 1) {
		damagedBucket(t, seed)
	}
}

func damagedBucket(t *testing.T, seed uint64) {
	const rounds = 24
	rnd := rand.New(rand.NewPCG(seed, 0))
	config := filepath.Join(t.TempDir(), "skald.yaml")
	if err := os.WriteFile(config, []byte("auth_enabled: false\npattern_ingester: {enabled: true}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, t.TempDir(), append([]string{"-config.file=" + config}, lifted...)...)
	s.start()
	start, end, pushed := pushMany(t, s, 40, 200)
	s.flush()
	if err := s.push(t.Context(), `{app="damage", part="other"}`, []model.Entry{{Timestamp: end - 2, Line: "of another segment"}}); err != nil {
		t.Fatal(err)
	}
	pushed["of another segment"] = true
	s.flush()
	s.Stop()
	objects := filesBelow(t, filepath.Join(s.dir, "bucket"), "")
	if len(objects) < 4 {
		t.Fatalf("two segments and their entries are %d objects: %q", len(objects), objects)
	}

	incomplete := 0
	for round := range rounds {
		object := objects[round%len(objects)]
		what, mend := harm(t, rnd, object, objects)
		if err := os.RemoveAll(filepath.Join(s.dir, "cache")); err != nil {
			t.Fatal(err)
		}
		s.start()
		n, warnings := s.countAll(`{app="damage"}`, start, end)
		if n > len(pushed) || n < len(pushed) && len(warnings) == 0 {
			t.Errorf("%s: %d lines counted of %d, warnings %q", what, n, len(pushed), warnings)
		}
		got, said := s.readAll(`{app="damage"}`, start, end)
		for _, e := range got {
			if !pushed[e.Line] {
				t.Errorf("%s: %q was never pushed", what, e.Line)
			}
		}
		if len(got) < len(pushed) {
			incomplete++
			if len(said) == 0 {
				t.Errorf("%s: %d lines read of %d, and the answer does not say so", what, len(got), len(pushed))
			}
		}
		s.askAll(start, end, false)
		s.Kill() // then the log has arrived, too
		log := s.Log.String()
		if len(got) < len(pushed) && !strings.Contains(log, "level=error") {
			t.Errorf("%s: %d lines read of %d, and the log says nothing:\n%s", what, len(got), len(pushed), log)
		}
		if strings.Contains(log, "panic") {
			t.Errorf("%s: a panic:\n%s", what, log)
		}
		mend()
	}
	s.start()
	if n := s.count(`{app="damage"}`, start, end); n != len(pushed) {
		t.Errorf("%d lines once all is mended, want %d", n, len(pushed))
	}
	s.askAll(start, end, true)
	t.Logf("%d of %d times an answer was incomplete", incomplete, rounds)
	if incomplete == 0 {
		t.Error("no damage met what a query reads, so nothing was shown")
	}
}

// pushMany pushes lines in several streams and returns them.
func pushMany(t *testing.T, s *server, pushes, perPush int) (start, end int64, lines map[string]bool) {
	t.Helper()
	start = time.Now().Add(-time.Minute).UnixNano()
	end, lines = start, map[string]bool{}
	for n := range pushes {
		var entries []model.Entry
		for range perPush {
			line := fmt.Sprintf("level=info line %d of push %d took %dms", end, n, end%977)
			entries = append(entries, model.Entry{Timestamp: end, Line: line})
			lines[line] = true
			end += 1000
		}
		if err := s.push(t.Context(), fmt.Sprintf(`{app="damage", part="%d"}`, n%7), entries); err != nil {
			t.Fatal(err)
		}
	}
	return start, end + 1000, lines
}

// readAll returns all entries of a selector, and what answers said about themselves.
func (s *server) readAll(selector string, start, end int64) (entries []model.Entry, warnings []string) {
	s.tb.Helper()
	const page = 5000
	for {
		a := s.ask("query_range", rangeOf(selector, start, end, page))
		warnings = append(warnings, a.Warnings...)
		got := a.entries(s.tb)
		entries = append(entries, got...)
		if len(got) < page {
			return entries, warnings
		}
		start = got[len(got)-1].Timestamp + 1 // each has a time of its own
	}
}

// harm damages a file in one of many ways, or puts another in its place. It
// returns what it did, and what undoes it.
func harm(t *testing.T, rnd *rand.Rand, file string, others []string) (what string, mend func()) {
	t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b := append([]byte(nil), whole...)
	at := rnd.IntN(len(b))
	switch rnd.IntN(8) {
	case 0:
		what, b = fmt.Sprintf("the end from %d", at), b[:at]
	case 1:
		what = fmt.Sprintf("zeros from %d", at)
		clear(b[at:min(len(b), at+4096)])
	case 2:
		what = fmt.Sprintf("noise from %d", at)
		for i := range b[at:min(len(b), at+512)] {
			b[at+i] = byte(rnd.Uint32())
		}
	case 3:
		what, b = "more behind the end", append(b, whole[at:]...)
	case 4:
		other := others[rnd.IntN(len(others))]
		what = "the content of " + other
		if b, err = os.ReadFile(other); err != nil {
			t.Fatal(err)
		}
	default:
		what = fmt.Sprintf("byte %d", at)
		b[at] ^= byte(1 + rnd.IntN(255))
	}
	write := func(b []byte) {
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(b)
	return fmt.Sprintf("%s of the %d bytes of %s", what, len(whole), file), func() { write(whole) }
}

// askAll asks what can be asked of the damaged lines in many ways. Where not all
// is well an answer may be an error, but it has to come.
func (s *server) askAll(start, end int64, well bool) {
	s.tb.Helper()
	span := func(query string) []string {
		return []string{"query", query, "start", fmt.Sprint(start), "end", fmt.Sprint(end), "limit", "100"}
	}
	ask := func(path, query string) {
		s.tb.Helper()
		status, text, err := s.request("", "GET", "/loki/api/v1/"+path, span(query)...)
		if err != nil || well && status != http.StatusOK {
			s.tb.Errorf("%s of %s: %d %s %v\n%s", path, query, status, text, err, s.Log)
		}
	}
	for _, query := range []string{
		`{app="damage"} |= "line 1"`,
		`{app="damage"} != "push" |~ "took [0-9]+ms"`,
		`{app="damage"} | logfmt | level="info" | line_format "{{.level}}"`,
		`{app="damage"} | pattern "<_> line <n> of push <p> took <d>ms" | n > 100`,
		`sum by (part) (count_over_time({app="damage"}[1m]))`,
		`sum by (detected_level) (bytes_over_time({app="damage"} |= "push 3" [1m]))`,
		`max by (part) (max_over_time({app="damage"} | logfmt | regexp "took (?P<d>[0-9]+)ms" | unwrap d [10s]))`,
		`quantile_over_time(0.9, {app="damage"} | pattern "<_> took <d>ms" | unwrap d [1m]) by (app)`,
	} {
		for range 2 { // the second time some of it may be in memory
			ask("query_range", query)
		}
	}
	for _, path := range []string{
		"labels", "label/part/values", "series", "index/stats", "index/volume", "index/volume_range", "patterns", "detected_fields", "detected_labels",
	} {
		ask(path, `{app="damage"}`)
	}
}

// filesBelow lists the files whose names end so and do not begin with a dot.
func filesBelow(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, suffix) && !strings.HasPrefix(d.Name(), ".") {
			if info, err := d.Info(); err == nil && info.Size() > 0 {
				out = append(out, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
