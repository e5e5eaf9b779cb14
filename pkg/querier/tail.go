package querier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// tailRingPeriod is how often a tail looks for ingesters that are new on the
// ring, or back.
const tailRingPeriod = 5 * time.Second

// errNoTails is of ingesters that cannot be followed from here.
var errNoTails = errors.New("it cannot be followed")

// A TailRequest asks for entries as they come.
type TailRequest struct {
	Query *syntax.LogSelector
	// Start and Limit say what comes first: the newest Limit entries since Start,
	// in nanoseconds, the oldest of them first.
	Start int64
	Limit int
	// Delay holds entries back, so that those that come late find their place.
	Delay time.Duration
}

// A TailedEntry is an entry of a tail.
type TailedEntry struct {
	Timestamp int64
	Line      string
	Labels    *pipeline.LabelSet
}

// A TailBatch is what a tail has to tell at one time.
type TailBatch struct {
	Entries []TailedEntry
	// Dropped are the first of the entries that were left out since the batch
	// before, because the reader was too slow; DroppedCount is how many there
	// were. Entries that an ingester left out are counted before filters.
	Dropped      []scan.DroppedEntry
	DroppedCount int
}

// A Tail is the entries of a query as they come. It is made by [Querier.Tail],
// and belongs to one goroutine.
//
//	every ingester ─▶ follow ─▶ stages of the query ─▶ queue, bounded ─▶ Next
//
// Ingesters are followed before the entries that there are already are asked
// for, so none is missed between; what is in both is told once, and so are the
// copies that several ingesters have.
type Tail struct {
	q       *Querier
	tenant  string
	req     *TailRequest
	compile *pipeline.Pipeline
	queue   *tailQueue
	begun   chan struct{} // closed when it is known what comes first
	cancel  context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	streams map[uint64]*tailStream
	seen    *recent
	// history are the entries that came first, by what they look like, until
	// they come a second time.
	history map[uint64]struct{}
}

// A tailStream is the stages for the entries of a stream.
type tailStream struct {
	labels labels.Labels
	run    *pipeline.StreamPipeline
}

// maxTailStreams bounds how many streams' stages are kept ready.
const maxTailStreams = 1024

// Tail begins to follow a query in the name of a tenant. The caller closes the
// tail; the end of ctx ends it too.
func (q *Querier) Tail(ctx context.Context, tenant string, req *TailRequest) (*Tail, error) {
	stages, err := pipeline.Compile(req.Query.Stages, pipeline.Options{})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &Tail{
		q: q, tenant: tenant, req: req, compile: stages, queue: newTailQueue(req.Delay), cancel: cancel, begun: make(chan struct{}),
		streams: map[uint64]*tailStream{}, seen: newRecent(), history: map[uint64]struct{}{},
	}
	f := &followers{tail: t, byID: map[string]bool{}}
	if err := f.refresh(ctx); err != nil && len(f.byID) == 0 {
		t.Close()
		return nil, err
	}
	past, err := t.past(ctx)
	if err != nil {
		t.Close()
		return nil, err
	}
	t.queue.begin(past)
	close(t.begun)
	t.work.Go(func() { f.run(ctx) })
	return t, nil
}

// past asks for the entries that there are already.
func (t *Tail) past(ctx context.Context) ([]TailedEntry, error) {
	// Entries may be stamped ahead of time, as far as the tenant allows.
	ahead := time.Duration(t.q.limits.For(t.tenant).CreationGracePeriod)
	res, err := t.q.Query(ctx, []string{t.tenant}, t.req.Query, engine.Params{
		Start: t.req.Start, End: t.q.now().Add(ahead).UnixNano(), Step: rangeQuery,
		Limit: t.req.Limit, Direction: engine.Backward, Categorize: true,
	})
	if err != nil {
		return nil, err
	}
	streams, _ := res.Data.(engine.Streams)
	var out []TailedEntry
	for _, s := range streams {
		for _, e := range s.Entries {
			b := labels.NewBuilder(s.Labels)
			for _, more := range []labels.Labels{e.Metadata, e.Parsed} {
				more.Range(func(l labels.Label) { b.Set(l.Name, l.Value) })
			}
			all := b.Labels()
			out = append(out, TailedEntry{Timestamp: e.Timestamp, Line: e.Line, Labels: &pipeline.LabelSet{
				All: all, Hash: labels.StableHash(all), Stream: s.Labels, Metadata: e.Metadata, Parsed: e.Parsed,
			}})
		}
	}
	slices.Reverse(out) // equal times in the order of their arrival
	slices.SortStableFunc(out, byTime)
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range out {
		t.history[out[i].key()] = struct{}{}
	}
	return out, nil
}

