// Package frontend stands between the API and a querier, and sees to it that
// queries share the machine fairly and that nothing is computed twice. It keeps
// this promise: an answer is the one that the querier would have given to the
// whole query, asked when the query came.
//
//	Query ──▶ limits ──▶ the tenant's turn ──▶ querier                  logs, instants
//	            │
//	            └──▶ extents ──▶ kept answers ─ found ───────────┐      metrics over time
//	                   │              └─ missing ──▶ parts ──▶ turn ──▶ querier
//	                   └────────────────────────────────────────────▶ one matrix
//
// # Extents
//
// A metric query over time is cut at multiples of a length of time that depends
// on its step and its ranges alone, so that a dashboard finds the same extents
// at each refresh. A point depends on no other point, so the extents' points are
// the query's. Log queries are not cut: they read from the newest block on and
// stop when they have enough.
//
// # Kept answers
//
// The answer of an extent is kept under a name made of the query, the step, the
// extent, and the segments and deletions that it was computed from
// ([scan.Holdings]). A late line or a deletion changes what is held, and with it
// the name: an outdated answer is not found any more, and nothing must be
// invalidated. Extents of which rows are in memory have no name and are computed
// each time. What is held is looked at before and after an extent is computed,
// and the answer kept only if nothing changed meanwhile.
//
// # Explanations
//
// [Frontend.Explain] runs the same code with a trace in the context. Without
// analysis it reads no block: kept answers are looked up, the rest is planned, and
// nothing is kept.
//
// # Fairness
//
// A tenant's parts wait in a line of their own, and the lines take turns, however
// long they are. A query of a tenant that has too many unanswered is refused
// ([ErrTooManyOutstanding]).
//
// # Concurrency
//
// A [Frontend] is safe for concurrent use. Whoever stops waiting for an answer
// cancels its context, which takes it out of the line and ends its parts, unless
// others wait for the same.
//
// # Surprises
//
// Equal queries share one evaluation only if it has not begun when the later one
// comes: the later one may follow a push that was acknowledged meanwhile. Extents
// are shared at any time, since their names say what they hold.
package frontend
