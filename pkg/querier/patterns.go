package querier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/concurrency"

	"github.com/skaldlogs/skald/pkg/fields"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

const (
	// maxPatternBlocks and maxPatternRows bound what patterns are looked for in.
	// Of more than that, every n-th is taken, and counts n times.
	maxPatternBlocks = 512
	maxPatternRows   = 1 << 20
)

// Patterns returns the patterns of the selected streams' lines, the most
// frequent first, and how many lines each has in every step. Large ranges are
// sampled, and counted in proportion.
func (q *Querier) Patterns(ctx context.Context, tenants []string, req *scan.Request, step time.Duration) ([]loghttp.Pattern, error) {
	step = max(step, time.Second) // samples have whole seconds
	all := newMiner(int64(step))
	err := q.snapshots(ctx, tenants, req, func(ctx context.Context, snap scan.Snapshot, _ model.Interval) error {
		return q.mine(ctx, snap, all)
	})
	if err != nil {
		return nil, err
	}
	return all.patterns(), nil
}

// mine adds the rows of a snapshot to a miner, by as many workers as there are
// processors.
func (q *Querier) mine(ctx context.Context, snap scan.Snapshot, into *miner) error {
	order, weight := sample(snap.Directory())
	if len(order) == 0 {
		return nil
	}
	workers := min(runtime.GOMAXPROCS(0), len(order))
	miners := make(chan *miner, workers)
	for range workers {
		miners <- newMiner(into.step)
	}
	err := concurrency.ForEachJob(ctx, len(order), workers, func(ctx context.Context, n int) error {
		select {
		case q.mining <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-q.mining }()
		batch, err := snap.Read(ctx, order[n], scan.Want{Columns: scan.Lines | scan.Metadata, Interval: model.Ever})
		if errors.Is(err, scan.ErrDamaged) {
			level.Warn(q.logger).Log("msg", "patterns lack a block that is damaged", "err", err)
			tellGaps(ctx, fmt.Sprintf("the answer is incomplete: %v", err))
			return nil
		}
		if err != nil {
			return err
		}
		m := <-miners
		defer func() { miners <- m }()
		return m.addBatch(ctx, batch, weight)
	})
	if err != nil {
		return err
	}
	for range workers {
		into.merge(<-miners)
	}
	return nil
}

// A weight is how many rows one stands for: of the blocks and within them.
type weight struct{ blocks, rows int64 }

// sample chooses the blocks to read, spread over time.
func sample(dir *scan.Directory) ([]int, weight) {
	order := make([]int, len(dir.Blocks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(blockInterval(&dir.Blocks[a]).Mint, blockInterval(&dir.Blocks[b]).Mint)
	})
	stride := (len(order) + maxPatternBlocks - 1) / maxPatternBlocks
	var chosen []int
	rows := 0
	for i, b := range order {
		if i%stride != 0 {
			continue
		}
		chosen = append(chosen, b)
		for _, r := range dir.Blocks[b].Runs {
			rows += r.Rows
		}
	}
	return chosen, weight{int64(max(stride, 1)), int64(max(1, (rows+maxPatternRows-1)/maxPatternRows))}
}

func blockInterval(b *scan.Block) model.Interval {
	iv := model.Nothing
	for _, r := range b.Runs {
		iv = iv.Union(r.Interval)
	}
	return iv
}

// addBatch adds the rows of a block. A source that knows templates and how many
// rows each has could add those instead, with [miner.add].
func (m *miner) addBatch(ctx context.Context, b *scan.Batch, w weight) error {
	for i := 0; i < b.Rows(); i += int(w.rows) {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		level := ""
		if b.Metadata != nil {
			for _, l := range b.Metadata[i] {
				if l.Name == fields.DetectedLevel {
					level = l.Value
				}
			}
		}
		m.add(level, b.Lines[i], b.Timestamps[i], w.blocks*w.rows)
	}
	return nil
}
