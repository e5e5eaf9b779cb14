package distributor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/flagext"
	"github.com/grafana/dskit/ring"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ingesters is a ring of several ingesters that keep what they are given.
type ingesters struct {
	replicas int
	members  map[string]*fake
	order    []string
}

type fake struct {
	mu      sync.Mutex
	got     []string // "{labels} ts line metadata"
	result  model.PushResult
	err     error
	release chan struct{} // when set, Push waits for it
}

func newIngesters(n, replicas int) *ingesters {
	in := &ingesters{replicas: replicas, members: map[string]*fake{}}
	for i := range n {
		addr := fmt.Sprintf("ingester-%d", i)
		in.members[addr] = &fake{result: model.PushResult{Ack: model.AckDisk}}
		in.order = append(in.order, addr)
	}
	return in
}

func (in *ingesters) Get(key uint32, _ ring.Operation, _ []ring.InstanceDesc, _, _ []string) (ring.ReplicationSet, error) {
	var set ring.ReplicationSet
	for i := range in.replicas {
		set.Instances = append(set.Instances, ring.InstanceDesc{Addr: in.order[(int(key)+i)%len(in.order)]})
	}
	set.MaxErrors = (in.replicas - 1) / 2
	return set, nil
}

func (in *ingesters) ReplicationFactor() int { return in.replicas }
func (in *ingesters) InstancesCount() int    { return len(in.order) }
func (in *ingesters) Ingester(i ring.InstanceDesc) (Ingester, error) {
	return in.members[i.Addr], nil
}

func (f *fake) Push(_ context.Context, b *model.Batch, _ model.Ack) (model.PushResult, error) {
	if f.release != nil {
		<-f.release
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return model.PushResult{}, f.err
	}
	for _, s := range b.Streams {
		for _, e := range s.Entries {
			f.got = append(f.got, fmt.Sprintf("%s %d %s%s", s.Labels, e.Timestamp-now.UnixNano(), e.Line, metadataText(e.Metadata)))
		}
	}
	return f.result, nil
}

func metadataText(m model.Metadata) string {
	var b strings.Builder
	for _, p := range m {
		fmt.Fprintf(&b, " %s=%s", p.Name, p.Value)
	}
	return b.String()
}

// newDistributor returns a distributor whose clock stands still.
func newDistributor(t *testing.T, in *ingesters, change func(*limits.Limits)) *Distributor {
	t.Helper()
	var l limits.Limits
	l.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	l.DiscoverServiceName, l.DiscoverLogLevels = nil, false
	if change != nil {
		change(&l)
	}
	d := New(Config{}, Options{
		Ring: in, Ingesters: in, Limits: limits.NewOverrides(&l, nil),
		Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
	})
	d.now = func() time.Time { return now }
	return d
}

// entries are lines at the test's now, a nanosecond apart.
func entries(lines ...string) []model.Entry {
	var out []model.Entry
	for n, l := range lines {
		out = append(out, model.Entry{Timestamp: now.UnixNano() + int64(n), Line: l})
	}
	return out
}

func pushTo(d *Distributor, streams ...model.Stream) (model.PushResult, int, error) {
	released := make(chan struct{}, 2)
	r, err := d.Push(context.Background(), &Request{
		Batch:   &model.Batch{Tenant: "t", Streams: streams},
		Release: func() { released <- struct{}{} },
	})
	<-released
	return r, len(released), err
}

