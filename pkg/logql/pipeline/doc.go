// Package pipeline runs the stages of a LogQL pipeline over entries, one at a
// time: it filters lines, makes labels of what lines say, and rewrites both.
//
// It is the plain reading of the language. Whatever a faster path answers (a
// scan that is pushed down to storage, say) must be what these stages answer.
//
//	[]syntax.Stage ──Compile──▶ Pipeline            once for a query: regular
//	                              │                 expressions, templates, paths
//	                           ForStream(labels)
//	                              ▼
//	                           StreamPipeline       one for each stream (and goroutine)
//	                              │
//	                           Process(ts, line, metadata)
//	                              ▼
//	                           line, *LabelSet, ok
//
// # Labels
//
// An entry has labels of three categories: those of its stream, its structured
// metadata, and what stages made (parsed). A name is visible in one of them only.
// A parsed name that the stream or the metadata has gets the suffix _extracted,
// and so does metadata that the stream has. A label that is renamed or set by
// label_format is parsed from then on.
//
// # Errors
//
// A line that a stage cannot read is no reason to fail: the entry goes on with
// the label __error__ (one of the Err constants) and __error_details__. Filters
// that compare quantities let such entries pass. What cannot be compiled is an
// error of [Compile], a [*StageError].
//
// # What is left out
//
// With a grouping that names its labels, a pipeline makes only the labels that
// the grouping or a later stage looks at, and leaves out parsers of which
// nothing is wanted, with the errors they would find. That, and only that, is
// how its labels differ from those made without one.
//
// # Cost
//
// Label sets are kept by content, so an entry whose labels were seen before
// costs a hash and a lookup. Stages cut values out of the line; where they must
// write (escapes, templates) they write to memory that the next entry reuses.
//
// # Concurrency
//
// A [Pipeline] may be used by any number of goroutines. A [StreamPipeline]
// belongs to one.
package pipeline
