package target_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/stage"
	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/clients/agent/target/targettest"
)

func TestLabeler(t *testing.T) {
	l := target.NewLabeler(map[string]string{"job": "base", "env": "prod"}, targettest.Relabel(t, `
- {source_labels: [__meta_unit], target_label: unit}
- {source_labels: [__meta_unit], regex: noise, action: drop}
- {regex: __meta_map_(.+), action: labelmap}
- {source_labels: [__meta_tenant], target_label: __tenant_id__}
`))
	for _, tc := range []struct {
		name string
		own  []labels.Label
		want string // empty when dropped
	}{
		{"nothing of its own", nil, `{env="prod", job="base"}`},
		{"own labels win", []labels.Label{{Name: "job", Value: "own"}}, `{env="prod", job="own"}`},
		{"relabelled", []labels.Label{{Name: "__meta_unit", Value: "u"}, {Name: "__meta_other", Value: "x"}}, `{env="prod", job="base", unit="u"}`},
		{"mapped", []labels.Label{{Name: "__meta_map_zone", Value: "z"}}, `{env="prod", job="base", zone="z"}`},
		{"dropped", []labels.Label{{Name: "__meta_unit", Value: "noise"}}, ""},
		{"a tenant", []labels.Label{{Name: "__meta_tenant", Value: "t1"}}, `{__tenant_id__="t1", env="prod", job="base"}`},
		{"not UTF-8", []labels.Label{{Name: "__meta_unit", Value: "a\xffb"}}, `{env="prod", job="base", unit="a` + "\ufffd" + `b"}`},
	} {
		for range 2 { // the second time it is remembered
			ls, kept := l.Labels(tc.own)
			got := ""
			if kept {
				got = ls.All().String()
			}
			if got != tc.want {
				t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
			}
		}
	}
}

func TestLabelerForgetsWhatNobodyLooksAt(t *testing.T) {
	l := target.NewLabeler(nil, targettest.Relabel(t, `[{source_labels: [__meta_unit], target_label: unit}]`))
	first, _ := l.Labels([]labels.Label{{Name: "__meta_unit", Value: "u"}, {Name: "__meta_pid", Value: "1"}})
	second, _ := l.Labels([]labels.Label{{Name: "__meta_unit", Value: "u"}, {Name: "__meta_pid", Value: "2"}})
	if first != second {
		t.Error("labels differ by what relabelling does not look at")
	}
}

// TestFeedFlushesWhenDue has a multiline stage hold the last block back until
// its time is up.
func TestFeedFlushesWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, err := stage.ParseConfig([]byte(`[{multiline: {firstline: '^\S', max_wait_time: 3s}}]`))
		if err != nil {
			t.Fatal(err)
		}
		p, err := stage.New(cfg, stage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := targettest.New()
		opts := c.Options(t, "")
		opts.Chain = p.Chain(c)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		feed := target.NewFeed(ctx, opts)
		put := func(lines ...string) {
			var entries []entry.Entry
			for _, line := range lines {
				entries = append(entries, entry.Entry{Labels: entry.NewLabels(labels.FromStrings("job", "j")), Line: line, Mark: feed.Next()})
			}
			if err := feed.Put(ctx, entries); err != nil {
				t.Fatal(err)
			}
		}
		put("one", " more")
		time.Sleep(2 * time.Second)
		if got := c.Wait(t, 0); len(got) != 0 {
			t.Fatalf("came before their time: %v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := fmt.Sprint(c.Wait(t, 0)); got != `[{job="j"} "one\n more"]` {
			t.Fatalf("after three seconds: %s", got)
		}
		put("two")
		if err := feed.Close(); err != nil {
			t.Fatal(err)
		}
		if got := c.Wait(t, 2)[1].Line; got != "two" {
			t.Errorf("at the end %q came", got)
		}
		if low := opts.Track.Low(); low != 3 {
			t.Errorf("settled up to %d, want 3", low)
		}
	})
}

func TestFeedTakesFromMany(t *testing.T) {
	c := targettest.New()
	opts := c.Options(t, "")
	feed := target.NewFeed(context.Background(), opts)
	ls := entry.NewLabels(labels.FromStrings("job", "j"))
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for i := range 100 {
				if i%10 == 0 {
					feed.Drop("test")
					continue
				}
				if err := feed.Put(context.Background(), []entry.Entry{{Labels: ls, Line: "x", Mark: feed.Next()}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	senders.Wait()
	if got := len(c.Wait(t, 720)); got != 720 {
		t.Errorf("%d entries came, want 720", got)
	}
	ledger := opts.Track.Ledger()
	if low, read, dropped := opts.Track.Low(), ledger.Read.Load(), ledger.Dropped()["test"]; low != 800 || read != 800 || dropped != 80 {
		t.Errorf("settled up to %d of %d, %d dropped; want 800, 800, 80", low, read, dropped)
	}
}
