package block

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// Whatever is asked of a damaged block, and whatever of it is kept: the answer is
// that of the whole block, or says that it is not.
func TestQueriesOfDamagedData(t *testing.T) {
	for seed := range seeds.Few(t, 60) {
		r := rand.New(rand.NewPCG(seed, 300))
		queryDamaged(t, r, seed, func(enc Encoded) Encoded {
			data := bytes.Clone(enc.Data)
			at := r.IntN(len(data))
			switch r.IntN(4) {
			case 0:
				clear(data[at:min(len(data), at+64)])
			case 1:
				data = data[:at]
			default:
				data[at] ^= byte(1 + r.IntN(255))
			}
			enc.Data = data
			return enc
		}, true)
	}
}

// The same where all checksums are right: then the answer may be a wrong one, but
// there is one.
func TestQueriesOfForgedData(t *testing.T) {
	for seed := range seeds.Few(t, 60) {
		r := rand.New(rand.NewPCG(seed, 301))
		queryDamaged(t, r, seed, func(enc Encoded) Encoded {
			forged, err := forge(enc, func(schema, small []byte) {
				for range 1 + r.IntN(2) {
					part := schema
					if len(small) > 0 && r.IntN(2) == 0 {
						part = small
					}
					part[r.IntN(len(part))] = []byte{0, 1, 2, 9, 10, 127, 128, 255, byte(r.Uint32())}[r.IntN(9)]
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(forged.Prune); err != nil {
				return enc // which other tests are about
			}
			return forged
		}, false)
	}
}

// queryDamaged asks many things of rows of which one block is damaged. Where damage
// is noticed an answer without warnings is the right one.
func queryDamaged(t *testing.T, r *rand.Rand, seed uint64, damage func(Encoded) Encoded, noticed bool) {
	t.Helper()
	rows := trickyRows(r)
	if r.IntN(3) > 0 {
		rows = familyRows(r.IntN(len(families)), r.Uint64(), 2000+r.IntN(20_000))
	}
	tag(r, rows)
	whole := newBlockSource(t, rows, 1+r.IntN(max(1, len(rows))), fieldStreams(r))
	broken := *whole
	broken.blocks = append([]Encoded(nil), whole.blocks...)
	broken.opened = append([]*Block(nil), whole.opened...)
	i := r.IntN(len(broken.blocks))
	broken.blocks[i] = damage(broken.blocks[i])
	opened, err := Open(broken.blocks[i].Prune)
	if err != nil {
		t.Fatal(err)
	}
	if r.IntN(2) == 0 {
		opened.KeepIn(NewHot(1<<20), 0)
	}
	broken.opened[i] = opened

	mint, maxt := int64(math.MaxInt64), int64(math.MinInt64)
	for _, row := range rows {
		mint, maxt = min(mint, row.Timestamp), max(maxt, row.Timestamp)
	}
	q := newMaker(t, r, rows)
	for range 12 {
		query := fixQuantile(q.query())
		p := engine.Params{Start: mint - 1, End: maxt + 1, Limit: 1 + r.IntN(50), Direction: engine.Backward, Step: time.Duration(max(1, (maxt-mint)/7))}
		if !strings.HasPrefix(query, "{") && r.IntN(2) == 0 {
			p.Start = p.End
		}
		expr, err := syntax.Parse(query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for range 2 { // the second time some of it may be kept
			want := outcome(whole, query, p)
			got := outcome(&broken, query, p)
			if strings.HasPrefix(got, "error panic") {
				t.Fatalf("seed %d: %s: %s", seed, query, got)
			}
			if got == want || !noticed {
				continue
			}
			res, err := engine.New(engine.Options{Concurrency: 1}).Exec(context.Background(), &broken, "t", expr, p, engine.Limits{})
			if err == nil && len(res.Warnings) == 0 {
				t.Fatalf("seed %d: %s: no warning with the answer\n%.1500s\nwhich is not\n%.1500s", seed, query, got, want)
			}
		}
	}
}
