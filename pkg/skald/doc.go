// Package skald makes one program of all the parts: it reads the configuration,
// wires the modules that a target names, and runs them until it is told to stop.
// It is the one place that knows every module.
//
//	command line, file ──▶ Load ──▶ Config ──▶ New ──▶ Run
//	                        │                   │
//	                     ledger*.go          modules.go
//
// # Configuration
//
// The file has the keys of Loki's, and no one need change theirs to try Skald.
// Each key that Loki documents has a verdict in the ledger: it is honoured, or
// mapped to another key, or accepted and ignored with one line of warning that
// says why. A key that is not in the ledger is a mistake, and stops the start.
// docs/config.md and docs/config-loki.md are generated from the structs and the
// ledger; after changing either, run
//
//	SKALD_UPDATE_DOCS=1 go test ./pkg/skald
//
// # Modules
//
// A module is a part with a name, what it needs, and a method that builds it.
// Those that others need start before them and stop after them, so a stop lets
// pushes in flight reach the log before the log is closed.
//
// # Concurrency
//
// [Load] and [New] are called once, by main; [Skald.Run] blocks.
package skald
