package main_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
)

// TestRoundTrip pushes lines, a stream for each file or family, and finds each of
// them, byte for byte and counted, at every station: in memory, with half of it
// in the store, wholly in the store, after a restart, and when only the bucket
// is left. SKALD_TEST_DATA names a folder whose files are pushed; without it the
// lines are made.
func TestRoundTrip(t *testing.T) {
	files := testData(t)
	names := slices.Sorted(maps.Keys(files))
	s := newServer(t, t.TempDir(), lifted...)
	s.start()

	start := time.Now().Add(-time.Hour).UnixNano()
	selector := func(name string) string { return fmt.Sprintf("{file=%q}", name) }
	push := func(part func([]model.Entry) []model.Entry) {
		for _, name := range names {
			labels := fmt.Sprintf("{file=%q, job=\"roundtrip\"}", name)
			for chunk := range slices.Chunk(part(files[name]), 2000) {
				if err := s.push(t.Context(), labels, chunk); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
	}
	var lines, bytes int
	var end int64
	for _, name := range names {
		for n := range files[name] {
			e := &files[name][n]
			e.Timestamp = start + int64(n)*100_000
			end = max(end, e.Timestamp+1)
			lines++
			bytes += len(e.Line)
		}
	}
	check := func(station string, part func([]model.Entry) []model.Entry) {
		t.Helper()
		total := 0
		for _, name := range names {
			want := part(files[name])
			total += len(want)
			if n := s.count(selector(name), start, end); n != len(want) {
				t.Errorf("%s: %s: %d lines counted, want %d", station, name, n, len(want))
			}
			got := s.read(selector(name), start, end)
			if i, ok := differ(got, want); !ok {
				t.Errorf("%s: %s: %d lines, want %d; the first that differs is %d:\n%s\nwant\n%s", station, name, len(got), len(want), i, at(got, i), at(want, i))
			}
		}
		if n := s.count(`{job="roundtrip"}`, start, end); n != total {
			t.Errorf("%s: %d lines counted at once, want %d", station, n, total)
		}
	}
	firstHalf := func(e []model.Entry) []model.Entry { return e[:len(e)/2] }
	secondHalf := func(e []model.Entry) []model.Entry { return e[len(e)/2:] }
	all := func(e []model.Entry) []model.Entry { return e }

	push(firstHalf)
	check("first half in memory", firstHalf)
	s.flush()
	check("first half in the store", firstHalf)
	push(secondHalf)
	check("half in the store, half in memory", all)
	s.flush()
	check("in the store", all)
	push(secondHalf) // copies, which count once wherever they lie
	check("half of it twice", all)
	s.Kill()
	s.start()
	check("after a crash", all)
	s.flush()
	s.Stop()
	for _, dir := range []string{"wal", "cache"} {
		if err := os.RemoveAll(filepath.Join(s.dir, dir)); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	check("with only the bucket left", all)
	t.Logf("%d files, %d lines, %d bytes of lines", len(names), lines, bytes)
}

// testData returns the entries to push, without times.
func testData(t *testing.T) map[string][]model.Entry {
	out := map[string][]model.Entry{}
	root := os.Getenv("SKALD_TEST_DATA")
	if root == "" {
		for name, lines := range corpus(t) {
			for _, line := range lines[:3000] {
				out[name] = append(out[name], model.Entry{Line: line})
			}
		}
		return out
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n") {
			out[name] = append(out[name], model.Entry{Line: line})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// differ returns the place of the first line that differs, and whether there is
// none. JSON cannot carry what is not UTF-8; it comes back as U+FFFD, a byte each.
func differ(got, want []model.Entry) (int, bool) {
	got = slices.Clone(got)
	slices.SortStableFunc(got, func(a, b model.Entry) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].Timestamp != want[i].Timestamp || got[i].Line != utf8Line(want[i].Line) {
			return i, false
		}
	}
	return 0, true
}

func utf8Line(line string) string { return string([]rune(line)) }

func at(entries []model.Entry, i int) string {
	if i >= len(entries) {
		return "(nothing)"
	}
	return fmt.Sprintf("%d %.200q", entries[i].Timestamp, entries[i].Line)
}
