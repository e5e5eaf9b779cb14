package ruler

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

// What is shared out, and among whom.
const (
	ByGroup         = "by-group"
	ByRule          = "by-rule"
	DefaultStrategy = "default"
	ShuffleSharding = "shuffle-sharding"
)

// ringOp selects the members of a ring that evaluate rules.
var ringOp = ring.NewOp([]ring.InstanceState{ring.ACTIVE}, nil)

// shardSuffix comes between the name of a group and the token of its only rule,
// where rules are shared out one by one.
const shardSuffix = ";rule-shard-token"

// Shards say which groups are evaluated by which ruler of a ring: the member that
// is the first after the group's token. A member that is silent for the ring's
// heartbeat timeout has no groups any more.
type Shards struct {
	ring     ring.ReadRing
	instance string // this ruler
	byRule   bool
	size     func(tenant string) int // rulers of a tenant; 0 is all
}

// NewShards shares out the rules of tenants among the members of r, of whom this
// ruler is instance.
func NewShards(cfg *Config, r ring.ReadRing, instance string, l *limits.Overrides) *Shards {
	s := &Shards{ring: r, instance: instance, byRule: cfg.ShardingAlgo == ByRule, size: func(string) int { return 0 }}
	if cfg.ShardingStrategy == ShuffleSharding {
		s.size = func(tenant string) int { return l.For(tenant).RulerTenantShardSize }
	}
	return s
}

// Members are the rulers that evaluate rules.
func (s *Shards) Members() ([]ring.InstanceDesc, error) { return members(s.ring) }

func members(r ring.ReadRing) ([]ring.InstanceDesc, error) {
	set, err := r.GetAllHealthy(ringOp)
	if err != nil {
		return nil, fmt.Errorf("read the ring of rulers: %w", err)
	}
	if len(set.Instances) == 0 {
		return nil, fmt.Errorf("read the ring of rulers: %w", ring.ErrEmptyRing)
	}
	slices.SortFunc(set.Instances, func(a, b ring.InstanceDesc) int { return cmp.Compare(a.Id, b.Id) })
	return set.Instances, nil
}

// version is another one when groups may have moved.
func (s *Shards) version() string {
	list, err := s.Members()
	if err != nil {
		return ""
	}
	h := fnv.New64a()
	for _, m := range list {
		fmt.Fprint(h, m.Id, m.Tokens)
	}
	return strconv.FormatUint(h.Sum64(), 16)
}

// owns returns the groups of a tenant that this ruler evaluates.
func (s *Shards) owns(tenant string, found []rulefile.Namespace) ([]rulefile.Namespace, error) {
	r := s.ring
	if n := s.size(tenant); n > 0 {
		r = r.ShuffleShard(tenant, n)
	}
	list, err := members(r)
	if err != nil {
		return nil, err
	}
	type owner struct {
		token uint32
		mine  bool
	}
	var owners []owner
	for _, m := range list {
		for _, t := range m.Tokens {
			owners = append(owners, owner{t, m.Id == s.instance})
		}
	}
	if len(owners) == 0 {
		return nil, fmt.Errorf("read the ring of rulers: %w", ring.ErrEmptyRing)
	}
	slices.SortFunc(owners, func(a, b owner) int { return cmp.Compare(a.token, b.token) })
	mine := func(token uint32) bool {
		i, _ := slices.BinarySearchFunc(owners, token, func(o owner, t uint32) int {
			if o.token <= t {
				return -1
			}
			return 1
		})
		return owners[i%len(owners)].mine
	}
	var out []rulefile.Namespace
	for _, ns := range found {
		own := rulefile.Namespace{Name: ns.Name}
		for _, g := range ns.Groups {
			id := tenant + "/" + ns.Name + "/" + g.Name
			if !s.byRule {
				if mine(token(id)) {
					own.Groups = append(own.Groups, g)
				}
				continue
			}
			own.Groups = append(own.Groups, ownRules(id, g, mine)...)
		}
		if len(own.Groups) > 0 {
			out = append(out, own)
		}
	}
	return out, nil
}

// ownRules makes a group of each rule that is this ruler's.
func ownRules(id string, g rulefile.Group, mine func(uint32) bool) []rulefile.Group {
	var out []rulefile.Group
	seen := map[string]bool{}
	for _, rule := range g.Rules {
		name := rule.Record + rule.Alert
		t := token(id + "/" + name + "/" + rule.Expr + "/" + labels.FromMap(rule.Labels).String())
		own := g
		own.Name = g.Name + shardSuffix + strconv.FormatUint(uint64(t), 10)
		if !mine(t) || seen[own.Name] {
			continue // a rule that is there twice is evaluated once
		}
		seen[own.Name] = true
		own.Rules = []rulefile.Rule{rule}
		out = append(out, own)
	}
	return out
}

func token(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return h.Sum32()
}

// unsharded is the name that a group is stored under.
func unsharded(group string) string {
	name, _, _ := strings.Cut(group, shardSuffix)
	return name
}
