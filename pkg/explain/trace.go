package explain

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Trace collects how one query is answered.
type Trace struct {
	dry bool

	mu    sync.Mutex // guards the fields below
	split *Split
	scans []*Scan
}

// New returns a trace; a dry one leaves blocks unread.
func New(dry bool) *Trace { return &Trace{dry: dry} }

type (
	traceKey struct{}
	scanKey  struct{}
)

// With returns a context in which t is the trace.
func With(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// From returns the trace of a context, nil if nobody wants one.
func From(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// Dry reports whether blocks are not to be read.
func (t *Trace) Dry() bool { return t != nil && t.dry }

// SetSplit notes how the query is cut.
func (t *Trace) SetSplit(s Split) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.split = &s
}

// Scan returns where a run of a scan is noted: the scan of that query, one for all
// parts. plan says what is known before it is opened.
func (t *Trace) Scan(plan Step) *Scan {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.scans, func(s *Scan) bool { return s.step.Query == plan.Query })
	if i < 0 {
		i = len(t.scans)
		t.scans = append(t.scans, &Scan{dry: t.dry, step: plan, reads: map[readKey]*Read{}})
	}
	s := t.scans[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step.Runs++
	if plan.Start.Before(s.step.Start) {
		s.step.Start = plan.Start
	}
	if plan.End.After(s.step.End) {
		s.step.End = plan.End
	}
	return s
}

// Query returns what was noted; the caller adds what it knows of the query itself.
func (t *Trace) Query() *Query {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := &Query{Analyzed: !t.dry, Split: t.split, Scans: []*Step{}}
	for _, s := range t.scans {
		q.Scans = append(q.Scans, s.result())
	}
	return q
}

// A Scan collects how one scan is done.
type Scan struct {
	dry bool

	mu    sync.Mutex // guards the fields below
	step  Step
	reads map[readKey]*Read
}

// A readKey tells which blocks are told as one.
type readKey struct {
	columns string
	fields  bool
}

// WithScan returns a context in which sources note what they have in s.
func WithScan(ctx context.Context, s *Scan) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, scanKey{}, s)
}

// ScanFrom returns the scan of a context, nil if nobody wants to know of it.
func ScanFrom(ctx context.Context) *Scan {
	s, _ := ctx.Value(scanKey{}).(*Scan)
	return s
}

// Dry reports whether blocks are not to be read.
func (s *Scan) Dry() bool { return s != nil && s.dry }

// AddSource notes what a source has; sources of one name are one.
func (s *Scan) AddSource(src Source) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.step.Sources, func(o Source) bool { return o.Name == src.Name })
	if i < 0 {
		s.step.Sources = append(s.step.Sources, src)
		return
	}
	at := &s.step.Sources[i]
	at.Segments += src.Segments
	at.Blocks += src.Blocks
	at.Seconds += src.Seconds
}

// Opened notes what all sources together have, and how long it took to know.
func (s *Scan) Opened(streams, blocks int, took time.Duration) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step.Streams = max(s.step.Streams, streams) // parts mostly have the same
	s.step.Blocks += blocks
	s.step.OpenSeconds += Seconds(took)
}

// Skip notes what is not read; skips of one reason are one.
func (s *Scan) Skip(k Skip) {
	if s == nil || k.Blocks == 0 && k.Segments == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.step.Skipped, func(o Skip) bool { return o.Why == k.Why })
	if i < 0 {
		s.step.Skipped = append(s.step.Skipped, k)
		return
	}
	at := &s.step.Skipped[i]
	at.Blocks += k.Blocks
	at.Segments += k.Segments
	at.Rows += k.Rows
}

// AddRead notes what was read of a block, or of several.
func (s *Scan) AddRead(r Read) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := readKey{r.Columns, r.Fields}
	at := s.reads[key]
	if at == nil {
		at = &Read{Columns: r.Columns, Fields: r.Fields}
		s.reads[key] = at
	}
	at.Blocks += r.Blocks
	at.Header += r.Header
	at.ByColumns += r.ByColumns
	at.ByRows += r.ByRows
	at.Rows += r.Rows
	at.Selected += r.Selected
	at.ReadBytes += r.ReadBytes
	at.DecodedBytes += r.DecodedBytes
	at.Seconds += r.Seconds
}

// Ran notes how long a run took from the open snapshot to its result.
func (s *Scan) Ran(took time.Duration) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step.RunSeconds += Seconds(took)
}

// result is a copy of what was noted, in an order that does not depend on chance.
func (s *Scan) result() *Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.step
	out.Sources = slices.Clone(s.step.Sources)
	slices.SortFunc(out.Sources, func(a, b Source) int { return cmp.Compare(a.Name, b.Name) })
	out.Skipped = slices.Clone(s.step.Skipped)
	slices.SortFunc(out.Skipped, func(a, b Skip) int { return cmp.Compare(a.Why, b.Why) })
	keys := slices.SortedFunc(maps.Keys(s.reads), func(a, b readKey) int {
		return cmp.Or(cmp.Compare(a.columns, b.columns), cmp.Compare(ordinal(a.fields), ordinal(b.fields)))
	})
	for _, k := range keys {
		out.Reads = append(out.Reads, *s.reads[k])
	}
	return &out
}

func ordinal(b bool) int {
	if b {
		return 1
	}
	return 0
}
