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
	// Device and Inode are the file's identity while it exists.
	Device uint64 `json:"dev,omitempty"`
	Inode  uint64 `json:"ino,omitempty"`
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
