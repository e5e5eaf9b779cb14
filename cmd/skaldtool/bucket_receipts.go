package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/deletes"
)

// listReceipts prints a table of the receipts of all tenants.
func listReceipts(ctx context.Context, j *bucketJob) error {
	tenants, err := deletes.Tenants(ctx, j.bucket)
	if err != nil {
		return err
	}
	damaged := 0
	w := tabwriter.NewWriter(j.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "tenant\trequest\taccepted\tfinished\tfrom\tto\tsegments\tremoved\tquery")
	for _, tenant := range tenants {
		ids, err := deletes.Receipts(ctx, j.bucket, tenant)
		if err != nil {
			return err
		}
		for _, id := range ids {
			r, err := deletes.ReadReceipt(ctx, j.bucket, tenant, id)
			if err != nil {
				damaged++
				fmt.Fprintln(j.stderr, err)
				continue
			}
			d := &r.Request
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", tenant, id, stamp(d.Created.UnixNano()), stamp(r.Finished.UnixNano()),
				stamp(d.Interval.Mint), stamp(d.Interval.Maxt), len(r.Steps), r.Removed(), d.Query)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if damaged > 0 {
		return errReported
	}
	return nil
}

// verifyReceipt says what a receipt claims and what is wrong with it.
func verifyReceipt(ctx context.Context, j *bucketJob) error {
	tenant := j.args[1]
	id, err := ulid.ParseStrict(j.args[2])
	if err != nil {
		return fmt.Errorf("request %s: %w", j.args[2], err)
	}
	r, err := deletes.ReadReceipt(ctx, j.bucket, tenant, id)
	if err != nil {
		return err
	}
	findings, err := deletes.Verify(ctx, j.bucket, j.catalog, r)
	if err != nil {
		return err
	}
	wrong := 0
	for _, f := range findings {
		if f.Wrong {
			wrong++
			fmt.Fprintln(j.stderr, f.Text)
			continue
		}
		fmt.Fprintln(j.stdout, f.Text)
	}
	fmt.Fprintf(j.stdout, "%s from %s to %s: %s removed from %s", r.Request.Query, stamp(r.Request.Interval.Mint),
		stamp(r.Request.Interval.Maxt), count(r.Removed(), "entry", "entries"), count(len(r.Steps), "segment", "segments"))
	if wrong > 0 {
		fmt.Fprintln(j.stdout)
		return errReported
	}
	fmt.Fprintln(j.stdout, ": as the receipt says")
	return nil
}
