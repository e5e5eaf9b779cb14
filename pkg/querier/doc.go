// Package querier answers questions over everything there is: the memory of the
// ingesters and the segments of the store, as one.
//
//	Query ─▶ logql ─▶ Open ─┬─▶ 1. every ingester: what it holds, and the names
//	                        │      of the generations it answers from
//	                        └─▶ 2. the store: its catalog as it is now, without
//	                               the segments made from those generations
//
// The order is what makes an answer exact: a generation is entered in the
// catalog before an ingester forgets it, so whatever an ingester does not name
// is in the catalog that is read after it.
//
// # Questions that are no queries
//
//   - [Querier.IndexStats] and [Querier.Volume] read directories alone: the
//     counts of whole runs, which share in what was asked by time.
//   - [Querier.DetectedLabels] looks at streams; [Querier.DetectedFields] asks blocks
//     to list fields and values of all lines, or looks at the newest of a query with stages.
//   - [Querier.Patterns] asks blocks for the shapes of all lines, as templates and
//     columns, and takes lines apart that have none.
//
// Copies of an entry that replicas hold count in sizes until they are merged: these
// are estimates. Queries and patterns count each entry once.
//
// # Tails
//
// A [Tail] follows every ingester before it asks for what there is already, so
// that nothing is missed between the two, and leaves out what came twice.
//
// # State
//
// A querier has none but the tails that are open. Whatever could not be read is told in the warnings of
// an answer, which then is not complete; it is never left out in silence.
package querier
