// Package events ships the events of a Kubernetes cluster: what happened to pods,
// nodes, volumes, as entries.
//
//	lease: this replica's turn ──▶ list ──▶ watch ──▶ labels ──▶ feed
//	   ▲                                                           │
//	   └──────────── position: how far it is acknowledged ◀────────┘
//
// Of several replicas one reads, the one that holds a Lease. The Lease also holds
// the position, in an annotation that is written as the lease is renewed: who
// takes over goes on where servers had acknowledged, and one that has lost its
// turn cannot write it any more. An entry's time and line come from the event
// alone, so what is sent again is sent the same.
//
// # Position
//
// The position is a resource version. The API server gives one to each change of
// an event, rising; after a start, events are listed and those up to the position
// passed over. Versions that are not numbers are taken as new.
//
// # Concurrency
//
// A Target may be asked for its status by any goroutine while it runs.
package events
