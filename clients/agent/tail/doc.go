// Package tail reads files as endless streams of lines.
//
// A path that a target names is one stream, whatever file lies there. Each file
// that has lain there is a generation, and generations are read one after the
// other:
//
//	/var/log/app.log   0.log.1  ──▶  0.log         a stream, older generations first
//	                   rotated       current       each with a position.Track
//
// A file is known by device, inode and a hash of its first bytes, so it is found
// again under the names that rotation gives it, compressed ones included, and
// after a restart. A file that was truncated is a new generation; what was not
// read of the old one is read from the copy beside it, if there is one.
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
