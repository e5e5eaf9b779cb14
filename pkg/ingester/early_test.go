package ingester

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// Rows that are sealed early are read once, and in the order of their arrival, at any
// time: beside rows that came later, and once their buffer is sealed as a whole.
func TestSealedEarlyRowsCountOnce(t *testing.T) {
	for seed := range seeds.Few(t, 20) {
		r := rand.New(rand.NewPCG(seed, 61))
		m := newRig(t, vfs.NewMem(), nil)
		m.mustOn()
		var want []string
		arrived := map[string]int{}
		for step := range 40 {
			switch r.IntN(4) {
			case 0, 1:
				for range 1 + r.IntN(3) {
					var entries []model.Entry
					for range 1 + r.IntN(20) {
						line := fmt.Sprintf("line %d %s", len(arrived), strings.Repeat("x", r.IntN(200)))
						arrived[line] = len(arrived)
						entries = append(entries, entry(int64(r.IntN(30)), line, "k", fmt.Sprint(r.IntN(3))))
					}
					s := streamOf(fmt.Sprintf(`{app="a", pod="%d"}`, r.IntN(3)), entries...)
					for _, e := range entries {
						want = append(want, fmt.Sprintf("%s %d %s k=%s", s.Labels, e.Timestamp, e.Line, e.Metadata[0].Value))
					}
					m.mustPush("t", s)
				}
			case 2:
				for _, g := range openGroups(m, "t") {
					g.mu.Lock()
					b := g.open
					g.mu.Unlock()
					if b != nil && b.early.times < maxEarly && b.early.rows < len(b.rows) {
						if err := g.sealEarly(new(sealer), b); err != nil {
							t.Fatal(err)
						}
					}
				}
			case 3:
				slices.Sort(want)
				if got := m.read("t"); !slices.Equal(got, want) {
					t.Fatalf("seed %d, step %d: %d rows, want %d", seed, step, len(got), len(want))
				}
				inOrder(t, m, arrived)
			}
		}
		if err := m.ing.flusher.freeze("test"); err != nil {
			t.Fatal(err)
		}
		m.ing.Flush(t.Context())
		slices.Sort(want)
		if got := m.read("t"); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d rows in the store, want %d", seed, len(got), len(want))
		}
		if n := m.ing.memory.bytes.Load() - m.ing.memory.streams.Load(); n != 0 {
			t.Errorf("seed %d: %d bytes are counted where nothing is left", seed, n)
		}
		m.off()
	}
}

// openGroups are the groups of the current generation.
func openGroups(m *rig, tenant string) []*group {
	if h := m.ing.current.find(tenant); h != nil {
		return h.groupList()
	}
	return nil
}

// inOrder wants rows of one time to be listed as they arrived.
func inOrder(t *testing.T, m *rig, arrived map[string]int) {
	t.Helper()
	snap, err := m.ing.Open(context.Background(), &scan.Request{Tenant: "t", Interval: model.Ever})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	type row struct {
		stream int
		ts     int64
		order  scan.Order
		n      int
		line   string
	}
	var rows []row
	d := snap.Directory()
	for i := range d.Blocks {
		b, err := snap.Read(t.Context(), i, scan.Want{Columns: scan.Lines, Interval: model.Ever})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range b.Runs {
			for n := run.Start; n < run.End; n++ {
				rows = append(rows, row{run.Stream, b.Timestamps[n], d.Blocks[i].Order, n, b.Lines[n]})
			}
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.ts, b.ts), cmp.Compare(a.order.Place, b.order.Place), cmp.Compare(a.n, b.n))
	})
	for i := 1; i < len(rows); i++ {
		if a, b := rows[i-1], rows[i]; a.stream == b.stream && a.ts == b.ts && arrived[a.line] > arrived[b.line] {
			t.Fatalf("%.12q comes before %.12q, which arrived earlier", a.line, b.line)
		}
	}
}

// Rows are worth a block when they are many and queries have looked at them a few times.
func TestWhenRowsAreSealedEarly(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	line := strings.Repeat("0123456789", 100)
	push := func(bytes int) {
		for ; bytes > 0; bytes -= 100 * len(line) {
			m.mustPush("t", streamOf(`{app="a"}`, slices.Repeat([]model.Entry{entry(1, line)}, 100)...))
		}
	}
	push(earlyBytes / 2)
	g := openGroups(m, "t")[0]
	b := g.open // the flusher may freeze where memory is short
	looks := func() (n int) {
		for range 10 * earlyLooks {
			if n++; g.looked(b, b.bytes-b.early.bytes) {
				return n
			}
		}
		return 0
	}
	if n := looks(); n != 0 {
		t.Errorf("a small buffer is sealed after %d looks", n)
	}
	push(earlyBytes)
	if n := looks(); n != earlyLooks {
		t.Errorf("it is sealed after %d looks, want %d", n, earlyLooks)
	}
	if n := looks(); n != 0 {
		t.Error("it is sealed while it is being sealed")
	}
	if err := g.sealEarly(new(sealer), b); err != nil {
		t.Fatal(err)
	}
	if n := looks(); n != 0 {
		t.Error("there is nothing left to seal")
	}
	push(earlyBytes)
	if n := looks(); n != earlyLooks {
		t.Errorf("what came later is sealed after %d looks, want %d", n, earlyLooks)
	}
	m.ing.memory.bytes.Add(m.ing.memory.limit)
	defer m.ing.memory.bytes.Add(-m.ing.memory.limit)
	if w := new(sealer); g.sealEarly(w, b) != nil || w.bytes != nil {
		t.Error("what waited is sealed where memory became short")
	}
	if n := looks(); n != 0 {
		t.Error("it is sealed where memory is short")
	}
}

// What was sealed as a whole while it waited is not sealed early.
func TestSealedWhileItWaited(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	defer m.off()
	m.mustPush("t", streamOf(`{app="a"}`, entry(1, "one")))
	g := openGroups(m, "t")[0]
	b := g.open
	b.early.busy = true
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := new(sealer)
	if err := g.sealEarly(w, b); err != nil {
		t.Fatal(err)
	}
	if w.bytes != nil || b.early.busy {
		t.Errorf("it was sealed again (%t), or is about to be (%t)", w.bytes != nil, b.early.busy)
	}
}

// Who stops the sealers does not wait for what could be sealed early.
func TestStopLeavesWhatWaitsToBeSealedEarly(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	defer m.off()
	m.mustPush("t", streamOf(`{app="a"}`, entry(1, "one")))
	g := openGroups(m, "t")[0]
	s := newSealers(m.ing)
	for range earlyQueue {
		s.sealEarly(g, g.open)
	}
	close(s.quit)
	s.startEarly()
	s.wg.Wait()
	if n := g.open.early.times; n != 0 {
		t.Errorf("%d buffers were sealed early", n)
	}
}
