package querier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
)

// A listing is a store whose directory a test writes; its rows cannot be read.
type listing struct {
	store
	dir scan.Directory
}

func (*listing) Masks(string, model.Interval) ([]*storage.Mask, []string) { return nil, nil }

func (l *listing) Open(_ context.Context, req *scan.Request, _ []scan.Generation) (scan.Snapshot, error) {
	l.opened = append(l.opened, fmt.Sprint(req.Tenant, req.Matchers, req.Interval))
	return &unreadable{snapshot{part: &l.store.part, dir: l.dir}}, nil
}

type unreadable struct{ snapshot }

func (*unreadable) Read(context.Context, int, scan.Want) (*scan.Batch, error) {
	return nil, errors.New("a row was read")
}

// run adds a run to the listing, in a block of its own.
func (l *listing) run(stream labels.Labels, generation uint64, mint, maxt int64, rows int, bytes int64) {
	n := slices.IndexFunc(l.dir.Streams, func(s scan.Stream) bool { return labels.Equal(s.Labels, stream) })
	if n < 0 {
		n = len(l.dir.Streams)
		l.dir.Streams = append(l.dir.Streams, scan.Stream{Labels: stream, Hash: labels.StableHash(stream)})
	}
	l.dir.Blocks = append(l.dir.Blocks, scan.Block{
		Order: scan.Order{Generation: generation},
		Runs:  []scan.Run{{Stream: n, Interval: model.Interval{Mint: mint, Maxt: maxt}, Rows: rows, Bytes: bytes}},
	})
}

func newListing() (*listing, *Querier, *fixture) {
	f := newFixture(0)
	l := &listing{}
	q := f.querier()
	q.store = l
	return l, q, f
}

