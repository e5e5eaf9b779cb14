// Package encbuf turns integers and strings into bytes and back. Every format of
// ours, on disk or on the wire, is read through a [Decoder], so that bad bytes
// are met with the same checks everywhere.
//
// Writing is a matter of appending: binary.AppendUvarint and its relatives from
// the standard library, and [AppendString] and [AppendBytes] for what carries its
// length. Nothing that is appended can go wrong, so nothing returns an error.
//
// Reading can go wrong at every byte, so a [Decoder] keeps the first error and
// answers zero from then on: a reader asks for all it wants and looks at
// [Decoder.Err] once. Two rules keep hostile bytes harmless:
//
//   - a count is read with [Decoder.Count], which holds it against a limit and
//     against the bytes that are left before anyone allocates for it;
//   - strings and bytes are borrowed from the input, never copied. Whoever keeps
//     one beyond the life of the input copies it first.
//
// A Decoder belongs to one goroutine. [Checksum] is the CRC-32C that all formats
// carry.
package encbuf
