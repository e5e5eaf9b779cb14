package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
)

// An Entry makes one segment visible, or, without an object, only makes others
// dead: then it is a tombstone. It never changes once it was added.
type Entry struct {
	ID     ulid.ULID
	Tenant string
	Object string // name of the segment's object in the bucket; empty in a tombstone
	Size   int64  // of that object, in bytes
	// IndexSize is how much of the object's end is its index; 0 when it is not known.
	IndexSize int64
	// PruneSize is how much lies before that by which blocks are pruned; 0 when it
	// is not known.
	PruneSize int64
	Interval  model.Interval
	// Level is 0 for what an ingester wrote, and higher for what was merged.
	Level int
	// Sources are the memtables whose rows are in a segment of level 0. At higher
	// levels they are the highest generation of each ingester of which rows were
	// merged, so that the numbers of generations do not fall back.
	Sources []scan.Generation
	// Replaces are the segments that this one makes dead. [Catalog.Add] adds
	// those that they in turn replaced and that are still there.
	Replaces []ulid.ULID
	// Stats, like Interval, say what is in the segment; in a tombstone, what was
	// in those that it replaces.
	Stats Stats
	// Created is when the entry was made, by its writer's clock. It decides when
	// what the entry replaces may be swept, and nothing else.
	Created time.Time
	// Released says that the ingesters of the sources no longer hold them. It
	// is not part of the entry's object, and [Catalog.Add] ignores it.
	Released bool
}

// Stats says how much is in a segment.
type Stats struct {
	Streams       int   `json:"streams"`
	Blocks        int   `json:"blocks"`
	Rows          int64 `json:"rows"`
	Bytes         int64 `json:"bytes"` // of the lines
	MetadataBytes int64 `json:"metadata_bytes"`
}

// Objects of the catalog.
const (
	root        = "catalog/"
	entrySuffix = ".entry"
	markSuffix  = ".released"
	markContent = "skald-released 1\n"
	magic       = "skald-catalog"
	version     = 1

	maxEntrySize = 8 << 20 // bytes: some 250,000 replaced segments
)

func folderOf(tenant string) string { return root + objstore.EncodeTenant(tenant) + "/" }

// EntryName is the name of the object of an entry.
func EntryName(tenant string, id ulid.ULID) string {
	return folderOf(tenant) + id.String() + entrySuffix
}

func markName(tenant string, id ulid.ULID) string {
	return folderOf(tenant) + id.String() + markSuffix
}

// entryJSON is an Entry in its object.
type entryJSON struct {
	ID       ulid.ULID    `json:"id"`
	Tenant   string       `json:"tenant"`
	Object   string       `json:"object"`
	Size     int64        `json:"size"`
	Index    int64        `json:"index_size,omitempty"`
	Prune    int64        `json:"prune_size,omitempty"`
	Mint     int64        `json:"mint"`
	Maxt     int64        `json:"maxt"`
	Level    int          `json:"level"`
	Sources  []sourceJSON `json:"sources,omitempty"`
	Replaces []ulid.ULID  `json:"replaces,omitempty"`
	Stats    Stats        `json:"stats"`
	Created  int64        `json:"created"`
}

type sourceJSON struct {
	Ingester   string `json:"ingester"`
	Generation uint64 `json:"generation"`
}

// Tombstone reports whether e has no segment and only makes others dead.
func (e *Entry) Tombstone() bool { return e.Object == "" }

// encode returns the object of e.
func (e *Entry) encode() ([]byte, error) {
	j := entryJSON{
		ID: e.ID, Tenant: e.Tenant, Object: e.Object, Size: e.Size, Index: e.IndexSize, Prune: e.PruneSize,
		Mint: e.Interval.Mint, Maxt: e.Interval.Maxt,
		Level: e.Level, Replaces: e.Replaces, Stats: e.Stats, Created: e.Created.UnixNano(),
	}
	for _, s := range e.Sources {
		j.Sources = append(j.Sources, sourceJSON{s.Ingester, s.ID})
	}
	body, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	object := encbuf.Frame(magic, version, body)
	if len(object) > maxEntrySize {
		return nil, fmt.Errorf("entry of %d bytes, the limit is %d", len(object), maxEntrySize)
	}
	return object, nil
}

// decode returns the entry whose object is data. All of its errors are damage.
func decode(data []byte) (Entry, error) {
	body, err := encbuf.Unframe(magic, version, data)
	if err != nil {
		return Entry{}, err
	}
	var j entryJSON
	if err := json.Unmarshal(body, &j); err != nil {
		return Entry{}, err
	}
	e := Entry{
		ID: j.ID, Tenant: j.Tenant, Object: j.Object, Size: j.Size, IndexSize: j.Index, PruneSize: j.Prune,
		Interval: model.Interval{Mint: j.Mint, Maxt: j.Maxt},
		Level:    j.Level, Replaces: j.Replaces, Stats: j.Stats, Created: time.Unix(0, j.Created).UTC(),
	}
	for _, s := range j.Sources {
		e.Sources = append(e.Sources, scan.Generation{Ingester: s.Ingester, ID: s.Generation})
	}
	return e, e.check()
}

// check reports what no entry can be.
func (e *Entry) check() error {
	switch {
	case e.ID == ulid.ULID{}:
		return errors.New("no id")
	case e.Tombstone() && (len(e.Replaces) == 0 || e.Size != 0):
		return fmt.Errorf("no object, %d bytes and %d replaced: neither a segment nor a tombstone", e.Size, len(e.Replaces))
	case !e.Tombstone() && objstore.CheckName(e.Object) != nil:
		return objstore.CheckName(e.Object)
	case e.Size < 0 || e.Level < 0:
		return fmt.Errorf("size %d and level %d: one is negative", e.Size, e.Level)
	case e.IndexSize < 0 || e.IndexSize > e.Size || e.PruneSize < 0 || e.PruneSize > e.Size-e.IndexSize:
		return fmt.Errorf("an index of %d bytes behind prune parts of %d in an object of %d", e.IndexSize, e.PruneSize, e.Size)
	case e.Interval.Empty():
		return fmt.Errorf("interval from %d to %d is empty", e.Interval.Mint, e.Interval.Maxt)
	case e.Level == 0 && len(e.Replaces) > 0:
		return errors.New("an entry of level 0 replaces others")
	case !utf8.ValidString(e.Tenant):
		return fmt.Errorf("tenant %q is not UTF-8", e.Tenant)
	}
	for _, s := range e.Sources {
		if !utf8.ValidString(s.Ingester) {
			return fmt.Errorf("ingester %q is not UTF-8", s.Ingester)
		}
	}
	return nil
}
