// Package explain is what a query tells of how it was answered: the plan, what
// storage was asked to decide, which blocks were not read and why, and what the
// others cost. It keeps this promise: who explains a query runs the very code that
// answers it, and an answer is the same whether it is explained or not.
//
// # The journey of a trace
//
//	frontend ── With(ctx, trace) ──▶ engine ── WithScan(ctx, scan) ──▶ sources
//	   │ SetSplit                      │ Scan, AddRead, …               │ AddSource
//	   └────────────── Trace.Query ◀───┴────────────────────────────────┘
//
// Whoever does a part of the work notes it in the [Trace] or the [Scan] of its
// context. Where a query is not explained there is none: both are nil then, and all
// methods of a nil one do nothing.
//
// A trace is dry if it is to say what would be done: blocks are not read.
//
// # Concurrency
//
// A [Trace] and a [Scan] are safe for concurrent use. What [Trace.Query] returns
// belongs to the caller.
//
// # Surprises
//
// The parts of a query that is cut by time are told as one: a scan counts how often
// it was run, and the rest is the sum. Times of reading are those of all workers
// together, and longer than the query took.
package explain
