package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

func inspectFlags(fs *flag.FlagSet) func(*segment.Reader, io.Writer, io.Writer) error {
	blocks := fs.Bool("blocks", false, "list the blocks too")
	streams := fs.Bool("streams", false, "list the streams too")
	return func(r *segment.Reader, stdout, _ io.Writer) error {
		inspect(r, stdout)
		if *blocks {
			inspectBlocks(r, stdout)
		}
		if *streams {
			inspectStreams(r, stdout)
		}
		return nil
	}
}

func inspect(r *segment.Reader, out io.Writer) {
	s := r.Summary()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "segment\t%s\n", s.ID)
	fmt.Fprintf(w, "tenant\t%s\n", s.Tenant)
	fmt.Fprintf(w, "from\t%s\n", stamp(s.Interval.Mint))
	fmt.Fprintf(w, "to\t%s\n", stamp(s.Interval.Maxt))
	for _, g := range s.Sources {
		fmt.Fprintf(w, "source\t%s, generation %d\n", g.Ingester, g.ID)
	}
	fmt.Fprintf(w, "streams\t%d\n", s.Streams)
	fmt.Fprintf(w, "blocks\t%d\n", s.Blocks)
	fmt.Fprintf(w, "entries\t%d\n", s.Rows)
	fmt.Fprintf(w, "line bytes\t%d\n", s.Bytes)
	fmt.Fprintf(w, "metadata bytes\t%d\n", s.MetadataBytes)
	fmt.Fprintf(w, "size\t%d\n", s.Size)
	fmt.Fprintf(w, "ratio\t%.2f\n", float64(s.Bytes+s.MetadataBytes)/float64(s.Size))
}

func inspectBlocks(r *segment.Reader, out io.Writer) {
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "block\tfrom\tto\tstreams\tentries\tbytes\tat\tdata\tprune\tgeneration\tplace")
	for i, b := range r.Blocks() {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", i, stamp(b.Interval.Mint), stamp(b.Interval.Maxt),
			len(b.Runs), b.Rows, b.Bytes, b.DataOffset, b.DataBytes, b.PruneBytes, b.Order.Generation, b.Order.Place)
	}
}

func inspectStreams(r *segment.Reader, out io.Writer) {
	type total struct {
		rows     int
		bytes    int64
		interval model.Interval
	}
	totals := make([]total, r.Summary().Streams)
	for i := range totals {
		totals[i].interval = model.Nothing
	}
	for _, b := range r.Blocks() {
		for _, run := range b.Runs {
			t := &totals[run.Stream]
			t.rows += run.Rows
			t.bytes += run.Bytes + run.MetadataBytes
			t.interval = t.interval.Union(run.Interval)
		}
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintln(w, "from\tto\tentries\tbytes\tstream")
	for i, t := range totals {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", stamp(t.interval.Mint), stamp(t.interval.Maxt), t.rows, t.bytes, r.Stream(uint32(i)).Labels)
	}
}

// stamp is a timestamp as people read it.
func stamp(ts int64) string { return time.Unix(0, ts).UTC().Format(time.RFC3339Nano) }

func verifyFlags(*flag.FlagSet) func(*segment.Reader, io.Writer, io.Writer) error {
	return func(r *segment.Reader, stdout, stderr io.Writer) error {
		damages, err := r.Verify(context.Background())
		if err != nil {
			return err
		}
		for _, d := range damages {
			fmt.Fprintf(stderr, "%s\n", d)
		}
		s := r.Summary()
		if len(damages) > 0 {
			fmt.Fprintf(stderr, "segment %s: %s, %s in all\n", s.ID, count(len(damages), "damaged part", "damaged parts"), count(s.Blocks, "block", "blocks"))
			return errReported
		}
		fmt.Fprintf(stdout, "segment %s: %s, %s, %s: all sound\n", s.ID, count(s.Blocks, "block", "blocks"), count(s.Rows, "entry", "entries"), count(s.Size, "byte", "bytes"))
		return nil
	}
}
