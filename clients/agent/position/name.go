package position

// A Name says which source a track is of. Tracks of files have a Path and an
// identity; all others a Key.
type Name struct {
	// Key names a source that is not a file, such as cursor-journal.
	Key string `json:"key,omitempty"`

	// Job is the scrape config that reads the file: two may read the same one.
	Job string `json:"job,omitempty"`
	// Path is where the file was first seen.
	Path string `json:"path,omitempty"`
	File
	// PrefixBytes and Prefix are a length and the hash of that many first bytes:
	// inodes are used again.
	PrefixBytes int64  `json:"prefix_bytes,omitempty"`
	Prefix      uint64 `json:"prefix,omitempty"`
	// Modified is the file's time of modification, in nanoseconds, when it was last read.
	Modified int64 `json:"modified,omitempty"`
	// Size is how long the file was then.
	Size int64 `json:"size,omitempty"`
	// Finished says that nothing is to be read of the file any more. It is kept
	// so that the file is known under the names that rotation gives it.
	Finished bool `json:"finished,omitempty"`
}

// A File is the identity of a file while it exists.
type File struct {
	Device uint64 `json:"dev,omitempty"`
	Inode  uint64 `json:"ino,omitempty"`
	// Born is when the inode was made a file, in nanoseconds: inodes are used
	// again, but not within a tick of the file system's clock, or hardly ever. It
	// is 0 where the file system does not say.
	Born int64 `json:"born,omitempty"`
}

// Same reports whether both are one file, as far as that can be known: where one
// was born is not known, another file may have its inode.
func (f File) Same(o File) bool {
	return f.Device == o.Device && f.Inode == o.Inode && (f.Born == o.Born || f.Born == 0 || o.Born == 0)
}

// Certainly reports whether both are one file, and where both were born is known.
func (f File) Certainly(o File) bool { return f == o && f.Born != 0 }