// Next waits for entries, and returns those that there are, in their order, at
// most as many as limit. The error is that of ctx.
func (t *Tail) Next(ctx context.Context, limit int) (*TailBatch, error) {
	return t.queue.next(ctx, limit)
}

// Close ends the tail, and waits until nothing of it runs.
func (t *Tail) Close() {
	t.cancel()
	t.work.Wait()
	if n := t.queue.missed; n > 0 {
		level.Warn(t.q.logger).Log("msg", "the reader of a tail was too slow for some entries", "dropped", n, "tenant", t.tenant, "query", t.req.Query)
	}
}

// take runs new entries through the stages, and queues what is left.
func (t *Tail) take(b *scan.TailBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for i := range b.Streams {
		s := &b.Streams[i]
		run := t.stages(s)
		for n := range s.Entries {
			e := &s.Entries[n]
			if !t.seen.add(entryKey(s.Hash, e)) {
				continue
			}
			line, set, ok := run.Process(e.Timestamp, e.Line, e.Metadata)
			if !ok {
				continue
			}
			out := TailedEntry{Timestamp: e.Timestamp, Line: strings.Clone(line), Labels: set}
			if key := out.key(); len(t.history) > 0 {
				if _, told := t.history[key]; told {
					delete(t.history, key)
					continue
				}
			}
			t.queue.put(out, now)
		}
	}
	t.queue.drop(b.Dropped, b.DroppedCount)
}

// stages returns the stages for a stream.
func (t *Tail) stages(s *scan.TailStream) *pipeline.StreamPipeline {
	if known := t.streams[s.Hash]; known != nil && labels.Equal(known.labels, s.Labels) {
		return known.run
	}
	if len(t.streams) >= maxTailStreams {
		clear(t.streams)
	}
	made := &tailStream{labels: s.Labels, run: t.compile.ForStream(s.Labels)}
	t.streams[s.Hash] = made
	return made.run
}

// followers are the goroutines that follow the ingesters of a tail.
type followers struct {
	tail *Tail

	mu   sync.Mutex      // guards byID
	byID map[string]bool // ingesters that are followed
}

// run follows ingesters that come to the ring until ctx ends.
func (f *followers) run(ctx context.Context) {
	tick := time.NewTicker(tailRingPeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := f.refresh(ctx); err != nil && ctx.Err() == nil {
			level.Warn(f.tail.q.logger).Log("msg", "a tail lacks entries of an ingester", "err", err, "tenant", f.tail.tenant)
		}
	}
}

// refresh follows the ingesters on the ring that are not followed yet.
func (f *followers) refresh(ctx context.Context) error {
	set, err := f.tail.q.ring.GetReplicationSetForOperation(ring.Read)
	if err != nil {
		return fmt.Errorf("find the ingesters: %w", err)
	}
	var errs []error
	for _, instance := range set.Instances {
		if err := f.follow(ctx, instance); err != nil {
			errs = append(errs, fmt.Errorf("tail ingester %s: %w", instance.Addr, err))
		}
	}
	return errors.Join(errs...)
}

// follow begins to follow an ingester, unless that is done already.
func (f *followers) follow(ctx context.Context, instance ring.InstanceDesc) error {
	id := instance.Id
	if id == "" {
		id = instance.Addr
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID[id] {
		return nil
	}
	source, err := f.tail.q.ingesters.Source(instance)
	if err != nil {
		return err
	}
	tailer, ok := source.(scan.Tailer)
	if !ok {
		return errNoTails
	}
	from, err := tailer.Tail(ctx, f.tail.tenant, f.tail.req.Query.Matchers)
	if err != nil {
		return err
	}
	f.byID[id] = true
	f.tail.work.Go(func() {
		defer from.Close()
		select {
		case <-f.tail.begun:
		case <-ctx.Done():
			return
		}
		for {
			b, err := from.Next(ctx)
			if err != nil {
				break
			}
			f.tail.take(b)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.byID, id) // it is looked for again while the tail goes on
	})
	return nil
}
