// Package plan turns the leaves of a query's tree into what storage is asked
// and what is left to do with the rows that come back. It only rewrites trees:
// no I/O happens here, and nothing here runs a stage.
//
//	sum by (app) (count_over_time({app=~"a|b"} |= "x" | json [5m]))
//	      │ AsRange: the sum is taken while counting, by app
//	      ▼
//	Range count_over_time by (app)
//	  Filters   |= "x"      storage may answer this without decoding lines
//	  Rest      (nothing)   every stream has app, so nobody asks what json finds
//	  Columns   Lines?      only what some stage still reads
//
// # The promise
//
// A plan may leave work out, never change an answer. What is left out is only
// what the result does not depend on. One thing follows that users may notice:
// a stage whose labels nobody reads is not run, so an error that it would have
// found does not fail the query (sum(rate({…} | json [1m])) over lines that are
// not JSON), as in Loki.
//
// Functions here are pure and safe for concurrent use; trees are shared, and
// never changed.
package plan
