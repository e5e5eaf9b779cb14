// Package agent is skald-agent: it reads promtail.yaml and does what it says.
//
//	Agent    the process: pages, reloading
//	instance what one configuration makes: sources, pipelines, clients, positions
//
//	discover ─▶ tail ─┐
//	syslog, push ─────┼─▶ stage ─▶ send.Gate ─▶ send.Client ─▶ server
//	journal, stdin ───┘                              │
//	   ▲                                             ▼
//	   └──────────────── position.Book ◀──── acknowledged
//
// A reload ends one instance and begins another; what the first had in flight
// lies in the journal of positions, so nothing is lost or sent twice by it.
//
// Only cmd/skald-agent uses this package.
package agent
