package distributor

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/grafana/dskit/ring"

	"github.com/skaldlogs/skald/pkg/model"
)

// send hands the accepted batch to the ingesters, each stream to as many as the
// replication factor says, and returns when each stream is at a quorum of them.
// The push leaves when the last ingester is done.
func (d *Distributor) send(ctx context.Context, p *push) (model.PushResult, error) {
	// Quorum is enough to answer the client, whose context then ends; the other
	// replicas still want the entries.
	ctx = context.WithoutCancel(ctx)
	g := &gathering{replies: make([]int8, len(p.batch.Streams)), refused: map[int][]model.Rejection{}, ack: model.AckDisk}
	if p.req.Refused != nil {
		g.origin = slices.Clone(p.origin) // p may be gone when the answers are there
	}
	err := ring.DoBatchWithOptions(ctx, ring.WriteNoExtend, d.ring, p.keys, func(instance ring.InstanceDesc, indexes []int) error {
		ing, err := d.ingesters.Ingester(instance)
		if err != nil {
			return err
		}
		b := &p.batch
		if len(indexes) < len(b.Streams) {
			b = &model.Batch{Tenant: p.batch.Tenant, Streams: make([]model.Stream, len(indexes))}
			for n, i := range indexes {
				b.Streams[n] = p.batch.Streams[i]
			}
		}
		result, err := ing.Push(ctx, b, p.req.Ack)
		if err != nil {
			d.metrics.ingesterFailures.WithLabelValues(instance.Addr).Inc()
			return fmt.Errorf("ingester %s: %w", instance.Addr, err)
		}
		g.add(indexes, result)
		return nil
	}, ring.DoBatchOptions{
		Cleanup:       func() { d.leave(p) },
		IsClientError: func(error) bool { return false },
	})
	if err != nil {
		return model.PushResult{}, err
	}
	return g.result(d.ring.ReplicationFactor()), nil
}

// A gathering puts the answers of several ingesters together.
type gathering struct {
	origin []int // by stream: its number in the request, if anybody wants to know

	mu      sync.Mutex // guards the fields below
	ack     model.Ack
	replies []int8 // by stream: ingesters that answered
	refused map[int][]model.Rejection
}

func (g *gathering) add(indexes []int, r model.PushResult) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ack = min(g.ack, r.Ack)
	for _, i := range indexes {
		g.replies[i]++
	}
	for _, rej := range r.Rejections {
		i := indexes[rej.Stream]
		g.refused[i] = append(g.refused[i], rej)
	}
}

// result says what became of each stream: entries that so many replicas refused
// that no quorum can have them are not stored.
func (g *gathering) result(replicas int) model.PushResult {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := model.PushResult{Ack: g.ack}
	streams := make([]int, 0, len(g.refused))
	for i := range g.refused {
		streams = append(streams, i)
	}
	slices.Sort(streams)
	for _, i := range streams {
		if len(g.refused[i]) > replicas/2 {
			r := g.refused[i][0]
			r.Stream = i
			if g.origin != nil {
				r.Stream = g.origin[i]
			}
			out.Rejections = append(out.Rejections, r)
		}
	}
	return out
}
