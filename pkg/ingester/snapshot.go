package ingester

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// Open implements [scan.Source] over what is in memory. The directory names all
// generations that the snapshot answers for, whether the tenant has rows in
// them or not: who opens the ingester before it reads the catalog, and leaves
// out the segments made from these generations, sees every row exactly once. A
// generation of which replay left out the tenant, whose rows are in the store
// already, is not named.
func (i *Ingester) Open(_ context.Context, req *scan.Request) (scan.Snapshot, error) {
	s := &snapshot{req: req, filters: block.NewFilters(req.Filters), sealers: i.sealers, gens: i.generations(), numbers: map[string]int{}}
	for _, g := range s.gens {
		if g.skipped[req.Tenant] {
			continue
		}
		s.dir.Generations = append(s.dir.Generations, i.self(g))
		if h := g.find(req.Tenant); h != nil {
			s.addHead(h)
		}
	}
	return s, nil
}

// A snapshot is what the heads of one tenant held at one moment.
type snapshot struct {
	req     *scan.Request
	filters *block.Filters
	sealers *sealers
	gens    []*generation
	dir     scan.Directory
	numbers map[string]int // of streams in the directory, by labels
	parts   []part         // of dir.Blocks
}

// A part is a block of the directory: one that is sealed, or the rows of a buffer.
type part struct {
	gen     *generation
	streams map[uint32]int // numbers in the directory, by reference in the head
	sealed  *sealedBlock

	// Of rows: where they are from, and their size.
	rows  view
	group *group
	buf   *buffer
	bytes int
}

func (s *snapshot) addHead(h *head) {
	refs := h.index.Select(s.req.Matchers)
	if refs.IsEmpty() {
		return
	}
	// The streams of each group that match.
	byGroup := map[*group]map[uint32]int{}
	h.mu.RLock()
	it := refs.Iterator()
	for it.HasNext() {
		ref := it.Next()
		if int(ref) >= len(h.streams) {
			continue // added since; it has no rows that this query must see
		}
		hs := h.streams[ref]
		m := byGroup[hs.group]
		if m == nil {
			m = map[uint32]int{}
			byGroup[hs.group] = m
		}
		m[ref] = s.number(hs)
	}
	h.mu.RUnlock()

	for g, streams := range byGroup {
		s.addGroup(h, g, streams)
	}
}

// number returns the directory's number of a stream.
func (s *snapshot) number(hs *headStream) int {
	text := hs.labels.String()
	n, ok := s.numbers[text]
	if !ok {
		n = len(s.dir.Streams)
		s.numbers[text] = n
		s.dir.Streams = append(s.dir.Streams, scan.Stream{Labels: hs.labels, Hash: hs.hash})
	}
	return n
}

// addGroup lists what the group holds of the streams. The group is locked for
// as long as it takes to note which blocks and rows there are.
func (s *snapshot) addGroup(h *head, g *group, streams map[uint32]int) {
	type open struct {
		buf   *buffer
		place uint32
		view  view
		bytes int
	}
	g.mu.Lock()
	sealed := slices.Clone(g.sealed)
	raw := make([]open, 0, len(g.waiting)+1)
	note := func(b *buffer) {
		sealed = append(sealed, b.early.blocks...)
		raw = append(raw, open{b, b.place + uint32(b.early.times), b.rest(), b.bytes - b.early.bytes})
	}
	for _, b := range g.waiting {
		note(b)
	}
	if g.open != nil {
		note(g.open)
	}
	g.mu.Unlock()

	for n := range sealed {
		b := &sealed[n]
		var runs []scan.Run
		for _, r := range b.Runs {
			number, ok := streams[r.Stream]
			if !ok || !r.Interval.Overlaps(s.req.Interval) {
				continue
			}
			runs = append(runs, scan.Run{Stream: number, Interval: r.Interval, Rows: r.Rows, Bytes: r.Bytes, MetadataBytes: r.MetadataBytes})
		}
		refused := false
		if len(runs) > 0 && s.filters.Answered() != nil {
			// What is wrong with a block is told by reading it.
			opened, err := b.open(h.gen.hot)
			refused = err == nil && opened.Refuses(s.filters)
		}
		s.add(h, scan.Block{Order: scan.Order{Place: b.place}, Runs: runs, Refused: refused}, part{gen: h.gen, streams: streams, sealed: b})
	}
	for _, o := range raw {
		s.add(h, scan.Block{Order: scan.Order{Place: o.place}, Runs: viewRuns(&o.view, streams, s.req.Interval)}, part{
			gen: h.gen, streams: streams, rows: o.view, group: g, buf: o.buf, bytes: o.bytes,
		})
	}
}

func (s *snapshot) add(h *head, b scan.Block, p part) {
	if len(b.Runs) == 0 {
		return
	}
	b.Order.Generation = h.gen.id
	s.dir.Blocks = append(s.dir.Blocks, b)
	s.parts = append(s.parts, p)
}

