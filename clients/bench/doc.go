// Package bench is the load and the questions of `skaldtool bench`: logs that
// anyone can make again from a seed, a way to push them to a server, a suite of
// queries with the answers compared, and what it cost the server.
//
// It keeps one promise: two results made with the same Corpus measured the same
// work, and where the servers did not answer alike, the result says so.
//
//   - A Corpus says how much to make; a Generator makes it, slice by slice. Each
//     slice depends on the seed and its number alone, so slices are made in any
//     order, by any number of goroutines, and come out the same.
//   - A Server is where it goes: its dialect knows the paths and the language,
//     LogQL or LogsQL.
//   - Suite are the queries, each in both languages.
//   - Run pushes, waits until everything is there, asks, and returns a Result;
//     Compare lays results side by side.
//
// Servers are spoken to over HTTP alone. What a server costs is read from /proc
// and its data folder, where the caller says which those are.
//
// # What surprises
//
// VictoriaLogs takes JSON lines apart when they are pushed and does not keep
// them whole. Answers of that server are compared without the lines of such
// entries, and without sizes of the streams they are in.
package bench
