// Package rules is what `skaldtool rules` does: it checks rule files, brings a
// server's rules to what files say, and shows what rules would do, over lines
// that a unit test writes down or over those that a server has stored.
//
//	files ──▶ rulefile.Parse ──┬─▶ check, lint, prepare          no server
//	                           ├─▶ diff, sync, load ──▶ client ──▶ the ruler's API
//	                           ├─▶ test: rowscan ─┐
//	                           └─▶ backtest ──────┴─▶ replay: Prometheus' rule groups, step by step
//
// Words, flags and exit codes are those that users of lokitool know. A group is
// never changed by being read: expressions are compared and sent as they are
// written.
//
// [Run] is all that others call. It does one command and returns.
package rules
