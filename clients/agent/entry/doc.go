// Package entry holds the words that all parts of the agent speak. Entries flow
// from sources through a chain of stages to clients:
//
//	Source ─▶ Chain (stages) ─▶ Sink (clients)
//	   ▲                            │
//	   └──── position.Track ◀───────┘  acknowledged, or dropped with a reason
//
// An [Entry] carries a [Mark], which names the part of a source it stands for.
// Whoever lets an entry go must settle its mark: a client when the server has
// acknowledged it, a stage that drops it by [Mark.Drop]. A stage that joins
// entries joins their marks. A mark that nobody settles holds its source's
// position back, and so is read again after a restart: at worst the agent
// repeats, it never loses.
//
// # Memory
//
// Nothing is allocated for a line between its source and a client's batch.
// Strings of an entry are borrowed: they are valid until [Sink.Put] returns, and
// whoever keeps one copies it. [Labels] are immutable and shared; a stage that
// sets a label gets the same result for the same change from a cache.
package entry
