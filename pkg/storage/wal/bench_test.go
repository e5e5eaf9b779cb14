package wal_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// benchBatch is one push of about a megabyte: lines of the file that
// SKALD_BENCH_LINES names, or lines made up like those of an access log.
func benchBatch(b *testing.B) *model.Batch {
	b.Helper()
	rnd := rand.New(rand.NewPCG(1, 1))
	var text []string
	if name := os.Getenv("SKALD_BENCH_LINES"); name != "" {
		data, err := os.ReadFile(name)
		check(b, err)
		text = strings.Split(string(data[:min(len(data), 1<<20)]), "\n")
	}
	for size := 0; size < 1<<20 && os.Getenv("SKALD_BENCH_LINES") == ""; {
		l := fmt.Sprintf(`10.%d.%d.%d - - [22/Nov/2026:10:%02d:%02d +0000] "GET /api/v1/orders/%d?page=%d HTTP/1.1" %d %d "-" "curl/8.%d" %.3f trace=%016x`,
			rnd.IntN(8), rnd.IntN(256), rnd.IntN(256), size>>16, rnd.IntN(60), rnd.IntN(1e6), rnd.IntN(20),
			[]int{200, 200, 200, 404, 500}[rnd.IntN(5)], rnd.IntN(1e5), rnd.IntN(10), rnd.Float64(), rnd.Uint64())
		text = append(text, l)
		size += len(l)
	}
	batch := &model.Batch{Tenant: "a", Streams: make([]model.Stream, 10)}
	ts := int64(1_790_000_000_000_000_000)
	for i, l := range text {
		s := &batch.Streams[i*len(batch.Streams)/len(text)]
		ts += rnd.Int64N(20_000_000)
		s.Entries = append(s.Entries, model.Entry{Timestamp: ts, Line: l, Metadata: model.Metadata{{Name: "detected_level", Value: "info"}}})
	}
	for i := range batch.Streams {
		batch.Streams[i].Labels = fmt.Sprintf(`{app="api", pod="api-%d"}`, i)
		batch.Streams[i].Hash = rnd.Uint64()
	}
	return batch
}

// How much does the log cost a push of a megabyte, in CPU (memory, off) and with
// a disk under it? MB/s are of lines and metadata.
func BenchmarkAppend(b *testing.B) {
	for _, bc := range []struct {
		name string
		fsys func() vfs.FS
		sync wal.Sync
	}{
		{"disk/group", func() vfs.FS { return vfs.OS }, wal.Group},
		{"disk/off", func() vfs.FS { return vfs.OS }, wal.Off},
		{"discard/group", func() vfs.FS { return discardFS{vfs.OS} }, wal.Group},
	} {
		b.Run(bc.name, func(b *testing.B) {
			batch := benchBatch(b)
			l, err := wal.Open(b.TempDir(), wal.Options{FS: bc.fsys(), Sync: bc.sync})
			check(b, err)
			w := begin(b, l)
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Append(batch, wal.Memory); err != nil {
					b.Fatal(err)
				}
			}
			check(b, l.Close())
		})
	}
}

// How fast do pushes of one line get through when many wait for the same sync?
func BenchmarkAppendSmall(b *testing.B) {
	l, err := wal.Open(b.TempDir(), wal.Options{})
	check(b, err)
	w := begin(b, l)
	batch := oneLine("a", "a single line, as a chatty client sends it")
	b.SetParallelism(100)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Append(batch, wal.Disk); err != nil {
				b.Error(err)
				return
			}
		}
	})
	check(b, l.Close())
}

// How fast is a replay that decodes everything, and one that skips the tenant?
func BenchmarkReplay(b *testing.B) {
	fsys := vfs.NewMem()
	l := open(b, fsys, wal.Options{Sync: wal.Off})
	w := begin(b, l)
	batch := benchBatch(b)
	const records = 20
	for range records {
		_, err := w.Append(batch, wal.Memory)
		check(b, err)
	}
	check(b, l.Close())
	l = open(b, fsys, wal.Options{})
	for name, decode := range map[string]bool{"decode": true, "skip": false} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(records * batch.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				_, err := l.Replay(context.Background(), 1, &counter{decode: decode})
				check(b, err)
			}
		})
	}
}

// A counter looks at entries and keeps none.
type counter struct {
	decode  bool
	batch   model.Batch
	entries int
}

func (c *counter) Batch(_ string, decode func(*model.Batch) error) error {
	if !c.decode {
		return nil
	}
	err := decode(&c.batch)
	c.entries += c.batch.Entries()
	return err
}

func (c *counter) Streams(string, []wal.StreamState) error { return nil }

// discardFS is a disk that takes everything and keeps no log file's bytes.
type discardFS struct{ vfs.FS }

type discardFile struct{ vfs.File }

func (discardFile) Write(p []byte) (int, error) { return len(p), nil }
func (discardFile) Sync() error                 { return nil }

func (d discardFS) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	if err == nil && isLog(name) {
		f = discardFile{f}
	}
	return f, err
}
