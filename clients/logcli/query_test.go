package logcli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/api"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// A shelf answers range queries from entries in memory as a server does.
type shelf struct {
	entries []entry // by time
	most    int     // entries that one answer has
	asked   int
}

func (s *shelf) ask(_ context.Context, q api.Range) (*loghttp.Response, error) {
	s.asked++
	if q.Limit > s.most {
		body := fmt.Sprintf("max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)", q.Limit, s.most)
		return nil, fmt.Errorf("%w: %w", api.ErrAttempts, &api.StatusError{Code: 400, Body: body})
	}
	var found []entry
	for _, e := range s.entries {
		if q.Start <= e.Timestamp && e.Timestamp < q.End {
			found = append(found, e)
		}
	}
	if !q.Forward {
		slices.Reverse(found)
	}
	found = found[:min(len(found), q.Limit)]
	byLabels := map[string]*loghttp.Stream{}
	var names []string
	for _, e := range found {
		name := e.labels.String()
		if byLabels[name] == nil {
			byLabels[name] = &loghttp.Stream{Labels: e.labels}
			names = append(names, name)
		}
		byLabels[name].Entries = append(byLabels[name].Entries, e.Entry)
	}
	slices.Sort(names)
	streams := loghttp.Streams{}
	for _, name := range names {
		streams = append(streams, *byLabels[name])
	}
	return &loghttp.Response{Result: streams}, nil
}

func key(e entry) string { return fmt.Sprintf("%d %s %s", e.Timestamp, e.labels, e.Line) }

// Pages of any size give each entry once, in order, whatever lies at their edges.
func TestDownloadGivesEachEntryOnce(t *testing.T) {
	for seed := range seeds.Few(t, 1) {
		downloadGivesEachEntryOnce(t, seed)
	}
}

func downloadGivesEachEntryOnce(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for range 500 {
		s := &shelf{most: 1 + r.IntN(20)}
		ts, ties := int64(1000), 0
		for n := range r.IntN(60) {
			if ties < 4 && r.IntN(3) == 0 {
				ties++
			} else {
				ts, ties = ts+1+r.Int64N(50), 0
			}
			s.entries = append(s.entries, entry{loghttp.Entry{Timestamp: ts, Line: fmt.Sprint(n)}, labels.FromStrings("a", fmt.Sprint(r.IntN(3)))})
		}
		limit, batch, forward := r.IntN(70), 6+r.IntN(30), r.IntN(2) == 0
		s.most = max(s.most, 6) // one more than have the same time
		var got []entry
		d := &download{
			ask: s.ask, told: func(string, ...any) {}, result: func(*loghttp.Response) error { return nil },
			entries: func(_ loghttp.Streams, page []entry) error { got = append(got, page...); return nil },
			query:   api.Range{Start: 0, End: 1 << 40, Forward: forward}, limit: limit, batch: batch,
		}
		if err := d.run(t.Context()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := len(s.entries)
		if limit > 0 {
			want = min(want, limit)
		}
		seen := map[string]bool{}
		for i, e := range got {
			if seen[key(e)] {
				t.Fatalf("seed %d: %s came twice", seed, key(e))
			}
			seen[key(e)] = true
			if i > 0 && e.Timestamp != got[i-1].Timestamp && (got[i-1].Timestamp < e.Timestamp) != forward {
				t.Fatalf("seed %d: %s is out of order", seed, key(e))
			}
		}
		if len(got) != want {
			t.Fatalf("seed %d: got %d entries of %d, want %d (batch %d, limit %d)", seed, len(got), len(s.entries), want, batch, limit)
		}
	}
}

func TestDownloadThatCannotGoOn(t *testing.T) {
	s := &shelf{most: 100}
	for n := range 20 {
		s.entries = append(s.entries, entry{loghttp.Entry{Timestamp: 1, Line: fmt.Sprint(n)}, labels.EmptyLabels()})
	}
	printed := 0
	d := &download{
		ask: s.ask, told: t.Logf, result: func(*loghttp.Response) error { return nil },
		entries: func(_ loghttp.Streams, page []entry) error { printed += len(page); return nil },
		query:   api.Range{End: 10}, batch: 5,
	}
	err := d.run(t.Context())
	if want := "Invalid batch size 5: 5 entries have the same time, so the next page would hold only what is printed already. Use a --batch of at least 6"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if printed != 5 || s.asked != 1 {
		t.Errorf("printed %d entries of %d answers, want 5 of 1", printed, s.asked)
	}
}

// Jobs cover a range without gaps or overlaps, in the wanted order.
func TestJobsCoverTheRange(t *testing.T) {
	for _, tc := range []struct {
		name       string
		start, end int64
		want       []int64 // edges, oldest first
	}{
		{"even", 0, 6e9, []int64{0, 2e9, 4e9, 6e9}},
		{"shorter than a job", 5, 9, []int64{5, 9}},
		{"nothing", 7, 7, nil},
	} {
		for _, forward := range []bool{true, false} {
			jobs := jobsOf(tc.start, tc.end, 2*time.Second, forward, "")
			if !forward {
				slices.Reverse(jobs)
			}
			var edges []int64
			for i, j := range jobs {
				if i == 0 {
					edges = append(edges, j.start)
				}
				edges = append(edges, j.end)
				if i > 0 && jobs[i-1].end != j.start {
					t.Errorf("%s: a job ends at %d, the next begins at %d", tc.name, jobs[i-1].end, j.start)
				}
			}
			if !slices.Equal(edges, tc.want) {
				t.Errorf("%s, forward %v: edges %v, want %v", tc.name, forward, edges, tc.want)
			}
		}
	}
	// What is left over is at the far end.
	if j := jobsOf(0, 5e9, 2*time.Second, false, "/x/p"); len(j) != 3 || j[2].end != 1e9 || j[0].file != "/x/p_19700101T000003_19700101T000005.part" {
		t.Errorf("got %+v", j[0])
	}
}
