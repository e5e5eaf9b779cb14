// Package pagecache keeps pages of a remote bucket's objects on the local disk and
// in memory. It promises that a page it gives is the one that the store has, and
// that the store is asked once for it, however many want it at a time.
//
//	Read(object, ranges)
//	   │ pages in memory ──────────────────────────────┐
//	   │ pages on disk: read, checksum, into memory ───┤
//	   └ neither: near ones in one GET each, ──────────┴─▶ pieces, borrowed from pages
//	     several GETs side by side, onto disk and into memory
//
// Objects never change once they are written, so a page is good as long as it is
// there: nothing is ever compared with the store again. That holds for segments,
// which are named for themselves, and for nothing else in a bucket.
//
// # Bounds
//
// Memory and disk have a bound in bytes each; what was used least recently goes
// first. A page is 128 KiB: about what one request for it costs at a remote store.
// Pieces borrow pages, which stay in memory for as long as somebody holds one.
//
// # Crashes
//
// Nothing is synced. A page's file holds whose it is and a checksum over all of it,
// so that what a crash left of one is found out when it is read, and removed. A disk
// that does not work costs time and is counted, and no more.
//
// # Concurrency
//
// Any number of goroutines may use a [Cache]. Its folder belongs to one process,
// which a lock in it guards.
package pagecache
