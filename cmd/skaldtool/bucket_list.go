package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// listBucket prints a table of tenants and levels, and one of segments.
func listBucket(_ context.Context, j *bucketJob) error {
	w := tabwriter.NewWriter(j.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "tenant\tlevel\tsegments\tfrom\tto\tentries\tbytes\tsize\tratio")
	for _, tenant := range j.catalog.Tenants() {
		snap := j.catalog.Snapshot(tenant)
		for _, l := range levels(snap.Entries) {
			l.print(w, tenant)
		}
		dead := total{name: "dead"}
		for _, e := range j.catalog.Dead(tenant) {
			if !e.Tombstone() {
				dead.add(e)
			}
		}
		if dead.segments > 0 {
			dead.print(w, tenant)
		}
		if n := len(snap.Damaged); n > 0 {
			fmt.Fprintf(w, "%s\tdamaged\t%d\n", tenant, n)
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "segment\ttenant\tlevel\tfrom\tto\tstreams\tblocks\tentries\tsize\tstate")
	for _, tenant := range j.catalog.Tenants() {
		for _, e := range j.catalog.Snapshot(tenant).Entries {
			state := "live"
			if e.Level == 0 && !e.Released {
				state = "held by its ingester"
			}
			printEntry(w, e, state)
		}
		for _, e := range j.catalog.Dead(tenant) {
			state := "dead"
			if e.Tombstone() {
				state = fmt.Sprintf("tombstone of %d", len(e.Replaces))
			}
			printEntry(w, e, state)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, tenant := range j.catalog.Tenants() {
		for _, d := range j.catalog.Snapshot(tenant).Damaged {
			fmt.Fprintf(j.stdout, "%s: %v\n", d.Object, d.Err)
		}
	}
	return nil
}

func printEntry(w io.Writer, e *catalog.Entry, state string) {
	fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", e.ID, e.Tenant, e.Level, stamp(e.Interval.Mint), stamp(e.Interval.Maxt),
		e.Stats.Streams, e.Stats.Blocks, e.Stats.Rows, e.Size, state)
}

// A total adds up entries.
type total struct {
	name     string
	segments int
	interval model.Interval
	rows     int64
	raw      int64 // bytes of lines and metadata
	size     int64
}

func (t *total) add(e *catalog.Entry) {
	if t.segments == 0 {
		t.interval = model.Nothing
	}
	t.segments++
	t.interval = t.interval.Union(e.Interval)
	t.rows += e.Stats.Rows
	t.raw += e.Stats.Bytes + e.Stats.MetadataBytes
	t.size += e.Size
}

func (t *total) print(w io.Writer, tenant string) {
	fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%d\t%d\t%.2f\n", tenant, t.name, t.segments, stamp(t.interval.Mint), stamp(t.interval.Maxt),
		t.rows, t.raw, t.size, float64(t.raw)/float64(max(1, t.size)))
}

// levels adds up entries by their level, in ascending order.
func levels(entries []*catalog.Entry) []*total {
	byLevel := map[int]*total{}
	for _, e := range entries {
		if byLevel[e.Level] == nil {
			byLevel[e.Level] = &total{name: strconv.Itoa(e.Level)}
		}
		byLevel[e.Level].add(e)
	}
	var out []*total
	for _, l := range slices.Sorted(maps.Keys(byLevel)) {
		out = append(out, byLevel[l])
	}
	return out
}
