// Package canary is a client that knows what it wrote: it writes lines, reads
// them back, and counts what is missing, late, doubled or out of order.
//
//	writer ──lines──▶ stdout and an agent, or pushes ──▶ server
//	   │                                                   │ tail
//	   ▼ sent                                              ▼ received
//	 ledger ◀──────────────────────────────────────────────┘
//	   │ not received within Wait: asked for by queries until MaxWait
//	   ▼
//	 metrics
//
// Beside that it asks for single entries of hours ago (spot checks), compares a
// count over time with what it wrote (metric test), and the answers with and
// without caches (cache test).
//
// Names of flags and metrics are those of loki-canary.
//
// # Memory
//
// The ledger holds the entries of the last MaxWait, the metric test a number for
// each second of its range.
package canary
