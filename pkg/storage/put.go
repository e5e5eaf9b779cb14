package storage

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// segmentsRoot is where the objects of segments are in the bucket.
const segmentsRoot = "segments/"

// ObjectName is the name of the object of a segment.
func ObjectName(tenant string, id ulid.ULID) string {
	return segmentsRoot + objstore.EncodeTenant(tenant) + "/" + id.String()
}

// A NewSegment says what a segment is that is being put.
type NewSegment struct {
	Tenant string
	// Labels tells the labels of the streams, which blocks refer to by any
	// numbers. It is called once for each, while the segment is built.
	Labels func(ref uint32) labels.Labels
	// Level is 0 for what an ingester writes, and higher for what is merged.
	Level int
	// Sources are the memtables that the rows come from: one at level 0, so that
	// a query which reads the memtable can leave the segment out. At higher levels
	// they are the highest of each ingester.
	Sources []scan.Generation
	// Replaces are the segments that this one makes dead, at higher levels.
	Replaces []ulid.ULID
	// Claim, unless nil, is the right to replace them. It is confirmed before
	// the segment becomes visible.
	Claim *catalog.Claim
	// Check, unless nil, is given the segment as it is in the bucket, before
	// anybody else sees it. An error of its fails the put.
	Check func(context.Context, *segment.Reader) error
}

// Put writes a segment and makes it visible. build adds its blocks to the writer,
// at least one, while what it added is on its way to the bucket; it does not
// finish the writer.
//
// When Put returns nil the segment is durable and in every snapshot opened from
// now on. When it fails the segment is in none; what it wrote is swept later.
func (s *Store) Put(ctx context.Context, n NewSegment, build func(*segment.Writer) error) (*catalog.Entry, error) {
	e, err := s.put(ctx, n, build)
	if err != nil {
		return nil, fmt.Errorf("put segment of tenant %s: %w", n.Tenant, err)
	}
	return e, nil
}

func (s *Store) put(ctx context.Context, n NewSegment, build func(*segment.Writer) error) (*catalog.Entry, error) {
	if n.Level == 0 && len(n.Sources) != 1 {
		return nil, fmt.Errorf("%d sources at level 0, where there is one", len(n.Sources))
	}
	id, err := ulid.New(ulid.Now(), rand.Reader)
	if err != nil {
		return nil, err
	}
	object := ObjectName(n.Tenant, id)
	summary, err := s.putObject(ctx, object, id, n, build)
	if err != nil {
		return nil, err
	}
	if err := s.fault(SegmentWritten); err != nil {
		return nil, err
	}
	e := catalog.Entry{
		ID: id, Tenant: n.Tenant, Object: object, Size: summary.Size, IndexSize: summary.IndexSize, PruneSize: summary.PruneSize, Interval: summary.Interval,
		Level: n.Level, Sources: n.Sources, Replaces: n.Replaces, Created: time.Now().UTC(),
		Stats: catalog.Stats{
			Streams: summary.Streams, Blocks: summary.Blocks, Rows: summary.Rows,
			Bytes: summary.Bytes, MetadataBytes: summary.MetadataBytes,
		},
	}
	if n.Check != nil {
		if err := s.check(ctx, &e, n.Check); err != nil {
			return nil, err
		}
	}
	if n.Claim != nil {
		if err := n.Claim.Confirm(ctx); err != nil {
			return nil, err
		}
	}
	// The object stays when this fails: should the entry be there all the same,
	// it must not point at nothing.
	if err := s.catalog.Add(ctx, e); err != nil {
		return nil, err
	}
	s.metrics.put(&e)
	if err := s.fault(EntryWritten); err != nil {
		return nil, err
	}
	s.warm(ctx, &e)
	return &e, nil
}

// warm opens what was put. Should that fail, queries will try again, and say so.
func (s *Store) warm(ctx context.Context, e *catalog.Entry) {
	if !s.warms {
		return
	}
	if r, err := s.readers.get(ctx, e, true); err == nil {
		_ = r.Warm(ctx)
	}
}

// check reads a segment back that nobody knows of yet. One that is not as it
// should be is deleted.
func (s *Store) check(ctx context.Context, e *catalog.Entry, check func(context.Context, *segment.Reader) error) error {
	r, err := OpenSegment(ctx, s.bucket, e)
	if err == nil {
		err = check(ctx, r)
	}
	if err != nil {
		// An orphan is swept in any case; this only saves its space until then.
		_ = s.bucket.Delete(context.WithoutCancel(ctx), e.Object)
		return fmt.Errorf("check what was written: %w", err)
	}
	return s.fault(SegmentChecked)
}

// putObject writes the object of a segment as it is built, so that no more of it
// is in memory than the writer holds.
func (s *Store) putObject(ctx context.Context, object string, id ulid.ULID, n NewSegment, build func(*segment.Writer) error) (segment.Summary, error) {
	pr, pw := io.Pipe()
	put := make(chan error, 1)
	go func() {
		err := s.bucket.Put(ctx, object, pr, -1)
		// Whoever still writes is told, and does not wait for a reader.
		_ = pr.CloseWithError(errors.Join(errPutEnded, err))
		put <- err
	}()
	defer pw.CloseWithError(errPutEnded) // should building it end in a panic
	summary, err := writeSegment(pw, id, n, build)
	_ = pw.CloseWithError(err) // nil ends the object
	putErr := <-put
	if putErr != nil && (err == nil || errors.Is(err, errPutEnded)) {
		err = putErr
	}
	return summary, err
}

var errPutEnded = errors.New("the put has ended")

func writeSegment(w io.Writer, id ulid.ULID, n NewSegment, build func(*segment.Writer) error) (segment.Summary, error) {
	// A pipe hands over each write by itself; the small ones are gathered.
	buffered := bufio.NewWriterSize(w, 256<<10)
	sw := segment.NewWriter(buffered, id, n.Tenant, n.Labels)
	if err := build(sw); err != nil {
		return segment.Summary{}, err
	}
	summary, err := sw.Finish(n.Sources)
	if err != nil {
		return segment.Summary{}, err
	}
	return summary, buffered.Flush()
}
