package storage_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// What the store answers is what a filter over all rows that were put answers:
// by the store that put them, by one opened later, and by one that may cache nothing.
func TestAnswersAreThoseOfAFilter(t *testing.T) {
	for seed := range seeds.Few(t, 1) {
		answersAreThoseOfAFilter(t, seed)
	}
}

func answersAreThoseOfAFilter(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 4))
	for _, tc := range []struct {
		name   string
		bucket objstore.Bucket
	}{
		{"memory", &objstore.Memory{}},
		{"folder", openFolder(t, vfs.NewMem())},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, tc.bucket, storage.Options{})
			rows := map[string]map[uint64][]row{"red": {}, "Red": {}}
			for tenant := range rows {
				for generation := range uint64(6) {
					rows[tenant][generation] = someRows(rnd, 1+rnd.IntN(400), 400*int64(generation))
					put(t, s, tenant, generation, rows[tenant][generation])
				}
			}
			stores := []*storage.Store{s, open(t, tc.bucket, storage.Options{}), open(t, tc.bucket, storage.Options{IndexCacheBytes: 1})}
			for range 60 {
				tenant := []string{"red", "Red"}[rnd.IntN(2)]
				mint := rnd.Int64N(3500) - 200
				req := everything(tenant)
				req.Matchers = randomMatchers(rnd)
				if rnd.IntN(4) > 0 {
					req.Interval = model.Interval{Mint: mint, Maxt: mint + rnd.Int64N(1500) - 10}
				}
				var exclude []scan.Generation
				for range rnd.IntN(3) {
					exclude = append(exclude, scan.Generation{Ingester: []string{"i", "j"}[rnd.IntN(2)], ID: rnd.Uint64N(6)})
				}
				var want []row
				for generation, some := range rows[tenant] {
					if slices.Contains(exclude, scan.Generation{Ingester: "i", ID: generation}) {
						continue
					}
					for _, r := range some {
						if req.Interval.Contains(r.ts) && matches(req.Matchers, r.labels) {
							want = append(want, r)
						}
					}
				}
				for _, s := range stores {
					wantAnswer(t, s, req, exclude, want)
				}
			}
			wantAnswer(t, s, everything("nobody"), nil, nil)
		})
	}
}

func randomMatchers(rnd *rand.Rand) []*labels.Matcher {
	all := []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "app", "app-1"),
		labels.MustNewMatcher(labels.MatchNotEqual, "env", "dev"),
		labels.MustNewMatcher(labels.MatchRegexp, "pod", "pod-[0-7]"),
		labels.MustNewMatcher(labels.MatchNotRegexp, "app", "app-0|app-2"),
		labels.MustNewMatcher(labels.MatchEqual, "absent", ""),
		labels.MustNewMatcher(labels.MatchEqual, "env", "nowhere"),
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:rnd.IntN(3)]
}

func matches(ms []*labels.Matcher, l labels.Labels) bool {
	for _, m := range ms {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// The directory has each stream once, however many segments it is in, and counts
// that are exact.
func TestDirectoryIsOne(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 5))
	s := open(t, &objstore.Memory{}, storage.Options{})
	var all []row
	for generation := range uint64(3) {
		rows := someRows(rnd, 300, int64(generation))
		put(t, s, "t", generation, rows)
		all = append(all, rows...)
	}
	snap, err := s.Open(t.Context(), everything("t"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	dir := snap.Directory()
	if len(dir.Streams) != len(testStreams) || len(dir.Blocks) != 9 || dir.Generations != nil {
		t.Errorf("%d streams, %d blocks, generations %v, want %d, 9 and none", len(dir.Streams), len(dir.Blocks), dir.Generations, len(testStreams))
	}
	rows, bytes := 0, int64(0)
	for _, b := range dir.Blocks {
		for _, r := range b.Runs {
			rows += r.Rows
			bytes += r.Bytes
		}
	}
	want := int64(0)
	for _, r := range all {
		want += int64(len(r.line))
	}
	if rows != len(all) || bytes != want {
		t.Errorf("the directory counts %d rows of %d bytes, want %d of %d", rows, bytes, len(all), want)
	}
}

func TestLabels(t *testing.T) {
	ctx := t.Context()
	s := open(t, &objstore.Memory{}, storage.Options{})
	put(t, s, "t", 1, []row{{labels: testStreams[0], ts: 100, line: "a"}, {labels: testStreams[1], ts: 200, line: "b"}})
	put(t, s, "t", 2, []row{{labels: testStreams[0], ts: 300, line: "c"}, {labels: testStreams[5], ts: 400, line: "d"}})
	put(t, s, "other", 1, []row{{labels: testStreams[7], ts: 100, line: "e"}})
	dev := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "env", "dev")}
	for _, tc := range []struct {
		name     string
		matchers []*labels.Matcher
		interval model.Interval
		streams  []int
	}{
		{"all", nil, model.Ever, []int{0, 1, 5}},
		{"some", dev, model.Ever, []int{1, 5}},
		{"the first segment", nil, model.Interval{Mint: 0, Maxt: 299}, []int{0, 1}},
		{"a part of a segment", nil, model.Interval{Mint: 150, Maxt: 250}, []int{1}},
		{"a part of each", nil, model.Interval{Mint: 200, Maxt: 300}, []int{0, 1}},
		{"some in a part", dev, model.Interval{Mint: 100, Maxt: 399}, []int{1}},
		{"between", nil, model.Interval{Mint: 201, Maxt: 299}, nil},
		{"nothing", nil, model.Nothing, nil},
	} {
		var want []labels.Labels
		names, pods := map[string]bool{}, []string{}
		for _, n := range tc.streams {
			want = append(want, testStreams[n])
			testStreams[n].Range(func(l labels.Label) { names[l.Name] = true })
			pods = append(pods, testStreams[n].Get("pod"))
		}
		req := &scan.Request{Tenant: "t", Matchers: tc.matchers, Interval: tc.interval}
		series, _, err := s.Series(ctx, req)
		if err != nil || !slices.EqualFunc(series, want, labels.Equal) {
			t.Errorf("%s: series %v, %v, want %v", tc.name, series, err, want)
		}
		got, _, err := s.LabelNames(ctx, req)
		if err != nil || len(got) != len(names) || !slices.IsSorted(got) {
			t.Errorf("%s: names %v, %v, want %v", tc.name, got, err, names)
		}
		slices.Sort(pods)
		got, _, err = s.LabelValues(ctx, req, "pod")
		if err != nil || !slices.Equal(got, pods) {
			t.Errorf("%s: pods %v, %v, want %v", tc.name, got, err, pods)
		}
	}
}
