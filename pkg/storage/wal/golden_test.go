package wal_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// golden is what the samples under testdata hold, one for each version: records
// of both kinds, packed and plain, within a block and across.
func golden() []record {
	return []record{
		{tenant: "team-b", states: []wal.StreamState{
			{Labels: `{app="web"}`, Hash: 0xfedcba9876543210, Newest: 1_790_000_000_000_000_000, LastSeen: 1_790_000_000_500_000_000},
		}},
		{batch: model.Batch{Tenant: "team-a", Streams: []model.Stream{
			{Labels: `{app="api"}`, Hash: 0x0123456789abcdef, Entries: []model.Entry{
				{Timestamp: 1_790_000_000_000_000_001, Line: "GET / 200"},
				{Timestamp: 1_789_999_999_999_999_999, Line: "late, and with metadata", Metadata: model.Metadata{
					labels.Label{Name: "trace_id", Value: "4bf92f35"}, labels.Label{Name: "detected_level", Value: "info"},
				}},
			}},
			{Labels: `{app="empty"}`, Hash: 1},
		}}},
		{batch: model.Batch{Tenant: "team-a", Streams: []model.Stream{
			{Labels: `{app="api"}`, Hash: 0x0123456789abcdef, Entries: []model.Entry{{Timestamp: -1, Line: strings.Repeat("well packed ", 1000)}}},
		}}},
		{batch: model.Batch{Tenant: "team-a", Streams: []model.Stream{
			{Labels: `{app="api"}`, Hash: 0x0123456789abcdef, Entries: []model.Entry{{Timestamp: 0, Line: noise(33_000)}}},
		}}},
	}
}

// noise is text that no codec makes smaller.
func noise(n int) string {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}

// Every version ever written can be read. SKALD_WRITE_GOLDEN=v9 writes the sample
// of a new version; the older ones stay as they are.
func TestGolden(t *testing.T) {
	if name := os.Getenv("SKALD_WRITE_GOLDEN"); name != "" {
		writeGolden(t, filepath.Join("testdata", name, "wal"))
	}
	samples, err := filepath.Glob("testdata/v*/wal")
	check(t, err)
	if len(samples) == 0 {
		t.Fatal("no samples under testdata")
	}
	for _, dir := range samples {
		fsys := vfs.NewMem()
		infos, err := vfs.OS.ReadDir(dir)
		check(t, err)
		for _, info := range infos {
			data, err := vfs.ReadFile(vfs.OS, filepath.Join(dir, info.Name), 1<<20)
			check(t, err)
			check(t, vfs.WriteFile(fsys, "wal/"+info.Name, data))
		}
		l := open(t, fsys, wal.Options{})
		var c collector
		for _, g := range l.Generations() {
			stats, err := l.Replay(context.Background(), g, &c)
			check(t, err)
			if text := report(stats); text != "" {
				t.Errorf("%s: %s", dir, text)
			}
		}
		if want := golden(); !reflect.DeepEqual(c.records, want) {
			t.Errorf("%s: replayed %.300v, want %.300v", dir, c.records, want)
		}
		if got := begin(t, l).Generation(); got != 42 {
			t.Errorf("%s: the next generation is %d, want 42", dir, got)
		}
		check(t, l.Close())
	}
}

func writeGolden(t *testing.T, dir string) {
	fsys := vfs.NewMem()
	l := open(t, fsys, wal.Options{After: 40})
	w := begin(t, l)
	for _, r := range golden() {
		if r.states != nil {
			check(t, w.AppendStreams(r.tenant, r.states))
			continue
		}
		_, err := w.Append(&r.batch, wal.Disk)
		check(t, err)
	}
	check(t, l.Close())
	for _, name := range append(names(t, fsys), "0000000041.counter") {
		data, err := vfs.ReadFile(fsys, "wal/"+name, 1<<20)
		check(t, err)
		check(t, vfs.WriteFile(vfs.OS, filepath.Join(dir, name), data))
	}
}
