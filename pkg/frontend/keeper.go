package frontend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/skaldlogs/skald/pkg/scan"
)

// maxAnswerBytes bounds one kept answer, before compression.
const maxAnswerBytes = 16 << 20

// A keeper keeps the answers of extents, and knows which are being computed.
type keeper struct {
	cache   Cache
	metrics *metrics

	mu      sync.Mutex
	pending map[string]chan struct{} // by name: closed when it is computed, or given up
}

func newKeeper(c Cache, m *metrics) *keeper {
	return &keeper{cache: c, metrics: m, pending: map[string]chan struct{}{}}
}

// name names the answer of an extent: the query and all that it is computed
// from. query says everything about the query but its time.
func name(query string, e *extent, length time.Duration, reach reach, held *scan.Holdings) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s\n%d %d\n", answerVersion, query, length, e.begin)
	// All rows that any step of the extent may read, whichever of them the query has.
	over := reach.over(e.begin, e.begin+int64(length)-1)
	for _, s := range held.Stored {
		if s.Interval.Overlaps(over) {
			_, _ = io.WriteString(h, s.ID)
			_, _ = io.WriteString(h, "\n")
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// get returns those of the named answers that are kept and can be read, and
// their size.
func (k *keeper) get(ctx context.Context, names []string) (map[string]*answer, int) {
	found := k.cache.Get(ctx, names)
	out := make(map[string]*answer, len(found))
	bytes := 0
	for name, value := range found {
		if n, err := s2.DecodedLen(value); err != nil || n > maxAnswerBytes {
			continue
		}
		raw, err := s2.Decode(nil, value)
		if err != nil {
			continue
		}
		a, err := decodeAnswer(raw)
		if err != nil {
			continue
		}
		out[name] = a
		bytes += len(value)
	}
	k.metrics.requests.Add(float64(len(names)))
	k.metrics.hits.Add(float64(len(out)))
	return out, bytes
}

func (k *keeper) put(ctx context.Context, answers map[string]*answer) {
	values := make(map[string][]byte, len(answers))
	for name, a := range answers {
		if raw := a.encode(); len(raw) <= maxAnswerBytes {
			values[name] = s2.Encode(nil, raw)
		}
	}
	k.cache.Put(ctx, values)
}

// claim makes the caller the one who computes an answer. Where another does so
// already it returns what is closed when that one is done.
func (k *keeper) claim(name string) (busy <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.pending[name]; ok {
		return c
	}
	k.pending[name] = make(chan struct{})
	return nil
}

// done ends a claim, be the answer kept or not.
func (k *keeper) done(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.pending[name])
	delete(k.pending, name)
}
