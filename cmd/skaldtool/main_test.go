package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skaldlogs/skald/clients/bench"
	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
	"github.com/skaldlogs/skald/pkg/vfs"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"skaldtool": main, "skald": serveSkald})
}

// The scripts find the sample of the segment package as sample.segment.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Values[tbKey{}] = e.T()
			// Servers take no logs from long ago.
			e.Setenv("START", bench.DefaultStart(time.Now()).Format(time.RFC3339))
			data, err := os.ReadFile(filepath.FromSlash("../../pkg/storage/segment/testdata/version1.segment"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "sample.segment"), data, 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// mkbucket DIR makes a data folder with a bucket: of tenant acme a merged
			// segment, the two that it replaced and one of level 0; of tenant old a
			// dropped one.
			"mkbucket": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(makeBucket(ts.MkAbs(args[0]))) },
			// mkreceipt DIR makes a data folder with a bucket from which a request of
			// tenant acme was deleted, and sets REQUEST to its id.
			"mkreceipt": func(ts *testscript.TestScript, _ bool, args []string) {
				id, err := makeReceipt(ts.MkAbs(args[0]))
				ts.Check(err)
				ts.Setenv("REQUEST", id.String())
			},
			"freeports":  freePorts,
			"awaitready": awaitReady,
			"pushline":   pushLine,
			// flipall PATTERN OFFSET changes a byte of each file that matches; an OFFSET below 0
			// counts from the end.
			"flipall": func(ts *testscript.TestScript, _ bool, args []string) {
				found, err := filepath.Glob(ts.MkAbs(args[0]))
				ts.Check(err)
				off, err := strconv.Atoi(args[1])
				ts.Check(err)
				for _, name := range found {
					data, err := os.ReadFile(name)
					ts.Check(err)
					data[(off+len(data))%len(data)] ^= 1
					ts.Check(os.WriteFile(name, data, 0o644))
				}
			},
			// one PATTERN NAME renames the one file that matches.
			"one": func(ts *testscript.TestScript, _ bool, args []string) {
				found, err := filepath.Glob(ts.MkAbs(args[0]))
				ts.Check(err)
				if len(found) != 1 {
					ts.Fatalf("%d files match %s", len(found), args[0])
				}
				ts.Check(os.Rename(found[0], ts.MkAbs(args[1])))
			},
			// flip FILE OFFSET changes a byte; an offset below 0 counts from the end.
			"flip": func(ts *testscript.TestScript, _ bool, args []string) {
				name := ts.MkAbs(args[0])
				data, err := os.ReadFile(name)
				ts.Check(err)
				off, err := strconv.Atoi(args[1])
				ts.Check(err)
				if off < 0 {
					off += len(data)
				}
				data[off] ^= 1
				ts.Check(os.WriteFile(name, data, 0o644))
			},
		},
	})
}

// noMemory is ingesters that have flushed everything.
type noMemory struct{}

func (noMemory) Cover(context.Context) ([]scan.Generation, error)  { return nil, nil }
func (noMemory) Oldest(context.Context) ([]scan.Generation, error) { return nil, nil }

// limitsOf are the limits of all tenants.
type limitsOf struct{ limits.Limits }

func (l *limitsOf) For(string) *limits.Limits { return &l.Limits }

func makeReceipt(dir string) (id ulid.ULID, err error) {
	if err := makeBucket(dir); err != nil {
		return id, err
	}
	ctx := context.Background()
	folder, err := objstore.OpenFolder(vfs.OS, filepath.Join(dir, "bucket"))
	if err != nil {
		return id, err
	}
	defer folder.Close()
	c, err := catalog.Open(ctx, folder, catalog.Options{})
	if err != nil {
		return id, err
	}
	for _, e := range c.Unreleased("i") {
		if err := c.Release(ctx, e.Tenant, e.ID); err != nil {
			return id, err
		}
	}
	all := &limitsOf{}
	comp := compactor.New(compactor.Config{MaxCompactionParallelism: 1, MaxSegmentSize: 1 << 20, CompactionInterval: time.Hour, RetentionEnabled: true}, compactor.Options{
		Store:  storage.New(folder, c, storage.Options{Compile: deletes.Compile}),
		Limits: all, Defaults: &all.Limits, Ingesters: noMemory{}, Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
	})
	id, err = comp.Delete(ctx, "acme", `{app="shop"} |= "request 3"`, model.Interval{Mint: 0, Maxt: time.Now().UnixNano()})
	if err != nil {
		return id, err
	}
	return id, comp.Compact(ctx)
}

func makeBucket(dir string) error {
	ctx := context.Background()
	folder, err := objstore.OpenFolder(vfs.OS, filepath.Join(dir, "bucket"))
	if err != nil {
		return err
	}
	defer folder.Close()
	c, err := catalog.Open(ctx, folder, catalog.Options{})
	if err != nil {
		return err
	}
	s := storage.New(folder, c, storage.Options{})
	generation := uint64(0)
	put := func(tenant string, level int, replaces ...ulid.ULID) (ulid.ULID, error) {
		generation++
		e, err := s.Put(ctx, storage.NewSegment{
			Tenant: tenant, Level: level, Replaces: replaces,
			Sources: []scan.Generation{{Ingester: "i", ID: generation}},
			Labels:  func(uint32) labels.Labels { return labels.FromStrings("app", "shop") },
		}, func(w *segment.Writer) error {
			var enc block.Encoder
			var rows []block.Row
			for n := range 10 {
				rows = append(rows, block.Row{
					Timestamp: time.Date(2026, 5, 1, 10, int(generation), n, 0, time.UTC).UnixNano(),
					Line:      fmt.Sprintf("request %d of %d", n, generation),
				})
			}
			b, err := enc.Encode(rows)
			if err != nil {
				return err
			}
			return w.Add(segment.Block{Encoded: b, Order: scan.Order{Generation: generation}, Group: "shop"})
		})
		if err != nil {
			return ulid.ULID{}, err
		}
		if level == 0 && generation != 4 {
			err = c.Release(ctx, tenant, e.ID)
		}
		return e.ID, err
	}
	var ids []ulid.ULID
	for range 2 {
		id, err := put("acme", 0)
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if _, err := put("acme", 1, ids...); err != nil {
		return err
	}
	if _, err := put("acme", 0); err != nil {
		return err
	}
	old, err := put("old", 0)
	if err != nil {
		return err
	}
	_, err = s.Drop(ctx, "old", []ulid.ULID{old})
	return err
}
