// Package api is the face of Skald over HTTP: Loki's API, as its clients know
// it. It turns requests into calls and answers into bodies, and is the one
// place that chooses status codes.
//
//	route ─▶ tenant ─▶ parameters ─▶ Pusher, Querier, … ─▶ body
//	                                        └─ error ─▶ errors.go ─▶ status, text
//
// A tail is a websocket: it is refused with a status before, and closed with a
// reason after it has become one.
//
// A user's mistake is a 4xx whose text says what was wrong and where; what only
// an operator can mend is a 5xx, and is logged. Every route has the name that
// dashboards know it by in the label `route` of request metrics.
package api
