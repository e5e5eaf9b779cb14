// Package extract is what LogQL makes of the text of a line, for all who need the
// very same answer: the readers of JSON and of logfmt, the name that a label gets
// from a key, what a label's text means as a number, a duration or a size, and
// how it is matched.
//
// The stages of a query run these over lines, one by one; storage runs them once
// over a template or over each distinct value of a column. That both call the same
// functions is what lets storage answer in place of the stages.
//
//   - [JSON] and [Logfmt] walk over a line, [FindPattern] cuts it.
//   - [Name] makes a label's name of a key.
//   - [Number], [Duration] and [Bytes] convert, [TextMatcher] matches.
//
// Package fields looks into lines too, for levels and the like: it guesses where a
// line is odd, and never fails. What is here is exact.
//
// # Concurrency
//
// A reader belongs to one goroutine; all else may be shared.
package extract
