// Package wal keeps an ingester's promise: an entry that was acknowledged is
// still there after a crash.
//
// A [Log] is a folder. It is cut into generations, one for each memtable, and a
// generation into numbered files:
//
//	Log ── Begin ──▶ Writer of generation 42 ── Append ──▶ 0000000042-000001.wal
//	 │                                                     0000000042-000002.wal
//	 ├─ Replay(41) ──▶ Handler                             │ header, then blocks of 32 KiB
//	 └─ Remove(41)                                         ▼
//	                                      ┌─────┬────────┬──────┬───────┐
//	                                      │ CRC │ length │ type │ bytes │ frames, in LevelDB's manner
//	                                      └─────┴────────┴──────┴───────┘
//
// A record is replayed whole or not at all; docs/format/wal.md has every byte.
//
// # Writing
//
// [Writer.Append] encodes and compresses on the caller's goroutine, then queues.
// Whoever finds nobody writing writes the whole queue with one call, and whoever
// then finds nobody syncing syncs for all that has been written: one fsync serves
// every push that waits. [Sync] says whether pushes wait at all, and [Level] how
// far a record got when Append returned.
//
// After a write or a sync failed, the file is left as it is and never synced
// again. What waited for it gets the error, and the next append begins a new
// file; that is also how a disk that was full heals when there is room.
//
// # Recovery
//
// [Log.Replay] reads a generation in order and judges nothing but bytes. What
// cannot be read at the end of a file is a torn tail, and is cut. Anywhere else it
// is damage: reported with file and offset, counted, and skipped to the next frame.
//
// # Concurrency
//
// Any number of goroutines may append to a [Writer], and several generations may
// be written at once: a push that pinned the older one still goes there. Replays of
// different generations may run beside each other and beside writers.
//
// The ingester is the one caller.
package wal
