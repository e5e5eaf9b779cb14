// Package logproto is the wire between processes: the protobuf messages that
// clients push and that roles send each other, the gRPC services that carry
// them, and their way to and from [model].
//
// # Pushes
//
// A push is by far the most frequent message, so push.proto has a codec written
// by hand beside the generated one. [PushDecoder] reads a push into a
// [model.Batch] whose strings point into the bytes it was given, and keeps its
// arrays from one push to the next: nothing is allocated for each entry.
// [AppendPush] is its reverse. A test holds both to what a codec made from
// push.proto does.
//
// Labels travel as text, {a="b", c="d"}; [ParseLabels] reads it.
//
// # Roles
//
// ingester.proto is what roles ask of an ingester: to take a push, to answer a
// scan block by block, to name labels and streams. A push travels in it as
// bytes, so that it is read once and by the codec above. Columns of rows travel
// as columns. How these messages become values of package scan is for package
// rpc to know, which is upstairs.
//
// # Bytes from outside
//
// Everything here may be handed hostile bytes: lengths are checked against what
// is there before anything is made of them, and what a push takes in memory is
// bounded by a multiple of its size. Bad bytes are an error that wraps
// [ErrMalformed] and names the offset.
//
// # Generated code
//
// The .pb.go files come from `go run ./pkg/logproto/internal/protoc`, which
// needs nothing that go.mod does not name.
package logproto