func TestLimitsOfEntries(t *testing.T) {
	at := func(d time.Duration) []model.Entry {
		return []model.Entry{{Timestamp: now.Add(d).UnixNano(), Line: "x"}}
	}
	with := func(m ...string) []model.Entry {
		e := entries("x")
		for i := 0; i < len(m); i += 2 {
			e[0].Metadata = append(e[0].Metadata, labels.Label{Name: m[i], Value: m[i+1]})
		}
		return e
	}
	for _, tc := range []struct {
		name    string
		limits  func(*limits.Limits)
		labels  string
		entries []model.Entry
		reason  string // "" is accepted
		text    string // part of what is told
		stored  string
	}{
		{name: "fine", entries: entries("x"), stored: `{app="a"} 0 x`},
		{name: "empty line", entries: entries(""), stored: `{app="a"} 0 `},
		{name: "labels are sorted and empty ones dropped", labels: `{z="1", app="a", y=""}`, entries: entries("x"), stored: `{app="a", z="1"} 0 x`},
		{name: "no labels", labels: `{}`, entries: entries("x"), reason: "missing_labels", text: "at least one label pair"},
		{name: "only empty labels", labels: `{app=""}`, entries: entries("x"), reason: "missing_labels", text: "at least one label pair"},
		{
			name: "service name is derived", limits: func(l *limits.Limits) { l.DiscoverServiceName = limits.Strings{"job", "app"} }, entries: entries("x"),
			stored: `{app="a", service_name="a"} 0 x`,
		},
		{name: "too many labels", limits: func(l *limits.Limits) { l.MaxLabelNamesPerSeries = 1 }, labels: `{a="1", b="2"}`, entries: entries("x"), reason: "max_label_names_per_series", text: "2 label names; limit 1"},
		{name: "service_name is not counted", limits: func(l *limits.Limits) { l.MaxLabelNamesPerSeries = 1 }, labels: `{a="1", service_name="2"}`, entries: entries("x"), stored: `{a="1", service_name="2"} 0 x`},
		{name: "label name too long", limits: func(l *limits.Limits) { l.MaxLabelNameLength = 3 }, labels: `{abcd="1"}`, entries: entries("x"), reason: "label_name_too_long", text: "'abcd'"},
		{name: "label value too long", limits: func(l *limits.Limits) { l.MaxLabelValueLength = 3 }, labels: `{a="1234"}`, entries: entries("x"), reason: "label_value_too_long", text: "'1234'"},
		{name: "a label twice", labels: `{b="1", a="2", b="3"}`, entries: entries("x"), reason: "duplicate_label_names", text: `stream '{b="1", a="2", b="3"}' has duplicate label name: 'b'`},
		{name: "enforced labels", limits: func(l *limits.Limits) { l.EnforcedLabels = []string{"team", "app"} }, entries: entries("x"), reason: "missing_enforced_labels", text: "team"},
		{name: "too old", entries: at(-8 * 24 * time.Hour), reason: "greater_than_max_sample_age", text: "oldest acceptable timestamp is: 2026-02-22T12:00:00Z"},
		{name: "old enough", entries: at(-6 * 24 * time.Hour), stored: `{app="a"} -518400000000000 x`},
		{name: "old is fine when it is allowed", limits: func(l *limits.Limits) { l.RejectOldSamples = false }, entries: []model.Entry{{Timestamp: 1, Line: "x"}}, stored: fmt.Sprintf(`{app="a"} %d x`, 1-now.UnixNano())},
		{name: "too new", entries: at(11 * time.Minute), reason: "too_far_in_future", text: "has timestamp too new: 2026-03-01T12:11:00Z"},
		{name: "new enough", entries: at(9 * time.Minute), stored: `{app="a"} 540000000000 x`},
		{name: "line too long", limits: func(l *limits.Limits) { l.MaxLineSize = 3 }, entries: entries("1234"), reason: "line_too_long", text: "max entry size '3' bytes exceeded for stream '{app=\"a\"}' while adding an entry with length '4' bytes"},
		{name: "line cut", limits: func(l *limits.Limits) { l.MaxLineSize, l.MaxLineSizeTruncate = 3, true }, entries: entries("1234"), stored: `{app="a"} 0 123`},
		{name: "line cut with a mark", limits: func(l *limits.Limits) {
			l.MaxLineSize, l.MaxLineSizeTruncate, l.MaxLineSizeTruncateIdentifier = 3, true, "~"
		}, entries: entries("1234"), stored: `{app="a"} 0 12~`},
		{name: "metadata", entries: with("trace", "1", "empty", "", "a.b", "2"), stored: `{app="a"} 0 x trace=1 a_b=2`},
		{name: "metadata not allowed", limits: func(l *limits.Limits) { l.AllowStructuredMetadata = false }, entries: with("a", "b"), reason: "disallowed_structured_metadata", text: "allow_structured_metadata"},
		{name: "metadata too large", limits: func(l *limits.Limits) { l.MaxStructuredMetadataSize = 3 }, entries: with("ab", "cd"), reason: "structured_metadata_too_large", text: "'4' bytes, limit: '3'"},
		{name: "metadata too many", limits: func(l *limits.Limits) { l.MaxStructuredMetadataEntriesCount = 1 }, entries: with("a", "b", "c", "d"), reason: "structured_metadata_too_many", text: "'2', limit: '1'"},
		{name: "metadata without a name", entries: with("__", "b"), reason: "invalid_structured_metadata", text: "__"},
		{name: "level", limits: func(l *limits.Limits) { l.DiscoverLogLevels = true }, entries: entries("level=warn"), stored: `{app="a"} 0 level=warn detected_level=warn`},
		{name: "level of the client", limits: func(l *limits.Limits) { l.DiscoverLogLevels = true }, entries: with("detected_level", "INFORMATION", "z", "1"), stored: `{app="a"} 0 x detected_level=info z=1`},
		{name: "level beside metadata", limits: func(l *limits.Limits) { l.DiscoverLogLevels = true }, entries: with("a", "1"), stored: `{app="a"} 0 x a=1 detected_level=unknown`},
		{name: "derived is not counted", limits: func(l *limits.Limits) { l.DiscoverLogLevels, l.MaxStructuredMetadataEntriesCount = true, 1 }, entries: with("a", "1"), stored: `{app="a"} 0 x a=1 detected_level=unknown`},
		{name: "writes are stopped", limits: func(l *limits.Limits) {
			l.BlockIngestionUntil, l.BlockIngestionStatusCode = flagext.Time(now.Add(time.Hour)), 260
		}, entries: entries("x"), reason: "blocked_ingestion", text: "until '2026-03-01T13:00:00Z' with status code '260'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := newIngesters(1, 1)
			d := newDistributor(t, in, tc.limits)
			if tc.labels == "" {
				tc.labels = `{app="a"}`
			}
			r, again, err := pushTo(d, model.Stream{Labels: tc.labels, Entries: tc.entries})
			if err != nil || again != 0 {
				t.Fatalf("error %v, released %d times too often", err, again)
			}
			got := strings.Join(in.members["ingester-0"].got, "\n")
			if got != tc.stored {
				t.Errorf("stored %q, want %q", got, tc.stored)
			}
			switch {
			case tc.reason == "" && len(r.Rejections) > 0:
				t.Errorf("rejected: %+v", r.Rejections)
			case tc.reason == "":
			case len(r.Rejections) != 1 || r.Rejections[0].Reason != tc.reason || !strings.Contains(r.Rejections[0].Text, tc.text):
				t.Errorf("rejected with %+v, want %s with %q", r.Rejections, tc.reason, tc.text)
			}
		})
	}
}

