package ruler

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

// A fakeRing has members that a test chooses.
type fakeRing struct {
	ring.ReadRing
	members []ring.InstanceDesc
}

func (r *fakeRing) GetAllHealthy(ring.Operation) (ring.ReplicationSet, error) {
	if len(r.members) == 0 {
		return ring.ReplicationSet{}, ring.ErrEmptyRing
	}
	return ring.ReplicationSet{Instances: slices.Clone(r.members)}, nil
}

func (r *fakeRing) ShuffleShard(_ string, size int) ring.ReadRing {
	return &fakeRing{members: r.members[:min(size, len(r.members))]}
}

func newFakeRing(names ...string) *fakeRing {
	r := &fakeRing{}
	for _, name := range names {
		m := ring.InstanceDesc{Id: name, State: ring.ACTIVE}
		for i := range 64 {
			m.Tokens = append(m.Tokens, token(fmt.Sprint(name, i))*2654435761)
		}
		r.members = append(r.members, m)
	}
	return r
}

// owners returns who evaluates each rule of a tenant, and fails where it is not
// exactly one.
func owners(t *testing.T, cfg *Config, r *fakeRing, o *limits.Overrides, all []rulefile.Namespace, rulers ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range rulers {
		own, err := NewShards(cfg, r, name, o).owns("t", all)
		if err != nil {
			t.Fatal(err)
		}
		for _, ns := range own {
			for _, g := range ns.Groups {
				for _, rule := range g.Rules {
					key := ns.Name + "/" + unsharded(g.Name) + "/" + rule.Record + rule.Alert
					if out[key] != "" {
						t.Errorf("%s is evaluated by %s and by %s", key, out[key], name)
					}
					out[key] = name
				}
			}
		}
	}
	for _, ns := range all {
		for _, g := range ns.Groups {
			for _, rule := range g.Rules {
				if key := ns.Name + "/" + g.Name + "/" + rule.Record + rule.Alert; out[key] == "" {
					t.Errorf("%s is evaluated by nobody", key)
				}
			}
		}
	}
	return out
}

func TestShards(t *testing.T) {
	all := []rulefile.Namespace{{Name: "a"}, {Name: "b"}}
	for i := range all {
		for g := range 20 {
			group := rulefile.Group{Name: fmt.Sprint("g", g)}
			for n := range 3 {
				group.Rules = append(group.Rules, rulefile.Rule{Record: fmt.Sprint("r", n), Expr: "vector(1)"})
			}
			all[i].Groups = append(all[i].Groups, group)
		}
	}
	l := limits.Limits{RulerTenantShardSize: 2}
	o := limits.NewOverrides(&l, nil)
	for _, algo := range []string{ByGroup, ByRule} {
		cfg := &Config{ShardingAlgo: algo, ShardingStrategy: DefaultStrategy}
		three := newFakeRing("one", "two", "three")
		before := owners(t, cfg, three, o, all, "one", "two", "three")
		share := map[string]int{}
		for _, name := range before {
			share[name]++
		}
		if len(share) != 3 {
			t.Errorf("%s: shares are %v", algo, share)
		}
		// Without three, the others keep what they have.
		after := owners(t, cfg, newFakeRing("one", "two"), o, all, "one", "two", "three")
		for key, name := range before {
			if name != "three" && after[key] != name {
				t.Errorf("%s: %s moves from %s to %s", algo, key, name, after[key])
			}
		}
		cfg.ShardingStrategy = ShuffleSharding
		few := owners(t, cfg, three, o, all, "one", "two", "three")
		if slices.Contains(slices.Collect(maps.Values(few)), "three") {
			t.Errorf("%s: a third ruler evaluates rules of a tenant that may have two", algo)
		}
	}
	same := map[string]bool{}
	for _, g := range []string{"g", "h"} {
		cfg := &Config{ShardingAlgo: ByGroup}
		list := []rulefile.Namespace{{Name: "a", Groups: []rulefile.Group{{Name: g, Rules: all[0].Groups[0].Rules}}}}
		for _, name := range owners(t, cfg, newFakeRing("one", "two"), o, list, "one", "two") {
			same[g+name] = true
		}
	}
	if len(same) != 2 {
		t.Errorf("the rules of one group are on several rulers: %v", same)
	}

	s := NewShards(&Config{}, newFakeRing(), "one", o)
	if _, err := s.owns("t", all); !errors.Is(err, ring.ErrEmptyRing) || s.version() != "" {
		t.Errorf("a ring without members: %v, version %q", err, s.version())
	}
	if a, b := NewShards(&Config{}, newFakeRing("one"), "one", o).version(), NewShards(&Config{}, newFakeRing("two"), "one", o).version(); a == b {
		t.Errorf("two rings are both of version %s", a)
	}
}

func TestMerge(t *testing.T) {
	at := time.Unix(5, 0).UTC()
	in := []Group{
		{Namespace: "n", Name: "g" + shardSuffix + "2", Rules: []Rule{{Name: "b"}}, LastEvaluation: at, EvaluationTime: 1},
		{Namespace: "n", Name: "a", Rules: []Rule{{Name: "x"}}},
		{Namespace: "n", Name: "g" + shardSuffix + "1", Rules: []Rule{{Name: "a"}}, EvaluationTime: 2},
		{Namespace: "m", Name: "z"},
	}
	var got []string
	for _, g := range merge(in) {
		text := g.Namespace + "/" + g.Name
		for _, r := range g.Rules {
			text += " " + r.Name
		}
		got = append(got, text)
	}
	if want := "m/z, n/a x, n/g a b"; strings.Join(got, ", ") != want {
		t.Errorf("merged %s, want %s", strings.Join(got, ", "), want)
	}
	if g := merge(in)[2]; g.EvaluationTime != 3 || g.LastEvaluation != at {
		t.Errorf("merged %+v", g)
	}
}

func TestGroupsTravel(t *testing.T) {
	at := time.Unix(100, 5).UTC()
	in := []Group{{
		Namespace: "n", Name: "g", Interval: time.Minute, Limit: 3, LastEvaluation: at, EvaluationTime: time.Second,
		Rules: []Rule{
			{Name: "r", Expr: "vector(1)", Health: "err", LastError: "why", LastEvaluation: at, EvaluationTime: 4},
			{
				Alerting: true, Name: "A", Expr: "vector(1)", Labels: labels.FromStrings("a", "b"), Health: "ok", State: "firing",
				Hold: time.Hour, KeepFiringFor: time.Minute, Annotations: labels.FromStrings("c", "d"),
				Alerts: []Alert{{Labels: labels.FromStrings("x", "y"), State: "firing", ActiveAt: at, Value: 0.5}},
			},
		},
	}}
	if got := decodeGroups(encodeGroups(in)); !reflect.DeepEqual(got, in) {
		t.Errorf("arrived as %+v, sent as %+v", got, in)
	}
}
