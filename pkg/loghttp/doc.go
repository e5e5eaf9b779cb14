// Package loghttp is the language of the HTTP API, for both ends of it: what
// bodies, parameters and answers look like, and nothing about who serves them.
//
//   - Pushes: [ReadPush] and [ReadLegacyPush] turn a body in any format and
//     encoding that clients use into a [model.Batch].
//   - Parameters: [ParseRangeQuery] and its siblings read what a request asks for.
//   - Answers: [AppendResponse] and its siblings write results, [DecodeResponse]
//     and its siblings read them back.
//
// # Borrowing
//
// The batch of a [Push] lies in buffers that serve one push after another: it
// is valid until Release, and whoever keeps a string of it copies it first.
// Everything else is the caller's. All functions may be called at once.
//
// # Bytes from outside
//
// A body is bounded before and after decompression, and nothing is allocated
// because a length prefix says so. Errors wrap [ErrMalformed], [ErrTooLarge] or
// [ErrUnsupported]; status codes are for package api to choose.
package loghttp
