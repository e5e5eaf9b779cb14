// Package ruler evaluates alerting and recording rules over log queries. It keeps
// this promise: a rule that is stored is evaluated at its group's interval, what
// fires reaches every Alertmanager, and a restart forgets no alert that was on
// its way.
//
//	RuleStore ── groups ──▶ tenant: Prometheus' rule manager ── LogQL ──▶ Querier
//	 (bucket or folder)        │ alerts            │ samples
//	                           ▼                   ▼
//	                  Prometheus' notifier    WAL ── remote write ──▶ Prometheus
//	                  every Alertmanager      alert states ──▶ bucket
//
// The rule manager, the notifier, the WAL of samples and remote write are those
// of Prometheus; ours are the language, where rules and states are kept, and
// which tenant has which.
//
// # Parts
//
//   - [RuleStore] keeps the groups of tenants: in the bucket, where the API
//     changes them, or in a folder that others write.
//   - tenant runs the groups of one tenant.
//   - states remember since when alerts are active. They are objects in the
//     bucket, so that the ruler that takes a group over finds them.
//   - [Ruler] follows the store and has a tenant for each that has rules.
//
// # Concurrency
//
// A [Ruler] is a service, and safe for concurrent use. Groups are evaluated
// concurrently, the rules of a group one after the other.
//
// # Several rulers
//
// With [Shards], each ruler of a ring evaluates its share of the groups, and
// [Peers] tell it of the others. A group that goes to another ruler takes the
// states of its alerts along, by way of the bucket.
//
// # Surprises
//
// Expressions reach the manager as text and come back as text: what it takes for
// a PromQL expression is a [rulefile.Expr]. A rule whose query is a number gives
// one sample without labels.
package ruler
