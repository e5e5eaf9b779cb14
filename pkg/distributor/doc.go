// Package distributor takes pushes: it checks every entry against the limits of
// its tenant, adds what Skald derives (service name, level), and hands each
// stream to the ingesters that the ring names for it.
//
//	Push ─▶ labels ─▶ validate ─▶ rate ─▶ shard ─▶ Ingester.Push, RF times
//	        cached     entry by    all or    by stream,
//	        per text   entry       nothing   at quorum
//
// # What a push gets
//
// Entries that break a limit are left out and named in the result, the others
// are stored: the caller decides what that means for the client. Label text
// that cannot be parsed fails the push as a whole, and so does a tenant's rate
// limit; then nothing was stored.
//
// # Memory
//
// A [Request] borrows from the buffer its body was decoded from. It is released
// exactly once, when no ingester looks at it any more, which may be after Push
// returned: at quorum the slowest replica is not waited for.
package distributor
