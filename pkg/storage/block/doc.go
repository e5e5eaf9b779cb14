// Package block turns rows of one group of streams into bytes and back, and
// keeps this promise: what comes out is what went in, byte for byte, or an
// error that says what is damaged.
//
// A block is written by [Encoder.Encode] in two parts. The prune part is small
// and says what the block holds; the data part holds the columns, each under a
// checksum and compressed on its own:
//
//	prune  | head | schema | filter |                    always read
//	data   | small frame | timestamps | line lengths | line bytes | metadata … |
//
// [Open] reads a prune part, [Block.Decode] then fetches no more of the data
// part than the wanted columns: a count reads timestamps, a line filter reads
// lines. docs/format/block.md has the format and what a reader may rely on.
//
// The ingester encodes what it seals and reads it back from memory; segments
// hold blocks and read them from a bucket. Both speak [scan.Batch].
//
// # Concurrency
//
// An [Encoder] belongs to one goroutine at a time and is worth keeping: it holds
// buffers of a few times the size of a block. A [Block] never changes, and any
// number of goroutines may decode it.
//
// # Surprises
//
// The runs of a block (which stream has which rows) are not in the block but
// with whoever keeps it, and are needed to decode: they hold the first
// timestamp of each run.
package block
