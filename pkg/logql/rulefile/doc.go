// Package rulefile reads, checks, compares and writes alerting and recording
// rules whose expressions are LogQL. It keeps this promise: a group that
// [Validate] lets through loads in a ruler, and one that it refuses is told by
// what and where.
//
//	namespace: shop                ┐
//	groups:                        │  Parse     strict, several documents, positions
//	  - name: errors               ├─ Namespace, Group, Rule
//	    rules:                     │  Validate  what the ruler's API answers with
//	      - alert: HighErrors      │  Compare   what a sync would change
//	        expr: sum(rate(…)) > 1 ┘  Write     what files and the API hold
//
// The shapes are those of Prometheus' own rule files: its rule manager takes
// them as they are, with [ParseExpr] in the place of its parser. The text of an
// expression is never changed, except by [Canonical]: tools compare it
// byte by byte with what a server gives back.
//
// Nothing here evaluates a rule, and nothing does I/O. All functions are pure
// and safe for concurrent use.
package rulefile
