// Package buffer keeps the entries of sources that cannot wait (syslog, pushes)
// on disk until the stages and the server take them.
//
//	source ─▶ Buffer.Put ─▶ files on disk ─▶ Buffer.Run ─▶ stages ─▶ clients
//
// A buffer is a folder of files named for the offset of their first byte, and
// only the last is written to. A file is a run of frames, one for each Put:
//
//	length <4b> · CRC-32C <4b> · entries       little endian; the CRC covers the entries
//
// Offsets are those of a [position.Track], so what a server acknowledged is not
// read again after a restart, and what was in flight is sent from the journal. A
// file goes when all of it is settled. A frame that is not whole ends its file:
// it is a write that a crash cut short.
//
// What was put survives a crash of the process. [Buffer.Commit] has it survive one
// of the machine as well; those who wait for it together share one sync.
//
// A buffer is bounded, and leaves of its disk what positions need. When it is full,
// or the disk is, Put waits, and so the sender does, or its packets are lost where
// they have nobody to wait.
//
// One goroutine runs a buffer; any number may Put.
package buffer
