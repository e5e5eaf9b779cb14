// Package model holds the words every other package speaks: [Entry], [Stream],
// [Batch], [Interval]. Labels are Prometheus labels (model/labels); a tenant is
// the string that grafana/dskit/tenant validated.
//
// Nothing here does I/O, and nothing here knows who uses it.
//
// # Borrowed strings
//
// Decoders may hand out entries whose strings point into the buffer they were
// decoded from. A [Batch] says so, and whoever keeps an entry past the life of
// its batch copies the bytes first.
package model
