// Package cluster makes processes find each other: membership in rings, from one
// [Config] for every component, over dskit's ring and its key-value stores.
//
//	Config ──▶ NewMember: this process on a ring     JOINING ─▶ ACTIVE ─▶ LEAVING ─▶ gone
//	       └─▶ NewRing:   everybody on it            who takes which stream, with its page
//
// A [Member] joins when it starts and takes no work before [Member.Activate]:
// its owner calls that when it can serve, after replaying its log for instance.
//
// # One process alone
//
// The in-memory store has one member, this process. It needs no address that
// others can reach, each stream lies on one ingester whatever
// replication_factor says, and it is ready at once.
//
// # Concurrency
//
// All methods may be called from any goroutine.
package cluster
