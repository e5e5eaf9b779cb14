// Package tail reads files as endless streams of lines.
//
// A path that a target names is one stream, whatever file lies there. Each file
// that has lain there is a generation, and generations are read one after the
// other:
//
//	/var/log/app.log   0.log.1  ──▶  0.log         a stream, older generations first
//	                   rotated       current       each with a position.Track
//
// A file is known by device, inode, time of birth and a hash of its first bytes,
// so it is found again under the names that rotation gives it, compressed ones
// included, and after a restart. Where the time of birth is not known, the hash
// alone tells files apart that have one inode after the other. A file that was
// truncated is a new generation; what was not read of the old one is read from the
// copy beside it, if there is one.
//
// # What holds
//
// Nothing is lost and nothing read twice because, at each moment:
//
//   - An offset of a track stands for the same byte for ever. What is read counts
//     only if the first bytes of the file were still the known ones afterwards
//     (generation.confirm), else it is of another generation.
//   - The journal knows a file before it knows a batch with lines of it: its first
//     bytes are noted when it is first seen, when it is opened and when it is
//     read, always before its lines are put. So whatever a crash leaves can be
//     told from what lies there later under the same inode. A file of which nothing
//     is known but that it is empty is looked at again before it is read.
//   - A generation that lies at its path no more is looked for under other names,
//     and as a copy, again and again: a listing counts only when a second one says
//     the same, since names change meanwhile. Generations that are found between
//     it and the one that lies at the path now are read, too: those that came
//     after the oldest that is known, and that no track is of (unread). Neither
//     the time of the newest tells, nor, without its birth, the inode of what was empty.
//   - A track is read by one stream (Tailer.claim), also when patterns name the
//     rotated files. A copy in the making begins as what lies at the path does,
//     and is left alone.
//
// Files that are equal in their first 1024 bytes, as copies or without births
// under one inode, are one file to this package, and so are shorter ones that
// begin alike.
//
// # Work
//
// One goroutine looks for changes and any number of workers read, so that there
// is no goroutine for a file, no watch for a file (only for its folder), and no
// descriptor for a file that is idle:
//
//	scan   globs to paths, every sync period and when a folder changes
//	watch  fsnotify on folders: which paths to look at
//	poll   hot files every poll period, all others in turn; the only way where
//	       events do not come, as on network file systems
//	work   a queue of streams with something to do, each for one worker at a time
//
// Rotations are noticed by the looking goroutine even while all workers wait for
// a server, so the old file is open before something removes it.
//
// # Concurrency
//
// A [Tailer]'s methods may be called by any goroutine.
package tail
