package wal_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

const firstFile = "0000000001-000001.wal"

// sampleLog has one generation of the given number of records in files of the
// given size, closed in order.
func sampleLog(t testing.TB, seed uint64, records int, fileSize int64) (*vfs.Mem, []string) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 9))
	fsys := vfs.NewMem()
	l := open(t, fsys, wal.Options{FileSize: fileSize})
	w := begin(t, l)
	var all []string
	for i := range records {
		text := line(rnd, 0, i)
		all = append(all, text)
		_, err := w.Append(oneLine("a", text), wal.Disk)
		check(t, err)
	}
	check(t, l.Close())
	return fsys, all
}

// replayLines replays generation 1, and lets damage be.
func replayLines(t testing.TB, fsys vfs.FS) ([]string, wal.ReplayStats) {
	t.Helper()
	l := open(t, fsys, wal.Options{})
	defer l.Close()
	var c collector
	stats, err := l.Replay(context.Background(), 1, &c)
	check(t, err)
	var out []string
	for _, r := range c.records {
		out = append(out, r.batch.Streams[0].Entries[0].Line)
	}
	return out, stats
}

// A flipped byte costs at most the records that lie in its block, is named with
// its file and offset, and nothing is invented.
func TestFlippedBytes(t *testing.T) {
	fsys, all := sampleLog(t, 1, 30, 150_000)
	const block = 32 << 10
	for seed := range seeds.Few(t, 600) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		files := names(t, fsys)
		file := files[rnd.IntN(len(files))]
		at := -1
		size := 0
		damaged := copyLog(t, fsys, func(name string, data []byte) []byte {
			if name == file {
				at, size = rnd.IntN(len(data)), len(data)
				data[at] ^= byte(1 + rnd.IntN(255))
			}
			return data
		})
		got, stats := replayLines(t, damaged)
		lost := 0
		for _, text := range all {
			if !slices.Contains(got, text) {
				lost++
			}
		}
		if len(got)+lost != len(all) {
			t.Fatalf("seed %d: %d records came, %d are missing, of %d", seed, len(got), lost, len(all))
		}
		report := append(slices.Clone(stats.Damage), stats.TornTails...)
		// The mark of the orderly end and the padding of a block hold no record.
		if lost == 0 && len(report) == 0 && at < size-7 && block-at%block > 6 {
			t.Fatalf("seed %d: a flip in %s at %d went unnoticed", seed, file, at)
		}
		if lost > 0 && (len(report) != 1 || report[0].File != file || report[0].Offset > int64(at) || report[0].Offset+report[0].Length <= int64(at)) {
			t.Fatalf("seed %d: a flip in %s at %d was reported as %v", seed, file, at, report)
		}
		if lost > 0 && at < size-7 && stats.DamageCount != 1 {
			t.Fatalf("seed %d: a flip in %s at %d of %d, before the orderly end, was taken for a torn tail", seed, file, at, size)
		}
		if !slices.IsSortedFunc(got, func(a, b string) int { return slices.Index(all, a) - slices.Index(all, b) }) {
			t.Fatalf("seed %d: records came out of order", seed)
		}
	}
}

// Rubble of any kind: nothing panics, nothing is invented.
func TestRubble(t *testing.T) {
	fsys, all := sampleLog(t, 2, 20, 200_000)
	for seed := range seeds.Few(t, 300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		damaged := copyLog(t, fsys, func(name string, data []byte) []byte {
			if len(data) == 0 {
				return data
			}
			for range rnd.IntN(4) {
				from := rnd.IntN(len(data))
				to := from + rnd.IntN(min(len(data)-from, 70_000))
				switch rnd.IntN(4) {
				case 0:
					clear(data[from:to])
				case 1:
					data = slices.Delete(data, from, to)
				case 2:
					data = slices.Insert(data, rnd.IntN(len(data)), slices.Clone(data[from:to])...)
				case 3:
					data = data[:max(from, 1)]
				}
			}
			return data
		})
		got, _ := replayLines(t, damaged)
		for _, text := range got {
			if !slices.Contains(all, text) {
				t.Fatalf("seed %d: %.40q was invented", seed, text)
			}
		}
	}
}

