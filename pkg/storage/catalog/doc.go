// Package catalog knows which segments a tenant has. It promises that a segment
// becomes visible by one put of one small object, together with the death of the
// segments that it replaces, and that no sequence of crashes makes a row count
// twice or not at all.
//
//	bucket                                      Catalog, in memory
//	catalog/<tenant>/<id>.entry     ◀── Add ──▶ live entries of each tenant
//	catalog/<tenant>/<id>.released  ◀─ Release
//	claims/<tenant>/<id>           ◀─ Claim    Refresh ─▶ (reads what is new, once)
//
// docs/format/catalog.md has the objects to the byte.
//
// # Invariants
//
//   - A segment's object is durable before its entry is added: an entry never
//     points at nothing.
//   - Live are all entries save those that some entry replaces. It does not
//     matter whether the replacing one is itself replaced: death is final. To keep
//     it so, an entry is removed only after every entry that it replaces.
//   - A tombstone is an entry without a segment: what it replaces is dead and
//     nothing takes its place. It goes when nothing of that is left.
//   - An entry of level 0 is released once its ingester has dropped the memory
//     and the WAL of its sources. Until then nothing may replace it and it may
//     not be removed, for two reasons: a query that reads those memtables leaves
//     the entry out, which it could not do once its rows are part of another; and
//     a replay that must skip what is in the catalog has to find it there.
//   - Therefore, of the rows of a (generation, tenant) pair exactly one place
//     counts: the memtable and WAL while [Catalog.Has] is false, the segment from
//     then on. An ingester that starts replays the pairs that are not in the
//     catalog, and releases the entries of [Catalog.Unreleased] whose WAL is gone.
//   - Entries are immutable, so each is read once in the life of a process.
//
// # Owners and followers
//
// Both read the whole catalog when it is opened, and see their own changes at
// once. The [Owner] is the bucket's only writer, as in a single process, and never
// lists again. A [Follower] shares the bucket with others and sees their changes
// at [Catalog.Refresh]. Those that merge or delete take a [Claim] first, so that
// no two do so with the same segments.
//
// # Damage
//
// An entry whose bytes are not those that were written is reported, counted and
// listed in each [Snapshot]; the others stay in use. A store that cannot be
// reached is an error instead: an ingester that took it for an empty catalog
// would replay what is there already.
//
// # Concurrency
//
// Any number of goroutines may use a [Catalog]. Changes and refreshes of one
// tenant happen one after the other; snapshots wait for nothing.
package catalog
