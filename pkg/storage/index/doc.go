// Package index finds streams by their labels: which streams do these matchers
// select, which label names and values do they have.
//
// A stream has a *reference*, a number counted from 0 within its index. For
// each label name, and each value of that name, an index has the references of
// the streams that carry it, in ascending order. Selecting is adding up and
// cutting such lists; no stream's labels are looked at.
//
// There are two forms that answer the same questions: [Head] in memory, which
// grows while it is asked, and [Reader] over the bytes that [Append] writes
// into a segment. docs/format/segment.md has those bytes.
//
// Matchers mean what they mean in Prometheus: a label that a stream does not
// have is one with the empty value.
//
// # Concurrency
//
// A [Head] has a lock of its own, held for as long as it takes to add a stream
// or to note where lists end, and never while values are matched. A [Reader]
// does not change. What they return belongs to the caller.
package index
