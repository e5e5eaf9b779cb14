// Package rpc keeps roles apart without a difference: a [Client] answers as the
// ingester that it stands for would in the same process, with the same values
// and with errors that match the same sentinels.
//
//	distributor ─┐                                      ┌─ ingester
//	             ├▶ Pool ─▶ Client ══ gRPC ══▶ Server ──┤
//	querier ─────┘   by address                         └─ its snapshots
//
// The messages are those of logproto/ingester.proto; what becomes of values of
// model and scan on the way is in request.go, directory.go, batch.go, tail.go
// and push.go.
// The tenant is in the metadata x-scope-orgid of every call, and in no message.
//
// # Scans
//
// A snapshot is one stream of messages. The client's Close, the end of its
// connection and the deadline of its query each end the stream, and with it the
// snapshot at the other side. A server reads a few blocks of a snapshot at once
// and takes no further command until one is sent, so that a slow reader costs it
// no more memory than those.
//
// A tail is one as well, of replies alone. Its first says that the tail has begun,
// and a slow reader lets it fill at the ingester, which drops entries and tells.
//
// # Bytes from outside
//
// Whoever reaches the port can send anything: every index is checked against
// what it points into, every length against the bytes that are there. What does
// not fit together is an error that wraps [logproto.ErrMalformed].
//
// # Who calls
//
// The wiring makes one [Pool] for each process and one [Server] for its ingester,
// and reaches an ingester of the same process by a Go call. [Coded] is for
// tests: a Go call whose values and errors take their protobuf form all the same.
package rpc
