// Package syntax reads and writes LogQL: text in, tree out, and back.
//
// [Parse] turns a query into an [Expr]; String and [Pretty] turn an Expr into
// text that parses to the same tree again. Nothing here evaluates anything, and
// nothing here does I/O.
//
//	"sum by (app) (rate({env="prod"} | json | status >= 500 [5m]))"
//	      │ lexer: tokens with byte offsets
//	      ▼ parser: recursive descent, one function for each rule of the grammar
//	VectorAggregation sum by (app)
//	└─ RangeAggregation rate
//	   └─ LogRange 5m
//	      └─ LogSelector {env="prod"}
//	         ├─ JSONParser
//	         └─ NumberFilter status >= 500
//	      │ check: what the grammar alone cannot say (unwrap and groupings, matchers)
//	      ▼
//	Expr or *ParseError
//
// # The tree
//
// A tree is normal: operators on two numbers are folded, `and` and `or` of label
// filters are flat lists, `!= "a" or "b"` is two filters (it keeps lines with
// neither), `by ()` around a vector is no grouping. So trees that mean the same
// for these reasons are the same, and a printed tree parses to itself.
//
// The parser checks all that can be checked without running a stage: operators
// and their parameters, matchers, the arguments of `regexp`, `pattern` and
// `label_replace`. Line filters' regular expressions, templates, JSON paths and
// addresses are compiled by package pipeline, because format_query must print
// queries that hold bad ones.
//
// # Concurrency
//
// A tree is not changed after Parse and may be read by any number of goroutines.
// Who wants another tree builds one: all fields are exported.
//
// # Surprises
//
// Words are keywords by place: {rate="x"} names a label, rate(…) a function.
// Only the reserved words (by, without, on, json, unwrap, …) are never names.
// A sign belongs to the number behind it: -2 ^ 2 is 4. A comma between label
// filters binds all that follows: a="1", b="2" or c="3" is a and (b or c).
package syntax