func TestGoodEntriesOfABadPushAreStored(t *testing.T) {
	in := newIngesters(1, 1)
	d := newDistributor(t, in, func(l *limits.Limits) { l.MaxLineSize = 4 })
	r, _, err := pushTo(d,
		model.Stream{Labels: `{app="a"}`, Entries: entries("one", "too long", "two", "longer too")},
		model.Stream{Labels: `{app="b"}`, Entries: entries("also too long")},
		model.Stream{Labels: `{app="c"}`},
	)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(in.members["ingester-0"].got, "; "), `{app="a"} 0 one; {app="a"} 2 two`; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
	if len(r.Rejections) != 1 || r.Rejections[0].Errors != 3 || r.Rejections[0].Bytes != len("too longlonger tooalso too long") {
		t.Errorf("rejections %+v, want three of one kind, told once", r.Rejections)
	}
}

// An ingester could not seal a larger entry, and would hold all that came with it.
func TestDerivedMetadataNeverExceedsABlock(t *testing.T) {
	in := newIngesters(1, 1)
	d := newDistributor(t, in, func(l *limits.Limits) {
		l.MaxLineSize, l.DiscoverLogLevels = 0, true
		l.IngestionRateMB, l.IngestionBurstSizeMB = 100, 100
	})
	largest := strings.Repeat("x", MaxRowBytes)
	r, _, err := pushTo(d, model.Stream{Labels: `{app="a"}`, Entries: entries(largest, "small")})
	if err != nil || len(r.Rejections) > 0 {
		t.Fatalf("%v, %+v", err, r.Rejections)
	}
	got := in.members["ingester-0"].got
	if got[0] != `{app="a"} 0 `+largest {
		t.Errorf("the largest entry got metadata: …%s", got[0][MaxRowBytes:])
	}
	if want := `{app="a"} 1 small detected_level=unknown`; got[1] != want {
		t.Errorf("stored %s, want %s", got[1], want)
	}
}

func TestIncrementDuplicateTimestamp(t *testing.T) {
	in := newIngesters(1, 1)
	d := newDistributor(t, in, func(l *limits.Limits) { l.IncrementDuplicateTimestamp = true })
	e := entries("a", "b", "b", "c")
	for n := range e {
		e[n].Timestamp = now.UnixNano()
	}
	if _, _, err := pushTo(d, model.Stream{Labels: `{app="a"}`, Entries: e}); err != nil {
		t.Fatal(err)
	}
	// The second b is a copy of the first, and stays one.
	want := `{app="a"} 0 a; {app="a"} 1 b; {app="a"} 1 b; {app="a"} 2 c`
	if got := strings.Join(in.members["ingester-0"].got, "; "); got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
}

