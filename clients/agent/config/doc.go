// Package config reads what people run Promtail with: its command line and its
// file, promtail.yaml.
//
//	defaults ─▶ file ─▶ flags     each over the one before
//
// Nothing is passed over in silence. A key or flag that is not known is an error
// with its line; one that is known and has no effect here is a [Warning]; a
// block of targets that are not served yet is parsed, and named by
// [Loaded.Unserved], so that the agent can say so or refuse.
package config
