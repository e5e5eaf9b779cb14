// Package loghttp is the language of the HTTP API, for both ends of it: what
// bodies, parameters and answers look like, and nothing about who serves them.
//
//   - Pushes: [ReadPush] and [ReadLegacyPush] turn a body in any format and
//     encoding that clients use into a [model.Batch].
//
// # Bytes from outside
//
// A body is bounded before and after decompression, and nothing is allocated
// because a length prefix says so. Errors wrap [ErrMalformed], [ErrTooLarge] or
// [ErrUnsupported]; status codes are for package api to choose.
package loghttp
