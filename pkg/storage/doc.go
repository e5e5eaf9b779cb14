// Package storage is the store: segments go in whole, and requests are answered
// from all that a tenant has, as if it were one. It keeps the promise that a put
// which returned is in every answer from then on, exactly once, and that damage
// costs what is damaged and nothing else.
//
//	Put ──▶ segment's object ──▶ catalog entry            one segment
//
//	Open ─▶ catalog snapshot ─▶ footers and indexes ─▶ one directory
//	            (pins)          (cached)                  │
//	                                        Read(i) ◀─────┘   ranges of objects
//
// Its parts are packages of their own: [segment] is the object, [catalog] says
// which objects count, [objstore] keeps them. This package joins them.
//
// Ingesters put, the querier opens, the compactor puts what it merged and sweeps.
// [Store.Catalog] is for the hand-over between an ingester's memory and the store.
//
// # Memory and store at once
//
// A query opens the ingesters first and the store afterwards, and names the
// generations that the ingesters answer for: the segments of level 0 made from
// them are left out. In that order every row is in one of the two, and none in
// both.
//
// # Damage
//
// A segment that is damaged or gone is named in the directory's warnings; the
// others answer. A block that is damaged is the error of its read, which wraps
// [scan.ErrDamaged]. A bucket that cannot be reached is an error, not a shorter
// answer.
//
// # Concurrency
//
// Any number of goroutines may use a [Store] and what it opened. A snapshot that
// is open keeps its segments: [Store.Sweep] passes over them.
package storage
