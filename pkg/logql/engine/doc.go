// Package engine answers LogQL queries: from a tree and a [scan.Source] to
// streams, a vector or a matrix.
//
//	syntax.Expr ──plan──▶ scan.Request ──Open──▶ Directory   streams, blocks, runs
//	                                                │  layout: which rows may have copies
//	                                                ▼
//	               workers, each: Read(block, want) ──▶ pieces: rows of one stream
//	                                                │      │ held back until all copies are
//	                                                │      ▼ there, then without them
//	                                                ▼
//	              log query: the first N entries    metric query: partial aggregates,
//	              in the asked direction            by series and bucket of time
//	                                                │ merge, slide windows over the buckets
//	                                                ▼
//	                                          operators over series ──▶ vector, matrix
//
// # The promise
//
// An answer does not depend on how entries lie in blocks, in which order these
// are read or by how many workers. Copies of an entry (equal in stream, time,
// line and the client's metadata) count once. What cannot be read because it is
// damaged is left out, and said so in the warnings of the [Result].
//
// # Reading
//
// Runs of one stream that share no time with another are worked on alone, in
// any order. Only rows in a span of time that several runs of their stream
// cover may have copies: they wait until all these runs are read. A log query
// reads the newest (or oldest) blocks first, and stops when nothing unread can
// be among its first entries. A metric query reads a block only if the directory
// does not say already what it adds, and only the columns that it counts by;
// lines and metadata are read for it, once all runs of a span are there, between
// the first and the last time that several of them have, and nowhere else.
//
// # Metrics
//
// The windows of a range aggregation overlap. Time is cut at the edges of all of
// them, so a row falls into one bucket, and each window is a run of buckets,
// merged as the windows slide: the cost of a row does not depend on how many
// windows it is in. Partial aggregates are merged in any order.
//
// # Concurrency and limits
//
// An [Engine] serves any number of queries at once and bounds how many blocks
// all of them work on. What a query holds in memory for its result is bounded
// by [Options.MaxMemoryBytes].
//
// # Surprises
//
// The engine has no tenants' limits of its own: they come with each call. Two
// ranges in one query that differ in their selector are read one after the
// other; entries that arrive between are seen by the second.
package engine
