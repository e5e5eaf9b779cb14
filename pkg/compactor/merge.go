package compactor

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/digest"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// sliceBytes is how much of a group is in memory at once: some blocks, so that
// the last of a slice, which is not full, does not matter.
const sliceBytes = 32 << 20

// errNothingLeft ends a merge of which no row is left.
var errNothingLeft = errors.New("no row is left")

// A merge is one job under way.
type merge struct {
	job    *job
	held   *storage.Held
	labels []labels.Labels // of all streams, sorted: the numbers of streams in rows are places here
	hashes []uint64        // stable ones, of the same
	number [][]uint32      // by input and stream of the input: a place in labels
	cutoff []int64         // by stream: rows before it are past retention
	groups map[string][]part
	order  scan.Order     // of the next block
	slice  int64          // sliceBytes, less in tests
	pace   *pacer         // nil: as fast as it goes
	since  time.Time      // as of when its work counts, for the next rest
	claim  *catalog.Claim // of the inputs

	masks   []*storage.Mask // what deletes rows
	asked   *catalog.Claim  // of the requests for it, unless nil
	deletes []bool          // by stream: whether one of them may
	removed []digest.Digest // by mask: the rows that it deleted
	gone    []goneRow       // of the slice at hand
	// check, unless nil, is called before the merged segment becomes visible, once
	// it was found to hold what it should.
	check func(context.Context, *segment.Reader) error

	hasher     digest.Hasher
	encoder    *block.Encoder
	all        digest.Digest // of the rows that were read
	want       digest.Digest // of the rows that were read and are kept
	duplicates int64         // rows that were dropped because an equal one was there
}

// A goneRow is a row that a mask deletes.
type goneRow struct {
	ts   int64
	hash uint64
	mask int
}

// A part is a block of an input.
type part struct {
	input, block int
	info         *segment.BlockInfo
}

// newMerge lays the directories of the inputs together. keepFrom says before
// which time the rows of a stream are past retention.
func newMerge(j *job, held *storage.Held, keepFrom func(labels.Labels) int64) *merge {
	m := &merge{job: j, held: held, groups: map[string][]part{}, slice: sliceBytes, since: time.Now()}
	m.order.Generation = math.MaxUint64
	m.numberStreams()
	m.cutoff = make([]int64, len(m.labels))
	for n, l := range m.labels {
		m.cutoff[n] = keepFrom(l)
	}
	for i, r := range held.Segments {
		blocks := r.Blocks()
		for b := range blocks {
			info := &blocks[b]
			m.order.Generation = min(m.order.Generation, info.Order.Generation)
			m.groups[info.Group] = append(m.groups[info.Group], part{input: i, block: b, info: info})
		}
	}
	for _, parts := range m.groups {
		slices.SortFunc(parts, func(a, b part) int {
			return cmp.Or(
				cmp.Compare(a.info.Order.Generation, b.info.Order.Generation),
				cmp.Compare(a.info.Order.Place, b.info.Order.Place),
				held.Segments[a.input].ID().Compare(held.Segments[b.input].ID()),
			)
		})
	}
	return m
}

// numberStreams gives every stream of all inputs its place in the order of
// labels, so that alike ones come together.
func (m *merge) numberStreams() {
	type found struct {
		labels        labels.Labels
		input, stream int
	}
	var all []found
	m.number = make([][]uint32, len(m.held.Segments))
	for i, r := range m.held.Segments {
		n := r.Summary().Streams
		m.number[i] = make([]uint32, n)
		for s := range n {
			all = append(all, found{r.Stream(uint32(s)).Labels, i, s})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return labels.Compare(a.labels, b.labels) })
	for n := range all {
		f := &all[n]
		if last := len(m.labels) - 1; last < 0 || !labels.Equal(m.labels[last], f.labels) {
			m.labels = append(m.labels, f.labels)
			m.hashes = append(m.hashes, labels.StableHash(f.labels))
		}
		m.number[f.input][f.stream] = uint32(len(m.labels) - 1)
	}
}

// run puts the merged segment, and returns its entry. It is nil, and nothing was
// put, when no row is left: the inputs are to be dropped.
func (m *merge) run(ctx context.Context, store *storage.Store) (*catalog.Entry, error) {
	e, err := store.Put(ctx, storage.NewSegment{
		Tenant:   m.job.tenant,
		Labels:   func(n uint32) labels.Labels { return m.labels[n] },
		Level:    m.job.level,
		Sources:  storage.LastSources(m.job.inputs),
		Replaces: m.job.ids(),
		Claim:    m.claim,
		Check: func(ctx context.Context, r *segment.Reader) error {
			m.since = time.Now()
			if err := m.want.Check(ctx, r, m.rest); err != nil || m.check == nil {
				return err
			}
			return m.check(ctx, r)
		},
	}, func(w *segment.Writer) error { return m.write(ctx, w) })
	if errors.Is(err, errNothingLeft) {
		return nil, nil
	}
	return e, err
}

// write adds the blocks of all groups, one group after the other.
func (m *merge) write(ctx context.Context, w *segment.Writer) error {
	var keys []string
	for key := range m.groups {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		for _, parts := range m.packs(m.groups[key]) {
			if err := m.writePack(ctx, w, key, parts); err != nil {
				return err
			}
		}
	}
	if m.want.Rows == 0 {
		return errNothingLeft
	}
	return nil
}

// writePack goes through parts of a group slice by slice of time.
func (m *merge) writePack(ctx context.Context, w *segment.Writer, key string, parts []part) error {
	left := model.Nothing
	for _, p := range parts {
		left = left.Union(p.info.Interval)
	}
	for {
		slice := model.Interval{Mint: left.Mint, Maxt: m.sliceEnd(parts, left)}
		rows, last, err := m.read(ctx, parts, slice)
		if err != nil {
			return err
		}
		m.countGone(last)
		if err := m.writeSlice(ctx, w, key, rows); err != nil {
			return err
		}
		if last >= left.Maxt {
			return nil
		}
		left.Mint = last + 1
	}
}

