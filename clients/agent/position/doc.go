// Package position keeps the agent's promise about sources that can be read
// again: nothing is lost, and what a server acknowledged is not sent to it again.
//
//	Track   one source's offsets, and which of them are settled
//	Set     a set of offsets: all below one, and ranges above
//	Book    all tracks, and the files that they are saved in
//	Flight  a batch on its way to a server
//	Queue   batches of one client that wait on disk
//	Ledger  what became of all lines
//
// # What is on disk
//
// The positions file is the one that Promtail has: a map from paths to offsets,
// and from cursor-… keys to cursors. What else the agent must know of a track (a
// file's identity, what is settled out of order, and for which client) stands in
// comments of the same file, so both are replaced by one rename. Another program
// that rewrites the file drops the comments, and then its offsets are taken.
//
// Beside it lies the journal, positions.yaml.journal-N. A batch is written there,
// compressed as it will be sent, before it is sent for the first time
// ([Book.Begin]), and so is its end ([Flight.Done]):
//
//	file    = frame…
//	frame   = length <4b> · CRC-32C <4b> · payload      little endian; the CRC covers the payload
//	payload = 'C' clients              the names that numbers of clients stand for
//	        | 'T' track, name, sets    what a number of a track stands for
//	        | 'B' client, number, tenant, parts, body
//	        | 'D' client, number       the batch is done with
//
// Each save of the positions begins a new journal file and removes the older
// ones. A bad frame ends its file: it is a write that a crash cut short.
//
// # After a crash
//
// [Open] reads the positions, then the journal. What it leaves in flight is for
// the client to send again, byte for byte as it was ([Book.InFlight]), times that
// the agent made up and all. Only what was never in a batch is read again from
// its source. So a server sees an entry either once, or again exactly as it was.
//
// Sources, stages, clients and the agent may use this package; it knows none of
// them. Everything here may be used by any number of goroutines.
package position
