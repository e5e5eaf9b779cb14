// Package api is the HTTP API as its clients use it: questions out, answers in.
//
// A [Client] knows one server, the credentials for it and how often to try. It
// builds requests, retries them and returns decoded answers (package loghttp);
// it prints nothing. A [Tail] is a connection that brings entries as they come.
//
// # Who calls it
//
// logcli and the canary.
//
// # Concurrency
//
// A Client may be used by any number of goroutines. A Tail belongs to one, and
// may be closed by any.
//
// # Bytes from outside
//
// Answers are bounded: one of more than a gigabyte, or a frame of a tail of more
// than 128 MiB, is an error.
package api