// sliceEnd returns until when the rows that are left fill a slice, if the rows
// of a block lie evenly.
func (m *merge) sliceEnd(parts []part, left model.Interval) int64 {
	until := func(end int64) (total float64) {
		for _, p := range parts {
			if there := p.info.Interval.Intersect(model.Interval{Mint: left.Mint, Maxt: end}); !there.Empty() {
				total += float64(p.info.Bytes+int64(p.info.Rows)*rowBytes) * length(there) / length(p.info.Interval)
			}
		}
		return total
	}
	if until(left.Maxt) <= float64(m.slice) {
		return left.Maxt
	}
	// lo is always within the slice, hi never.
	lo, hi := left.Mint, left.Maxt
	for {
		mid := int64(uint64(lo) + (uint64(hi)-uint64(lo))/2)
		switch {
		case mid == lo:
			return lo
		case until(mid) <= float64(m.slice):
			lo = mid
		default:
			hi = mid
		}
	}
}

func length(iv model.Interval) float64 { return float64(uint64(iv.Maxt)-uint64(iv.Mint)) + 1 }

// read returns the rows of a slice of time, in the order of their arrival. When
// they are many more than was expected the slice ends earlier, at last.
func (m *merge) read(ctx context.Context, parts []part, slice model.Interval) (got *rows, last int64, err error) {
	got, last = &rows{}, slice.Maxt
	for _, p := range parts {
		iv := model.Interval{Mint: slice.Mint, Maxt: last}
		if !p.info.Interval.Overlaps(iv) {
			continue
		}
		if err := m.readPart(ctx, p, iv, got); err != nil {
			return nil, 0, err
		}
		for got.bytes > 2*m.slice {
			end, ok := got.cut()
			if !ok {
				break
			}
			last = end
		}
	}
	return got, last, nil
}

// readPart appends the rows of one block that lie in iv and are kept.
func (m *merge) readPart(ctx context.Context, p part, iv model.Interval, to *rows) error {
	numbers := m.number[p.input]
	some := false
	for i := range p.info.Runs {
		run := &p.info.Runs[i]
		some = some || run.Interval.Overlaps(iv) && run.Interval.Maxt >= m.cutoff[numbers[run.Stream]]
	}
	if !some {
		return nil
	}
	if m.pace != nil {
		if err := m.pace.read(ctx, p.info.Bytes); err != nil {
			return err
		}
		m.since = time.Now() // waiting is no work
	}
	b, err := m.held.Segments[p.input].ReadBlockIn(ctx, p.block, iv)
	if err != nil {
		return &storage.SegmentError{Tenant: m.job.tenant, ID: m.job.inputs[p.input].ID, Err: err}
	}
	for _, run := range b.Runs {
		stream := numbers[run.Stream]
		selects := m.selectors(stream)
		for n := run.Start; n < run.End; n++ {
			switch {
			case b.Timestamps[n] < m.cutoff[stream]:
			case selects != nil && m.deletesRow(stream, selects, b, n):
			default:
				to.add(stream, b, n)
			}
		}
	}
	return m.rest(ctx)
}

// expired is how many rows were past retention, once the merge has run.
func (m *merge) expired() int64 {
	n := -m.want.Rows - m.duplicates
	for _, d := range m.removed {
		n -= d.Rows
	}
	for _, r := range m.held.Segments {
		n += r.Summary().Rows
	}
	return n
}

// keep holds on to what was claimed, which takes nothing while the claims are young.
func (m *merge) keep(ctx context.Context) error {
	for _, claim := range []*catalog.Claim{m.claim, m.asked} {
		if claim == nil {
			continue
		}
		if err := claim.Confirm(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rest gives way to what is more urgent, and keeps the claims meanwhile. It is
// called after each block.
func (m *merge) rest(ctx context.Context) error {
	if err := m.keep(ctx); err != nil {
		return err
	}
	if m.pace == nil {
		return ctx.Err()
	}
	err := m.pace.rest(ctx, time.Since(m.since))
	m.since = time.Now()
	return err
}

// writeSlice sorts rows, drops duplicates, and adds the blocks of what is left.
func (m *merge) writeSlice(ctx context.Context, w *segment.Writer, key string, got *rows) error {
	m.expect(got.rows)
	sorted, duplicates := block.Sort(got.rows)
	m.duplicates += int64(duplicates)
	for _, piece := range byTime(sorted) {
		for len(piece) > 0 {
			if err := m.rest(ctx); err != nil {
				return err
			}
			n := nextBlock(piece)
			enc, err := m.encoder.Encode(piece[:n])
			if err != nil {
				return err
			}
			if err := w.Add(segment.Block{Encoded: enc, Order: m.order, Group: key}); err != nil {
				return err
			}
			m.order.Place++
			piece = piece[n:]
		}
	}
	return nil
}

// expect adds rows, which are in the order of their arrival, to what the merged
// segment must hold. It tells duplicates by itself, so that a fault in sorting
// or encoding shows.
func (m *merge) expect(got []block.Row) {
	seen := make(map[uint64]struct{}, len(got))
	for i := range got {
		r := &got[i]
		whole, identity := m.hasher.Hash(m.hashes[r.Stream], r.Timestamp, r.Line, r.Metadata)
		m.all.Add(whole)
		if _, again := seen[identity]; !again {
			seen[identity] = struct{}{}
			m.want.Add(whole)
		}
	}
}