func TestIndexStatsCountRunsInProportion(t *testing.T) {
	l, q, _ := newListing()
	a, b := labels.FromStrings("app", "a"), labels.FromStrings("app", "b")
	l.run(a, 1, 0, 99, 100, 1000)
	l.run(a, 2, 100, 199, 50, 400)
	l.run(b, 2, 190, 299, 11, 110)
	for _, tc := range []struct {
		name string
		iv   model.Interval
		want loghttp.IndexStatsResponse
	}{
		{"all", model.Interval{Mint: 0, Maxt: 999}, loghttp.IndexStatsResponse{Streams: 2, Chunks: 3, Bytes: 1510, Entries: 161}},
		{"a part of each run", model.Interval{Mint: 50, Maxt: 199}, loghttp.IndexStatsResponse{Streams: 2, Chunks: 3, Bytes: 910, Entries: 101}},
		{"one nanosecond", model.Interval{Mint: 0, Maxt: 0}, loghttp.IndexStatsResponse{Streams: 1, Chunks: 1, Bytes: 10, Entries: 1}},
		{"outside", model.Interval{Mint: 300, Maxt: 400}, loghttp.IndexStatsResponse{}},
		{"empty", model.Interval{Mint: 2, Maxt: 1}, loghttp.IndexStatsResponse{}},
	} {
		got, err := q.IndexStats(t.Context(), []string{"t"}, &scan.Request{Interval: tc.iv})
		if err != nil || got != tc.want {
			t.Errorf("%s: got %+v, %v, want %+v", tc.name, got, err, tc.want)
		}
	}
	got, err := q.IndexStats(t.Context(), []string{"s", "t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 999}})
	if want := (loghttp.IndexStatsResponse{Streams: 4, Chunks: 6, Bytes: 3020, Entries: 322}); err != nil || got != want {
		t.Errorf("two tenants: got %+v, %v", got, err)
	}
}

func formatVolumes(list []Volume) string {
	var b strings.Builder
	for _, v := range list {
		fmt.Fprintf(&b, "%s %d", v.Labels, v.Bytes)
		for _, s := range v.Steps {
			fmt.Fprintf(&b, " %d:%d", s.End, s.Bytes)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSpace(b.String())
}

func TestVolume(t *testing.T) {
	l, q, f := newListing()
	f.limits.VolumeMaxSeries = 4
	l.run(labels.FromStrings("app", "web", "env", "prod", "host", "h1"), 1, 0, 99, 1, 100)
	l.run(labels.FromStrings("app", "web", "env", "dev"), 1, 0, 99, 1, 50)
	l.run(labels.FromStrings("app", "db", "env", "prod"), 2, 100, 199, 1, 100)
	for _, tc := range []struct {
		name, selector string
		req            VolumeRequest
		want           string
	}{
		{"by what the selector names", `{app=~".+"}`, VolumeRequest{}, `{app="web"} 150` + "\n" + `{app="db"} 100`},
		{"a name that a stream lacks", `{app=~".+", host!="h2"}`, VolumeRequest{}, `{app="db"} 100` + "\n" + `{app="web", host="h1"} 100` + "\n" + `{app="web"} 50`},
		{"by whole streams", `{}`, VolumeRequest{}, `{app="db", env="prod"} 100` + "\n" + `{app="web", env="prod", host="h1"} 100` + "\n" + `{app="web", env="dev"} 50`},
		{"by targets", `{app=~".+"}`, VolumeRequest{TargetLabels: []string{"env"}}, `{env="prod"} 200` + "\n" + `{env="dev"} 50`},
		{"streams without a target", `{app=~".+"}`, VolumeRequest{TargetLabels: []string{"env", "host"}}, `{env="prod", host="h1"} 100`},
		{"by each label", `{app=~".+"}`, VolumeRequest{ByLabels: true}, `{app=""} 250` + "\n" + `{env=""} 250` + "\n" + `{host=""} 100`},
		{"by some labels", `{app=~".+"}`, VolumeRequest{ByLabels: true, TargetLabels: []string{"host", "none"}}, `{host=""} 100`},
		{"limit", `{app=~".+"}`, VolumeRequest{Limit: 1}, `{app="web"} 150`},
		{"half of the first run", `{app="web"}`, VolumeRequest{Interval: model.Interval{Mint: 50, Maxt: 999}}, `{app="web"} 75` + "\n" + `{app="db"} 100`},
		{"steps", `{app=~".+"}`, VolumeRequest{Step: 40}, `{app="web"} 150 40:60 80:60 120:30` + "\n" + `{app="db"} 100 120:20 160:40 200:40`},
		{"steps within bounds", `{app=~".+"}`, VolumeRequest{Step: 40, Interval: model.Interval{Mint: 60, Maxt: 109}}, `{app="web"} 60 80:30 120:30` + "\n" + `{app="db"} 10 120:10`},
	} {
		req := tc.req
		var err error
		if req.Matchers, err = syntax.ParseMatchers(tc.selector); err != nil {
			t.Fatal(err)
		}
		if req.Interval == (model.Interval{}) {
			req.Interval = model.Interval{Mint: 0, Maxt: 999}
		}
		got, err := q.Volume(t.Context(), []string{"t"}, &req)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		want := strings.Split(tc.want, "\n")
		lines := strings.Split(formatVolumes(got), "\n")
		slices.Sort(want)
		if sorted := slices.Sorted(slices.Values(lines)); !slices.Equal(sorted, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, formatVolumes(got), tc.want)
		}
		if !slices.IsSortedFunc(got, func(a, b Volume) int { return int(b.Bytes - a.Bytes) }) {
			t.Errorf("%s: not the largest first:\n%s", tc.name, formatVolumes(got))
		}
	}
}

func TestVolumeKeepsToTheLimitOfSeries(t *testing.T) {
	l, q, f := newListing()
	f.limits.VolumeMaxSeries = 3
	for n := range 10 {
		l.run(labels.FromStrings("n", fmt.Sprint(n)), 1, 0, 9, 1, int64(n))
	}
	got, err := q.Volume(t.Context(), []string{"t"}, &VolumeRequest{Interval: model.Interval{Mint: 0, Maxt: 9}, Limit: 100})
	if want := "{n=\"9\"} 9\n{n=\"8\"} 8\n{n=\"7\"} 7"; err != nil || formatVolumes(got) != want {
		t.Errorf("got %v\n%s", err, formatVolumes(got))
	}
}

func TestQuestionsKeepToLimits(t *testing.T) {
	l, q, f := newListing()
	f.limits.MaxQueryLength = 100e9
	_, err := q.IndexStats(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 101e9}})
	if limit := new(engine.LimitError); !errors.As(err, &limit) || limit.Limit != "max_query_length" {
		t.Errorf("too long: got %v", err)
	}
	f.limits.MaxQueryLookback = 50e9
	if _, err := q.IndexStats(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: f.now.UnixNano()}}); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprint("t", []*labels.Matcher(nil), model.Interval{Mint: f.now.Add(-50 * time.Second).UnixNano(), Maxt: f.now.UnixNano()}); l.opened[0] != want {
		t.Errorf("opened %q, want %q", l.opened, want)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Volume(canceled, []string{"t"}, &VolumeRequest{Interval: model.Interval{Mint: f.now.UnixNano() - 9, Maxt: f.now.UnixNano()}}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

func TestMatcherOfTenantChoosesForQuestions(t *testing.T) {
	l, q, _ := newListing()
	m := labels.MustNewMatcher(labels.MatchEqual, tenantLabel, "b")
	if _, err := q.IndexStats(t.Context(), []string{"a", "b"}, &scan.Request{Matchers: []*labels.Matcher{m}, Interval: model.Interval{Mint: 1, Maxt: 2}}); err != nil {
		t.Fatal(err)
	}
	if len(l.opened) != 1 || !strings.HasPrefix(l.opened[0], "b[]") {
		t.Errorf("opened %q", l.opened)
	}
}
