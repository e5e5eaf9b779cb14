package position

import "github.com/skaldlogs/skald/pkg/vfs"

// keptFree is what queues and buffers leave of a disk, or a quarter of a small
// one.
const keptFree = 2 * defaultJournalBytes

// HasRoom reports whether what may grow large on the disk of a folder may grow
// further. What is left is for the positions and their journal: without them
// nothing can be sent, and what fills the disk would never go.
func HasRoom(fsys vfs.FS, dir string) bool {
	u, err := fsys.Usage(dir)
	return err != nil || u.Total == 0 || u.Free >= min(keptFree, u.Total/4)
}