func TestDamageIsNamed(t *testing.T) {
	edit := func(f func(data []byte) []byte) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if name == firstFile {
				return f(data)
			}
			return data
		}
	}
	for _, tc := range []struct {
		name   string
		edit   func(name string, data []byte) []byte
		lines  []string
		report string
	}{
		{"nothing", nil, []string{"one", "two", "three"}, ""},
		{
			"a flip in a record, length intact", edit(func(d []byte) []byte { d[bytes.Index(d, []byte("two"))] ^= 1; return d }),
			[]string{"one", "three"},
			"damage " + firstFile + " at offset 65: 41 bytes lost: no intact frame",
		},
		{
			"a flip in a length", edit(func(d []byte) []byte { d[65+4] ^= 0x20; return d }),
			[]string{"one"},
			"damage " + firstFile + " at offset 65: 84 bytes lost: no intact frame",
		},
		{
			"a flip in a length, and no orderly end", edit(func(d []byte) []byte { d[65+4] ^= 0x20; return d[:len(d)-7] }),
			[]string{"one"},
			"torn " + firstFile + " at offset 65: 84 bytes lost: torn tail",
		},
		{
			"a flip in the header", edit(func(d []byte) []byte { d[9] ^= 1; return d }),
			[]string{"one", "two", "three"},
			"damage " + firstFile + " at offset 0: 24 bytes lost: header is damaged",
		},
		{
			"a flip in the last record", edit(func(d []byte) []byte { d[bytes.Index(d, []byte("three"))] ^= 1; return d }),
			[]string{"one", "two"},
			"damage " + firstFile + " at offset 106: 43 bytes lost: no intact frame",
		},
		{
			"cut in the last record", edit(func(d []byte) []byte { return d[:126] }),
			[]string{"one", "two"},
			"torn " + firstFile + " at offset 106: 20 bytes lost: torn tail",
		},
		{"cut between records", edit(func(d []byte) []byte { return d[:106] }), []string{"one", "two"}, ""},
		{"cut in the header", edit(func(d []byte) []byte { return d[:10] }), nil, "torn " + firstFile + " at offset 0: 10 bytes lost: torn tail"},
		{"empty", edit(func(d []byte) []byte { return nil }), nil, "torn " + firstFile + " at offset 0: 0 bytes lost: torn tail"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fsys := vfs.NewMem()
			l := open(t, fsys, wal.Options{})
			w := begin(t, l)
			for _, text := range []string{"one", "two", "three"} {
				_, err := w.Append(oneLine("a", text), wal.Disk)
				check(t, err)
			}
			check(t, l.Close())
			got, stats := replayLines(t, copyLog(t, fsys, tc.edit))
			if !slices.Equal(got, tc.lines) {
				t.Errorf("replayed %q, want %q", got, tc.lines)
			}
			if got := report(stats); got != tc.report {
				t.Errorf("reported %q, want %q", got, tc.report)
			}
		})
	}
}

func report(s wal.ReplayStats) string {
	var out []string
	for _, d := range s.Damage {
		out = append(out, "damage "+d.String())
	}
	for _, d := range s.TornTails {
		out = append(out, "torn "+d.String())
	}
	return strings.Join(out, "; ")
}

func TestFilesThatAreNotTheirName(t *testing.T) {
	fsys, all := sampleLog(t, 3, 6, 1) // a file for each record
	name := func(n int) string { return fmt.Sprintf("wal/0000000001-%06d.wal", n) }

	missing := copyLog(t, fsys, nil)
	check(t, missing.Remove(name(3)))
	check(t, missing.Remove(name(4)))
	got, stats := replayLines(t, missing)
	if len(got) != 4 || report(stats) != "damage 0000000001-000003.wal at offset 0: 0 bytes lost: 2 files are missing from here on" {
		t.Errorf("without two files: %d records, %s", len(got), report(stats))
	}

	swapped := copyLog(t, fsys, nil)
	check(t, swapped.Rename(name(2), name(3)))
	got, stats = replayLines(t, swapped)
	if len(got) != 4 || stats.DamageCount != 2 || !strings.Contains(report(stats), "header says generation 1, file 2") {
		t.Errorf("with a file in place of another: %d records of %d, %s", len(got), len(all), report(stats))
	}

	future := copyLog(t, fsys, func(name string, data []byte) []byte {
		if name == firstFile {
			data[4] = 9
			// The checksum of the header, computed as a later version would.
			return wal.ResealHeader(data)
		}
		return data
	})
	l := open(t, future, wal.Options{})
	if _, err := l.Replay(context.Background(), 1, &collector{}); err == nil || !strings.Contains(err.Error(), "version 9 is not known, 1 is") {
		t.Errorf("a version of the future: %v", err)
	}
}
