// Package logcli is the command line for queries: what logcli does, over the
// HTTP API (package clients/api), or over lines from its input with the engine
// that servers use.
//
// It keeps the promise of a drop-in: the commands, flags, environment variables,
// results and exit codes are those that scripts of its users know.
//
//   - [Run] reads the command line and does what it says.
//   - A printer turns entries into text, and metric results into JSON.
//   - A screen is where results, messages and a line of progress go.
//   - A download pages through a range; jobs cut it into parts that workers fetch.
//
// # What goes where
//
// Results go to stdout and everything else to stderr: the URL that is asked, the
// labels that all entries share, errors with what to do about them. Colours and
// progress are for terminals. The exit code is 0, or 1 for any failure.
//
// # Surprises
//
// JSON of metric results ends without a newline, as it always did, unless it goes
// to a terminal.
package logcli
