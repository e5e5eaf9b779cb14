package loghttp

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendOTLPStatus appends the google.rpc.Status that a request is refused with.
// Clients read its message alone.
func AppendOTLPStatus(dst []byte, message string) []byte {
	dst = protowire.AppendTag(dst, 2, protowire.BytesType)
	return protowire.AppendString(dst, message)
}

// AppendOTLPPartial appends the ExportLogsServiceResponse to a request of which
// some records were refused. Without any it is the empty one.
func AppendOTLPPartial(dst []byte, rejected int, message string) []byte {
	if rejected == 0 {
		return dst
	}
	var partial []byte
	partial = protowire.AppendTag(partial, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, uint64(rejected))
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, message)
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	return protowire.AppendBytes(dst, partial)
}

// AppendOTLPPartialJSON is [AppendOTLPPartial] for clients that speak JSON.
func AppendOTLPPartialJSON(dst []byte, rejected int, message string) []byte {
	if rejected == 0 {
		return append(dst, "{}"...)
	}
	dst = append(dst, `{"partialSuccess":{"rejectedLogRecords":"`...)
	dst = strconv.AppendInt(dst, int64(rejected), 10)
	dst = append(dst, `","errorMessage":`...)
	return append(AppendString(dst, message), "}}"...)
}
