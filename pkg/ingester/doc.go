// Package ingester holds the newest entries, and keeps two promises about them:
// an acknowledged entry is there after a crash, and a query sees it exactly
// once, be it in memory, on its way or in the store.
//
//	Push ─▶ acceptor ─▶ wal.Writer ─▶ head ─▶ group ─▶ buffer ─▶ sealers ─▶ blocks
//	        limits of    one sync       per      streams   raw       layout of
//	        streams      for many     tenant    alike     rows      package block
//	                  └───────────── generation ──────────────────────────────┘
//	                                     │ frozen: too old, too big, or memory is short
//	                                     ▼
//	                    flusher ─▶ one segment per tenant in the store ─▶ log removed
//
// # Generations
//
// A generation is a memtable and the part of the log that can rebuild it. One
// takes writes; those before it are frozen and wait for the flusher. Package
// catalog says which rows count where: as long as a generation is in memory its
// rows are read from here, and [Ingester.Open] names it so that the reader
// leaves out segments made from it; it is dropped only after the catalog has
// all of them.
//
// # Streams
//
// A stream is active until nothing was pushed to it for a while
// (chunk_idle_period). What must outlive a generation, which streams are active
// and their newest timestamps, is written to the log of a younger one before
// the older log goes.
//
// # Tails
//
// A tail is told of entries once they are in the head, so what it was not told
// of can be read. What waits for a slow reader is bounded; the rest is left out
// of the tail, and counted. A push costs one look at a counter when nobody tails.
//
// # Memory
//
// All heads together stay within a bound: a generation is frozen early under
// pressure, and past the bound pushes wait for another try. Replay moves sealed
// blocks to a scratch file rather than exceed it.
//
// # Concurrency
//
// Any number of pushes and queries run at once. Locks are taken in the order
// Ingester.mu, generation.mu, head.mu, group.mu, and never held over I/O or over
// an encoding. A reader locks a group only to note which rows there are; rows
// that were noted never change.
package ingester
