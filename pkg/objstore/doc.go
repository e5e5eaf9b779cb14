// Package objstore is a bucket: named objects that are written once, whole, and
// read by ranges. The bucket is the only state that Skald keeps, so a [Bucket]
// makes the one promise everything above it rests on: when a put has returned,
// the object is there, whole, whatever happens to the machine afterwards; before
// that it is there whole or not at all.
//
//	          Bucket
//	  ┌─────────┼──────────┐
//	Folder    Remote     Memory
//	ours,     S3, GCS,   for tests
//	on vfs    Azure, …
//
// [Folder] is the default. [Remote] puts any thanos-io/objstore bucket behind
// the same verbs. All pass one acceptance suite, acceptance_test.go, which is the
// contract in executable form; a new implementation starts there.
//
// # Names
//
// A name is a path of elements joined by slashes, of a small safe alphabet
// ([CheckName]). Names made from a tenant's id go through [EncodeTenant], so that
// no id can reach outside of its own prefix or meet another tenant's, on any
// store. A name must not also be the folder of another name.
//
// # Concurrency
//
// Any number of goroutines may use a Bucket. A folder belongs to one process at
// a time, which a lock in the folder guards.
//
// # Surprises
//
// Deleting what is not there succeeds, as remote stores have it. Listings are
// complete for objects whose put returned before the listing began.
package objstore
