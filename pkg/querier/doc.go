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
// A querier has no state. Whatever could not be read is told in the warnings of
// an answer, which then is not complete; it is never left out in silence.
package querier
