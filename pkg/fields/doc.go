// Package fields finds named values inside log lines: JSON and logfmt fields,
// the level of an entry, the service a stream belongs to. It runs on every line
// that is pushed, so its promise is to be cheap: one pass where one will do, and
// no allocation.
//
//   - [LevelDetector] answers "which level does this entry have".
//   - [Discoverer] fills fields that an operator named, from the candidates they listed.
//   - [ServiceName] chooses the value of service_name from a stream's labels.
//
// Two readers stand below them: a walk over the members of a JSON object, and a
// scanner of logfmt pairs. Both are tolerant: a log line is never an error here,
// what cannot be read simply holds no field.
//
// # Borrowing
//
// Strings that come back are constants or parts of what was passed in, except
// where an escape had to be undone. They live as long as their source.
//
// # Concurrency
//
// All types are read-only once made, and may be shared by goroutines.
package fields
