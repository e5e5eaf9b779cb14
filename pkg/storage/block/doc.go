// Package block turns rows of one group of streams into bytes and back, and
// keeps this promise: what comes out is what went in, byte for byte, or an
// error that says what is damaged.
//
// A block is written by [Encoder.Encode] in two parts. The prune part is small
// and says what the block holds; the data part holds the columns, each under a
// checksum and compressed on its own:
//
//	prune  | head | schema | filter |                    always read
//	data   | small frame | timestamps | lines … | metadata … |
//
// [Open] reads a prune part, [Block.Decode] then fetches no more of the data
// part than the wanted columns: a count reads timestamps, a line filter what
// the schema could not decide. docs/format/block.md has the format and what a
// reader may rely on.
//
// # Lines
//
// Lines are templates with values in their slots, and values of one kind are a
// column of one type:
//
//	user 17 logged in from 10.0.0.1   ┐   template 1: "user ␀ logged in from ␀"
//	user 4 logged in from 10.0.0.7    ├─▶ column of "user ":    17, 4, 12   ints
//	session of user 12 is over        ┘   column of "from ":    10.0.0.1 …  addresses
//	                                      template 2: "session of user ␀ is over"
//
// The encoder takes lines apart ([tokens]), sorts the parts ([splitter]) and
// writes each column in the cheapest type that gives its bytes back
// ([columnEncoder]). The decoder opens the columns that it needs ([values]) and
// either puts lines together, or finds needles in the columns without making a
// line ([finder]), or leads the automaton of an expression over them ([walker]). Where templates do not pay, the lines are one column of
// bytes: the same block in layout 0.
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
// Blocks that share a [Hot] keep what was decompressed of them for each other's sake
// and the next query's.
//
// # Surprises
//
// The runs of a block (which stream has which rows) are not in the block but
// with whoever keeps it, and are needed to decode: they hold the first
// timestamp of each run.
package block
