// Package journal reads the systemd journal, through journalctl.
//
//	journalctl --output=export [--follow] ──▶ exportReader ──▶ labels ──▶ feed
//	           --after-cursor=…
//
// journalctl knows all formats that a journal's files have and will have, so the
// agent needs no C library. One that follows leaves out what was before the latest
// boot, so one that does not is run first. When it ends, others take its place
// behind the last entry that was passed on.
//
// # Position
//
// An entry's offset on the track is its number, and the cursor behind each batch
// is noted there. After a restart reading goes on behind the cursor of what is
// settled: an entry is never lost, and what stages hold back is read again. A
// cursor older than max_age is not believed: reading begins max_age ago.
//
// # Concurrency
//
// A Target reads in the goroutine that runs it.
package journal
