package main_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/objstore/s3test"
	"github.com/skaldlogs/skald/pkg/parts"
)

// text is what a server answers to a GET, as one of the types that are accepted.
func (s *server) text(path string, accept ...string) string {
	req, err := http.NewRequest(http.MethodGet, "http://"+s.http+path, nil)
	if err != nil {
		return err.Error()
	}
	req.Header["Accept"] = accept
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// evaluated returns since when the alerts of each group are active, of those that
// the server says are evaluated by any ruler.
func (s *server) evaluated(t *testing.T) map[string]time.Time {
	var a struct {
		Data struct {
			Groups []struct {
				Name  string `json:"name"`
				Rules []struct {
					Health string `json:"health"`
					Alerts []struct {
						ActiveAt time.Time `json:"activeAt"`
					} `json:"alerts"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	out := map[string]time.Time{}
	if !getJSON(t, s.http, "/prometheus/api/v1/rules", nil, &a) {
		return out
	}
	for _, g := range a.Data.Groups {
		for _, r := range g.Rules {
			if r.Health == "ok" && len(r.Alerts) == 1 {
				out[g.Name] = r.Alerts[0].ActiveAt
			}
		}
	}
	return out
}

// own counts the groups that this process evaluates itself.
func (s *server) own() int {
	return strings.Count(s.text("/metrics"), "\nloki_prometheus_rule_group_rules{")
}

// Two rulers share a bucket and the rules of a tenant. Each tells of all of them;
// when one leaves, the other goes on with its groups, and with the alerts that
// were pending there; one that is killed is left behind after the ring's timeout.
func TestRulersShareGroups(t *testing.T) {
	bucket := s3test.Start(t)
	first := parts.Addr(t)
	apart := func(name, gossip, target string) *server {
		s := member(t, name, gossip, first, target, 1)
		s.args = append(s.args, bucket.Args()...)
		s.args = append(s.args, "-ruler.enable-sharding", "-ruler.poll-interval=1s", "-ruler.evaluation-interval=1s",
			"-ruler.for-grace-period=1s", "-ruler.ring.heartbeat-period=1s", "-ruler.ring.heartbeat-timeout=3s")
		s.start()
		return s
	}
	write := apart("write", first, "write")
	one := apart("ruler-one", parts.Addr(t), "ruler")
	two := apart("ruler-two", parts.Addr(t), "backend")
	for _, s := range []*server{write, one, two} {
		s.awaitRing(1)
	}
	write.pushNow(`{app="pay"}`, "a line")
	const groups = 16
	for i := range groups {
		one.setRules("shop", fmt.Sprintf(`
name: g%d
rules:
- alert: Waiting%d
  expr: count_over_time({app="pay"}[1h]) > 0
  for: 30m
`, i, i))
	}
	shared := func() bool {
		a, b := one.own(), two.own()
		return a > 0 && b > 0 && a+b == groups
	}
	parts.Await(t, "each ruler has its share", shared)
	whole := func(s *server) func() bool { return func() bool { return len(s.evaluated(t)) == groups } }
	parts.Await(t, "one tells of all groups", whole(one))
	parts.Await(t, "two tells of all groups", whole(two))
	if page := two.text("/ruler/ring"); !strings.Contains(page, "ruler-one") {
		t.Errorf("the page of the ring is %s", page)
	}

	// What is taken up again is as old as it was, less the time in which nobody
	// evaluated it; what begins anew does so when it is taken over.
	old := func(s *server) {
		t.Helper()
		parts.Await(t, "alerts are pending for long", func() bool {
			found := s.evaluated(t)
			for _, since := range found {
				if time.Since(since) < 15*time.Second {
					return false
				}
			}
			return len(found) == groups
		})
	}
	check := func(s *server) {
		t.Helper()
		parts.Await(t, "one ruler has all groups", func() bool { return s.own() == groups && whole(s)() })
		taken := time.Now()
		parts.Await(t, "alerts go on to be pending", func() bool {
			for _, since := range s.evaluated(t) {
				if since.After(taken.Add(-5 * time.Second)) {
					return false
				}
			}
			return true
		})
	}
	old(two)
	one.Stop()
	check(two)
	one.start()
	parts.Await(t, "each ruler has its share again", shared)
	parts.Await(t, "one tells of all groups again", whole(one))
	old(one)
	two.Kill()
	check(one)
}