// viewRuns adds up the rows of each stream that match.
func viewRuns(v *view, streams map[uint32]int, iv model.Interval) []scan.Run {
	byRef := map[uint32]*scan.Run{}
	var last *scan.Run
	lastRef, haveLast := uint32(0), false
	lastMeta, metaBytes := uint32(0), int64(0)
	for n := range v.rows {
		r := &v.rows[n]
		if !haveLast || r.stream != lastRef {
			lastRef, haveLast = r.stream, true
			last = byRef[r.stream]
			if last == nil {
				number, ok := streams[r.stream]
				if ok {
					last = &scan.Run{Stream: number, Interval: model.Nothing, Unsorted: true}
					byRef[r.stream] = last
				}
			}
		}
		if last == nil {
			continue
		}
		last.Interval = last.Interval.Extend(r.ts)
		last.Rows++
		last.Bytes += int64(r.length)
		if r.meta != lastMeta { // equal metadata in a row lies in one place
			lastMeta, metaBytes = r.meta, v.metadataBytes(r)
		}
		last.MetadataBytes += metaBytes
	}
	var out []scan.Run
	for _, r := range byRef {
		if r.Interval.Overlaps(iv) {
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b scan.Run) int { return cmp.Compare(a.Stream, b.Stream) })
	return out
}

// Directory implements [scan.Snapshot].
func (s *snapshot) Directory() *scan.Directory { return &s.dir }

// Read implements [scan.Snapshot].
func (s *snapshot) Read(ctx context.Context, n int, want scan.Want) (*scan.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	want.Interval = want.Interval.Intersect(s.req.Interval)
	p := &s.parts[n]
	if p.sealed == nil {
		batch := p.readRows(want, s.filters)
		if p.group.looked(p.buf, p.bytes) {
			s.sealers.sealEarly(p.group, p.buf)
		}
		return batch, nil
	}
	batch, err := p.readSealed(want, s.filters)
	if err != nil {
		return nil, fmt.Errorf("read a block of generation %d in memory: %w", p.gen.id, err)
	}
	return batch, nil
}

// Close implements [scan.Snapshot].
func (s *snapshot) Close() error {
	for _, g := range s.gens {
		g.release()
	}
	s.gens = nil
	return nil
}

// selectStreams calls fn for every stream of the tenant in memory that the
// matchers select and that has rows in the interval; it may be called more than
// once for a stream.
func (i *Ingester) selectStreams(req *scan.Request, fn func(*headStream)) {
	gens := i.generations()
	defer func() {
		for _, g := range gens {
			g.release()
		}
	}()
	for _, g := range gens {
		h := g.find(req.Tenant)
		if h == nil {
			continue
		}
		refs := h.index.Select(req.Matchers)
		for _, hs := range h.streamsOf(refs) {
			hs.group.mu.Lock()
			has := hs.interval.Overlaps(req.Interval)
			hs.group.mu.Unlock()
			if has {
				fn(hs)
			}
		}
	}
}

// streamsOf returns the streams with these references.
func (h *head) streamsOf(refs *roaring.Bitmap) []*headStream {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*headStream, 0, refs.GetCardinality())
	it := refs.Iterator()
	for it.HasNext() {
		// A stream that was added since has no rows that the question is about.
		if ref := it.Next(); int(ref) < len(h.streams) {
			out = append(out, h.streams[ref])
		}
	}
	return out
}

// readSealed decodes the rows that are wanted.
func (p *part) readSealed(want scan.Want, filters *block.Filters) (*scan.Batch, error) {
	b, err := p.sealed.open(p.gen.hot)
	if err != nil {
		return nil, err
	}
	q := &block.Question{
		Interval: want.Interval, Columns: want.Columns, Filters: filters,
		Fields: want.Fields, Shapes: want.Shapes, List: want.List, Limit: want.Limit, Oldest: want.Oldest, Seek: want.Seek,
	}
	for n, r := range p.sealed.Runs {
		if number, ok := p.streams[r.Stream]; ok && r.Interval.Overlaps(want.Interval) {
			q.Picks = append(q.Picks, block.Pick{Run: n, Stream: number})
		}
	}
	read := block.Bytes(p.sealed.Data)
	if p.sealed.Data == nil {
		read = func(ranges []block.Range) ([]block.Piece, error) {
			pieces := make([]block.Piece, len(ranges))
			for i, r := range ranges {
				data, err := p.gen.spilled(spillRef{off: p.sealed.spilled.off + r.Off, n: r.N})
				if err != nil {
					return nil, err
				}
				pieces[i] = block.Piece{Off: r.Off, Data: data}
			}
			return pieces, nil
		}
	}
	return b.Decode(read, p.sealed.Runs, q)
}
