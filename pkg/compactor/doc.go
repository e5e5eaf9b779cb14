// Package compactor keeps the bucket small and quick to ask: it merges the many
// small segments that ingesters write into few large ones, and takes away what
// is past its retention or asked to be deleted. It promises that no answer
// changes by a merge, whenever a query runs beside it and wherever the process
// dies, and that nothing goes that a tenant's rules keep.
//
//	level 0   ▯▯▯▯▯▯▯▯▯▯▯▯   minutes: what ingesters flush, once they released it
//	level 1   ▭▭▭▭▭▭         two hours
//	level 2   ████           a day
//
//	plan ─▶ merge ─▶ Put ──────────────▶ check ─▶ catalog entry
//	 │       rows by group, stream, time   │        replaces its inputs, by one put
//	 │       exact duplicates dropped      └─ the object as it is in the bucket has
//	 └─▶ Drop: a tombstone for what is past   the rows that were read, by count and hash
//
// What a merge replaced is deleted by [storage.Store.Sweep], when no query can be
// reading it any more.
//
// # Deletes
//
// A delete request counts from [Compactor.Delete] on: queries leave out what it
// selects (package storage), and no merge joins what it touches with what came
// later ([catalog.Delete]). When it can no longer be cancelled each segment that
// it touches is written again, by a merge with one input. What is about to be done
// is written down first (package deletes), and every pass begins with it, so that a
// receipt has all that was done and nothing else. A request is finished when no
// segment is left that it touches and no log can bring one back.
//
// # Ownership
//
// A bucket has one compactor. Of a folder, which belongs to one process, there is
// one by construction. A remote bucket is read and written by others too, so each
// pass begins with a look at what they did, and [Options.Mine] says whose turn it
// is. That goes by the ring, of which two processes may have different views for
// seconds; so each merge, drop and delete takes a [catalog.Claim] of its segments
// first, which only one of them gets. The other leaves them to it.
//
// # Order and duplicates
//
// Rows of one stream at one time keep the order of their arrival. A merged
// segment has one place in that order, that of the first of its inputs; so a
// segment that arrived between them, has times in common with a later one and
// cannot be merged itself keeps them apart. Equal entries count once
// ([model.SameMetadata]); the one that came first stays.
//
// # Memory
//
// A merge holds the indexes of its inputs, the prune parts of the blocks read so
// far, the rows of one slice of time of one group (32 MiB, twice as much for a
// moment), and one block on its way in and one on its way out. With what waits to
// be collected that was 180 MB for a thousand segments (BenchmarkThousandSegments).
// Rows of one instant are never cut apart: they are in memory together, however
// many they are.
//
// # Damage
//
// A segment that cannot be read is left as it is, with all that is sound in it,
// and is in no merge until the process starts again. Once all of it is past
// retention it goes like any other.
//
// # Concurrency
//
// All methods of a [Compactor] may be called from any goroutine. One pass runs at
// a time, and in it as many merges as max_compaction_parallelism says.
package compactor
