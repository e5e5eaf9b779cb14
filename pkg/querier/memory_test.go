package querier

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// TestStatsTellMemoryFromStore: what ingesters had is counted as theirs, whatever the
// query makes of it.
func TestStatsTellMemoryFromStore(t *testing.T) {
	f := newFixture(2)
	web := labels.FromStrings("app", "web")
	for n := range int64(6) {
		f.store.rows["t"] = append(f.store.rows["t"], row{web, n, "stored"})
	}
	for n := range int64(3) {
		f.ingesters[0].rows["t"] = append(f.ingesters[0].rows["t"], row{web, 100 + n, fmt.Sprintf("new %d", n)})
	}
	f.ingesters[1].rows["t"] = append(f.ingesters[1].rows["t"], row{web, 101, "new 1"}) // a copy
	for _, tc := range []struct {
		query string
		want  engine.MemoryStats
		kept  int64 // of all
	}{
		{`{app="web"}`, engine.MemoryStats{Ingesters: 2, Blocks: 4, BlocksRead: 4, Batches: 4, Lines: 4, LineBytes: 20, PostFilter: 3}, 9},
		{`{app="web"} |= "2"`, engine.MemoryStats{Ingesters: 2, Blocks: 4, BlocksRead: 4, Batches: 4, Lines: 4, LineBytes: 20, PostFilter: 1}, 1},
		{`sum(rate({app="web"} |= "new" [10s]))`, engine.MemoryStats{Ingesters: 2, Blocks: 4, BlocksRead: 4, Batches: 6, // two are read again to compare them
			Lines: 4, LineBytes: 20, PostFilter: 3}, 3},
	} {
		expr, err := syntax.Parse(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		res, err := f.querier().Query(t.Context(), []string{"t"}, expr, engine.Params{Start: 0, End: 10e9, Step: 10 * time.Second, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		got := res.Stats.Memory
		got.Wait = 0
		if got != tc.want || res.Stats.PostFilter != tc.kept || res.Stats.BlocksRead != 10 || res.Stats.Duplicates != 1 {
			t.Errorf("%s: %+v of %+v, want %+v", tc.query, got, res.Stats, tc.want)
		}
	}
}
