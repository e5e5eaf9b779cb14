// Package deletes says what a delete request means, and what was done for it.
//
// A request lies in the catalog from acceptance on ([catalog.Delete]), and hides
// what it selects. [Compile] understands its query. The compactor writes every
// segment again that has such rows; beside the catalog lies what it did:
//
//	catalog/<tenant>/<request>.delete           the request, until it is done
//	deletes/<tenant>/<request>/<segment>.step   what became of one segment
//	deletes/<tenant>/<request>.receipt          all steps, when it is done
//
// docs/format/catalog.md has the objects to the byte.
//
// # Receipts
//
// A [Receipt] names each segment that held rows of the request, the one that was
// put in its place, how many rows went, and hashes of all three. [Verify] checks
// it against a bucket: whether the sums agree, whether what was written is there
// as it was written, whether what it replaced is gone, and whether any row is
// left that the request covers.
//
// # Concurrency
//
// Functions may be called from any goroutine; a [Hasher] belongs to one.
package deletes
