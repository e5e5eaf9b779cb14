// Package segment writes and reads one immutable object: the rows of many
// streams of one tenant, in blocks, with an index over them.
//
//	| header | data of all blocks | prune parts of all blocks | index | trailer |
//
// A [Writer] streams it out from front to back and holds no more than the index
// and the prune parts in memory. [Open] reads trailer and index; the [Reader]
// then is a [scan.Source]: matchers are answered from postings, blocks and runs
// are pruned by time and stream, and rows are read by ranges of bytes, only the
// columns that were asked for. docs/format/segment.md has the format.
//
// The store writes segments for ingesters and the compactor, and keeps readers
// of those that are asked often. skaldtool looks at them from outside.
//
// # Damage
//
// Every byte is under a checksum. What cannot be read is an error that wraps
// [scan.ErrDamaged] and names the segment, the block and the offset; a damaged
// block harms no other. [Reader.Verify] reads everything.
//
// # Concurrency
//
// A [Writer] belongs to one goroutine. A [Reader] and its snapshots may be used
// by any number at once.
package segment
