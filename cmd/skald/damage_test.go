package main_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
)

// TestDamagedLog flips bytes in the middle of the log of a killed process. The
// next one names each place, serves the rest, and goes on.
func TestDamagedLog(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t, t.TempDir(), lifted...)
	s.start()
	start, end, pushed := pushMany(t, s, 200, 100)
	s.kill()

	files := filesBelow(t, filepath.Join(s.dir, "wal"), ".wal")
	if len(files) == 0 {
		t.Fatal("no log")
	}
	for range 4 {
		flip(t, rnd, files[rnd.IntN(len(files))])
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
	if len(got) < len(pushed) && !regexp.MustCompile(`msg="write-ahead log is damaged" .*file=\S+\.wal offset=[0-9]+`).MatchString(s.log.String()) {
		t.Errorf("%d of %d lines are left, and the log does not say where they were:\n%s", len(got), len(pushed), s.log)
	}
	if err := s.push(t.Context(), `{app="damage"}`, []model.Entry{{Timestamp: end - 1, Line: "and on"}}); err != nil {
		t.Errorf("a push afterwards: %v", err)
	}
	s.flush()
	s.stop()
	s.start()
	if n := s.count(`{app="damage"}`, start, end); n != len(got)+1 {
		t.Errorf("%d lines after one more start, want %d", n, len(got)+1)
	}
	t.Logf("%d of %d lines are left", len(got), len(pushed))
}

// TestDamagedBucket flips a byte of an object, again and again. Answers are
// whole, or say that they are not; the log names the object and the place; and
// what is not damaged is served.
func TestDamagedBucket(t *testing.T) {
	const rounds = 24
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newServer(t, t.TempDir(), lifted...)
	s.start()
	start, end, pushed := pushMany(t, s, 40, 200)
	s.flush()
	if err := s.push(t.Context(), `{app="damage", part="other"}`, []model.Entry{{Timestamp: end - 2, Line: "of another segment"}}); err != nil {
		t.Fatal(err)
	}
	pushed["of another segment"] = true
	s.flush()
	s.stop()
	objects := filesBelow(t, filepath.Join(s.dir, "bucket"), "")
	if len(objects) < 4 {
		t.Fatalf("two segments and their entries are %d objects: %q", len(objects), objects)
	}

	incomplete := 0
	for round := range rounds {
		object := objects[round%len(objects)]
		place, whole := flip(t, rnd, object)
		what := fmt.Sprintf("byte %d of %d of %s", place, len(whole), object)
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
		s.kill() // then the log has arrived, too
		if log := s.log.String(); len(got) < len(pushed) && !strings.Contains(log, "level=error") {
			t.Errorf("%s: %d lines read of %d, and the log says nothing:\n%s", what, len(got), len(pushed), log)
		}
		if err := os.WriteFile(object, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	if n := s.count(`{app="damage"}`, start, end); n != len(pushed) {
		t.Errorf("%d lines once all is mended, want %d", n, len(pushed))
	}
	t.Logf("%d of %d flips left an answer incomplete", incomplete, rounds)
	if incomplete == 0 {
		t.Error("no flip met what a query reads, so nothing was shown")
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

// flip changes one byte of the middle of a file, and returns which and what the
// file was.
func flip(t *testing.T, rnd *rand.Rand, file string) (place int, whole []byte) {
	t.Helper()
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte(nil), whole...)
	place = rnd.IntN(len(damaged))
	damaged[place] ^= byte(1 + rnd.IntN(255))
	if err := os.WriteFile(file, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	return place, whole
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
