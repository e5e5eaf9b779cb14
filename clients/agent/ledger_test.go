package agent

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// TestLedgerAddsUp moves lines from state to state at random: at each moment those
// that a client was handed are acknowledged, had already, dropped or waiting.
func TestLedgerAddsUp(t *testing.T) {
	for seed := range seeds.Few(t, 50) {
		rnd := rand.New(rand.NewPCG(seed, 13))
		l := position.NewLedger("one", "two")
		handed, waiting := [2]int64{}, [2]int64{}
		for range 200 {
			i := rnd.IntN(2)
			c := l.Client(i)
			n := min(1+rnd.Int64N(5), waiting[i])
			switch rnd.IntN(5) {
			case 0:
				n = 1 + rnd.Int64N(9)
				l.Read.Add(n)
				c.Handed.Add(n)
				handed[i] += n
				waiting[i] += n
				continue
			case 1:
				c.Sent.Add(n)
				c.Acknowledged.Add(n)
			case 2:
				c.Repeated.Add(n)
			case 3:
				c.Drop("ingester_error", n)
			case 4:
				l.Drop("drop_stage", 1) // before any client
				continue
			}
			waiting[i] -= n
		}
		for i, v := range viewLedger(l).Clients {
			sum := v.Acknowledged + v.Repeated + v.Waiting
			for _, n := range v.Dropped {
				sum += n
			}
			if v.Handed != handed[i] || v.Waiting != waiting[i] || sum != v.Handed {
				t.Fatalf("seed %d: client %d: %+v; want %d handed, %d waiting", seed, i, v, handed[i], waiting[i])
			}
		}
	}
}

// TestLedgerMetrics has the ledger as those see it who scrape the agent.
func TestLedgerMetrics(t *testing.T) {
	l := position.NewLedger("one")
	book, err := position.Open(vfs.NewMem(), "/p.yaml", l, position.Options{Clients: []string{"one"}})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	l.Read.Add(10)
	l.Drop("drop_stage", 2)
	c := l.Client(0)
	c.Handed.Add(8)
	c.Sent.Add(8)
	c.Acknowledged.Add(5)
	c.Drop("rate_limited", 1)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(ledgerMetrics{l, book})
	var want strings.Builder
	want.WriteString("# HELP skald_agent_lines_total Lines of sources that were read, taken over from an earlier process, or dropped on their way, and why.\n# TYPE skald_agent_lines_total counter\n")
	for _, s := range []string{`reason="",state="read"} 10`, `reason="",state="taken_over"} 0`, `reason="drop_stage",state="dropped"} 2`} {
		fmt.Fprintf(&want, "skald_agent_lines_total{%s\n", s)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want.String()), "skald_agent_lines_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "skald_agent_client_lines_total"); err != nil || n != 7 {
		t.Errorf("%d states of the client's lines, %v; want 7", n, err)
	}
}
