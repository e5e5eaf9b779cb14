package ingester

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/vfs"
)

func mustTail(t *testing.T, m *rig, tenant string, matchers ...*labels.Matcher) scan.Tail {
	t.Helper()
	tail, err := m.ing.Tail(t.Context(), tenant, matchers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tail.Close() })
	return tail
}

// formatTail is what a tail has waiting, as text.
func formatTail(t *testing.T, tail scan.Tail) string {
	t.Helper()
	b, err := tail.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range b.Streams {
		for _, e := range s.Entries {
			out = append(out, fmt.Sprintf("%s %d %s %v", s.Labels, e.Timestamp, e.Line, e.Metadata))
		}
	}
	return strings.Join(out, "\n")
}

func TestTailTellsWhatIsPushed(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	m.mustPush("t", streamOf(`{app="web"}`, entry(1, "before")))
	all := mustTail(t, m, "t")
	web := mustTail(t, m, "t", labels.MustNewMatcher(labels.MatchEqual, "app", "web"))
	other := mustTail(t, m, "u")
	borrowed := []byte("borrowed line")
	m.mustPush("t",
		streamOf(`{app="web"}`, entry(2, model.Borrow(borrowed), "k", "v"), entry(3, "b")),
		streamOf(`{app="db"}`, entry(4, "c")))
	copy(borrowed, "for the next push")

	if got, want := formatTail(t, web), `{app="web"} 2 borrowed line [{k v}]`+"\n"+`{app="web"} 3 b []`; got != want {
		t.Errorf("one stream: got\n%s\nwant\n%s", got, want)
	}
	if got := formatTail(t, all); !strings.HasSuffix(got, `{app="db"} 4 c []`) {
		t.Errorf("all streams: got\n%s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if b, err := other.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("another tenant got %v, %v", b, err)
	}
	// What is told is readable.
	if got := m.read("t"); len(got) != 4 {
		t.Errorf("read %q", got)
	}
	for _, tail := range []scan.Tail{all, web, other, web} {
		if err := tail.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.ing.tails.count.Load(); n != 0 || len(m.ing.tails.byTenant) != 0 {
		t.Errorf("%d tails are left", n)
	}
}

func TestRejectedEntriesAreNotTold(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	const hour = int64(3600e9)
	m.mustPush("t", streamOf(`{app="web"}`, entry(10*hour, "newest")))
	tail := mustTail(t, m, "t")
	r, err := m.push("t", streamOf(`{app="web"}`, entry(hour, "too far behind"), entry(10*hour+1, "taken")))
	if err != nil || len(r.Rejections) != 1 {
		t.Fatalf("push: %+v, %v", r, err)
	}
	if got, want := formatTail(t, tail), fmt.Sprintf(`{app="web"} %d taken []`, 10*hour+1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTailDropsWhatNobodyReads(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	tail := mustTail(t, m, "t")
	long := strings.Repeat("x", maxTailBytes/8)
	for n := range int64(10) {
		m.mustPush("t", streamOf(`{app="web"}`, entry(1+n, long)))
	}
	for n := range int64(scan.MaxDropped) {
		m.mustPush("t", streamOf(`{app="web"}`, entry(100+n, long[:1000])))
	}
	b, err := tail.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, s := range b.Streams {
		kept += len(s.Entries)
	}
	if b.Dropped[0].Timestamp != 8 || b.Dropped[0].Labels.String() != `{app="web"}` {
		t.Errorf("the first that was dropped is %+v", b.Dropped[0])
	}
	if len(b.Dropped) > scan.MaxDropped || kept+b.DroppedCount != 110 || kept < 7 {
		t.Errorf("%d kept, %d dropped, %d told of", kept, b.DroppedCount, len(b.Dropped))
	}
	if n := m.ing.tails.dropped.Load(); n != int64(b.DroppedCount) {
		t.Errorf("%d were counted, %d dropped", n, b.DroppedCount)
	}
	m.mustPush("t", streamOf(`{app="web"}`, entry(1000, "after")))
	if got := formatTail(t, tail); got != `{app="web"} 1000 after []` {
		t.Errorf("after a pause: got %.100s", got)
	}
}
