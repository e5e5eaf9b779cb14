package agent

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// ledgerMetrics is the ledger as metrics. It begins anew with each instance.
type ledgerMetrics struct {
	ledger *position.Ledger
	book   *position.Book
}

var (
	linesDesc = prometheus.NewDesc("skald_agent_lines_total",
		"Lines of sources that were read, taken over from an earlier process, or dropped on their way, and why.",
		[]string{"state", "reason"}, nil)
	clientLinesDesc = prometheus.NewDesc("skald_agent_client_lines_total",
		"Lines that a client took over from an earlier process, will read again, was handed, sent, and ended with: acknowledged, had by the server already, or dropped, and why.",
		[]string{"client", "state", "reason"}, nil)
	queueDesc = prometheus.NewDesc("skald_agent_client_queue_bytes",
		"Bytes of batches that wait on disk for one of several clients.", []string{"client"}, nil)
)

// Describe implements [prometheus.Collector].
func (m ledgerMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- linesDesc
	out <- clientLinesDesc
	out <- queueDesc
}

// Collect implements [prometheus.Collector].
func (m ledgerMetrics) Collect(out chan<- prometheus.Metric) {
	say := func(desc *prometheus.Desc, n int64, values ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), values...)
	}
	v := viewLedger(m.ledger)
	for _, c := range v.Clients {
		say(clientLinesDesc, c.TakenOver, c.Name, "taken_over", "")
		say(clientLinesDesc, c.PutOff, c.Name, "put_off", "")
		say(clientLinesDesc, c.Handed, c.Name, "handed", "")
		say(clientLinesDesc, c.Sent, c.Name, "sent", "")
		say(clientLinesDesc, c.Acknowledged, c.Name, "acknowledged", "")
		say(clientLinesDesc, c.Repeated, c.Name, "repeated", "")
		for reason, n := range c.Dropped {
			say(clientLinesDesc, n, c.Name, "dropped", reason)
		}
	}
	for i, c := range v.Clients {
		if q := m.book.Queue(i); q != nil {
			out <- prometheus.MustNewConstMetric(queueDesc, prometheus.GaugeValue, float64(q.Bytes()), c.Name)
		}
	}
	say(linesDesc, v.Read, "read", "")
	say(linesDesc, v.Recovered, "taken_over", "")
	for reason, n := range v.Dropped {
		say(linesDesc, n, "dropped", reason)
	}
}