func TestPushFailsAsAWhole(t *testing.T) {
	for _, tc := range []struct {
		name    string
		limits  func(*limits.Limits)
		streams []model.Stream
		want    func(error) bool
	}{
		{"no streams", nil, nil, func(err error) bool { return errors.Is(err, ErrNoStreams) }},
		{
			"labels that do not parse", nil,
			[]model.Stream{{Labels: `{app="a"}`, Entries: entries("x")}, {Labels: `{a-b="c"}`, Entries: entries("y")}},
			func(err error) bool { var e *LabelsError; return errors.As(err, &e) && e.Text == `{a-b="c"}` },
		},
		{
			"rate limit", func(l *limits.Limits) { l.IngestionRateMB, l.IngestionBurstSizeMB = 0.000001, 0.000002 },
			[]model.Stream{{Labels: `{app="a"}`, Entries: entries("0123456789")}},
			func(err error) bool {
				var e *RateError
				return errors.As(err, &e) && strings.Contains(e.Text, "'1' lines totaling '10' bytes")
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := newIngesters(1, 1)
			d := newDistributor(t, in, tc.limits)
			_, again, err := pushTo(d, tc.streams...)
			if !tc.want(err) || again != 0 {
				t.Errorf("error %v, released %d times too often", err, again)
			}
			if got := in.members["ingester-0"].got; len(got) > 0 {
				t.Errorf("stored %q", got)
			}
		})
	}
}

func TestReplication(t *testing.T) {
	streams := func() (out []model.Stream) {
		for n := range 20 {
			out = append(out, model.Stream{Labels: fmt.Sprintf(`{app="%d"}`, n), Entries: entries("x", "y")})
		}
		return out
	}
	t.Run("every entry is on three", func(t *testing.T) {
		in := newIngesters(5, 3)
		if _, _, err := pushTo(newDistributor(t, in, nil), streams()...); err != nil {
			t.Fatal(err)
		}
		copies := map[string]int{}
		for _, f := range in.members {
			for _, e := range f.got {
				copies[e]++
			}
		}
		if len(copies) != 40 {
			t.Errorf("%d entries, want 40", len(copies))
		}
		for e, n := range copies {
			if n != 3 {
				t.Errorf("%s is on %d", e, n)
			}
		}
	})
	t.Run("one may fail", func(t *testing.T) {
		in := newIngesters(3, 3)
		in.members["ingester-1"].err = errors.New("gone")
		if _, _, err := pushTo(newDistributor(t, in, nil), streams()...); err != nil {
			t.Error(err)
		}
	})
	t.Run("two may not", func(t *testing.T) {
		in := newIngesters(3, 3)
		in.members["ingester-0"].err = errors.New("gone")
		in.members["ingester-1"].err = errors.New("gone")
		if _, _, err := pushTo(newDistributor(t, in, nil), streams()...); err == nil {
			t.Error("acknowledged without a quorum")
		}
	})
	t.Run("what one refuses is stored", func(t *testing.T) {
		in := newIngesters(3, 3)
		in.members["ingester-2"].result.Rejections = []model.Rejection{{Stream: 4, Reason: "stream_limit", Errors: 1}}
		r, _, err := pushTo(newDistributor(t, in, nil), streams()...)
		if err != nil || len(r.Rejections) != 0 {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("the batch lives as long as the slowest", func(t *testing.T) {
		in := newIngesters(3, 3)
		in.members["ingester-2"].release = make(chan struct{})
		d := newDistributor(t, in, nil)
		released := make(chan struct{})
		_, err := d.Push(t.Context(), &Request{Batch: &model.Batch{Tenant: "t", Streams: streams()}, Release: func() { close(released) }})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-released:
			t.Fatal("released while an ingester still reads")
		default:
		}
		close(in.members["ingester-2"].release)
		<-released
		if got := len(in.members["ingester-2"].got); got != 40 {
			t.Errorf("the slowest got %d entries", got)
		}
	})
}

func TestLabelCacheIsBoundedAndFollowsLimits(t *testing.T) {
	d := newDistributor(t, newIngesters(1, 1), nil)
	rules := d.rulesOf("t")
	a, err := d.parse("t", `{a="1"}`, rules)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := d.parse("t", `{a="1"}`, rules); b != a {
		t.Error("parsed again what is in the cache")
	}
	other := *rules.limits
	other.MaxLabelNamesPerSeries = 1
	if b, _ := d.parse("t", `{a="1"}`, &tenantRules{limits: &other, levels: rules.levels}); b == a {
		t.Error("used what other limits said")
	}
	for n := range 3 * cachedStreams {
		if _, err := d.parse("t", fmt.Sprintf(`{a="%d"}`, n), rules); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.cache.young) + len(d.cache.old); n > 2*cachedStreams {
		t.Errorf("the cache has %d streams, more than %d", n, 2*cachedStreams)
	}
}
