package storage_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
)

// TestOpenExplains: a store that is asked to says what it has of a request, and why
// other segments and blocks are not in its directory.
func TestOpenExplains(t *testing.T) {
	s := open(t, &objstore.Memory{}, storage.Options{})
	rnd := rand.New(rand.NewPCG(1, 1))
	put(t, s, "t", 1, someRows(rnd, 50, 0))
	put(t, s, "t", 2, someRows(rnd, 50, 5000))
	inMemory := put(t, s, "t", 3, someRows(rnd, 50, 100))

	trace := explain.New(true)
	sc := trace.Scan(explain.Step{Query: "q"})
	ctx := explain.WithScan(context.Background(), sc)
	for _, app := range []string{"app-1", "nobody"} {
		req := &scan.Request{
			Tenant: "t", Interval: model.Interval{Mint: 0, Maxt: 2000},
			Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "app", app)},
		}
		snap, err := s.Open(ctx, req, inMemory.Sources)
		if err != nil {
			t.Fatal(err)
		}
		_ = snap.Close()
	}
	text := trace.Query().Text()
	for _, want := range []string{
		"store: 1 block in 2 segments", // the first segment, twice
		"not read: 2 segments: the segment has no rows of this time",
		"not read: 2 segments: an ingester has the rows of the segment in memory",
		"not read: 1 block: the block has no rows of these streams at this time",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
}
