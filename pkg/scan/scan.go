// Package scan is the vocabulary in which a query speaks to storage: a
// [Request] says what is wanted, a [Directory] says which blocks may hold it,
// and a [Batch] carries the rows of one block. Storage does not know that there
// is a query language, and the language does not know that there are files:
// they meet here, in plain data.
//
// # The journey of a request
//
//	Request ──▶ Source.Open ──▶ Snapshot
//	                              │ Directory: streams, blocks, runs; no row is read
//	                              ▼
//	              Snapshot.Read(block, want) ──▶ Batch, as often and in the order the reader likes
//
// The memory of an ingester and the segments of a bucket are both a [Source].
// A reader opens every source, lays the directories together, and only then
// decides which blocks to read: the directory's counts are exact, so it also
// decides where counting a run needs no row at all. Columns are chosen with each
// read, since what is in the directory decides about them too: rows that may
// have copies in another block are compared by line and metadata, and of all
// others their times may be enough.
//
// # What a source may do
//
// A scan may skip work, never change an answer. A source that can evaluate a
// filter exactly does so and clears the rows that fail from the selection;
// one that cannot leaves the filter to the reader, and says so in
// [Batch.Answered].
//
// # Across processes
//
// All values are data: each has a form in protobuf. A batch may share memory with its
// source and with other batches, so nobody changes it: then it cannot be told from a
// copy that came over the wire.
package scan

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// A Source holds entries and answers requests over them.
type Source interface {
	// Open fixes what the request will see. What arrives later is not in the
	// snapshot, and what is in it stays readable until Close, however the source
	// changes meanwhile.
	Open(ctx context.Context, req *Request) (Snapshot, error)
}

// A Snapshot is the answer of one source to one request. Read may be called by
// several goroutines at once.
type Snapshot interface {
	// Directory lists what may hold rows of the request. It must not be changed.
	Directory() *Directory
	// Read returns the rows of block i of the directory that lie in the
	// request's interval and streams, as far as they are wanted. A block may be
	// read several times, for other columns and times. A damaged block is an
	// error that wraps ErrDamaged, and harms no other block; damage in columns
	// that are not wanted need not be noticed.
	Read(ctx context.Context, i int, want Want) (*Batch, error)
	// Close lets the source reclaim what the snapshot held.
	Close() error
}

// A Request asks for the rows of the streams that all matchers select, within
// an interval.
type Request struct {
	Tenant   string
	Matchers []*labels.Matcher // all must hold; none selects every stream
	Interval model.Interval
	Filters  []LineFilter // all must hold
}

// A Want says what is wanted of a block.
type Want struct {
	Columns Columns
	// Interval narrows that of the request: rows are returned that lie in both.
	// model.Ever wants all of the request's.
	Interval model.Interval
	// Fields are asked about, if not nil. A source that does not answer (with a
	// batch whose Answer is nil) returns Lines and Metadata of all rows that pass the
	// filters it answers, and one that does returns them of the rows that it is unsure
	// about, whatever the columns.
	Fields *Fields
	// Shapes are asked for, if not nil, and so is the List of fields.
	Shapes *Shapes
	List   *FieldList
	// Limit, if not 0, is how many rows are wanted: those with the latest times of
	// all selected rows that are not unsure, or with the earliest where Oldest is set.
	// A source may leave others out of the selection, but none with the same time as a
	// row that it keeps.
	Limit  int
	Oldest bool
	// Seek allows a source to return Times in place of Timestamps. It does not
	// travel: a source elsewhere lists them.
	Seek bool
}

// Columns says which columns of the rows are wanted. Timestamps always are.
type Columns uint8

// The columns of a row.
const (
	Lines    Columns = 1 << iota // the text of the line
	Metadata                     // the structured metadata
	Sizes                        // the length of the line in bytes, without the line
	// LinesToFilter are the lines, but not where the source answers all filters of
	// the request.
	LinesToFilter
)

// Settled is c with LinesToFilter made Lines or nothing, by whether all filters
// are answered.
func (c Columns) Settled(answered bool) Columns {
	if c.Has(LinesToFilter) && !answered {
		c |= Lines
	}
	return c &^ LinesToFilter
}

// Has reports whether all of want are in c.
func (c Columns) Has(want Columns) bool { return c&want == want }

// A LineFilter is a predicate on the text of a line.
type LineFilter struct {
	Op   FilterOp
	Text string
}

// FilterOp is the kind of a LineFilter.
type FilterOp uint8

// The kinds of line filters.
const (
	Contains FilterOp = iota // the line holds Text
	Excludes                 // the line does not hold Text
	Matches                  // the regular expression Text (RE2) matches somewhere in the line
	Rejects                  // the regular expression Text (RE2) matches nowhere in the line
)

// A Directory says what a source holds for a request. Its intervals, counts and
// sizes are exact for whole runs, which may reach beyond the request's interval.
type Directory struct {
	// Generations are the ingester generations whose rows are in this
	// directory. A segment made from one of them must not be read beside it.
	Generations []Generation
	Streams     []Stream
	Blocks      []Block
	// Warnings tell what could not be listed, for the user's answer.
	Warnings []string
}

// A Generation names one memtable of one ingester.
type Generation struct {
	Ingester string
	ID       uint64
}

// A Stream is a set of labels within the request's tenant.
type Stream struct {
	Labels labels.Labels
	Hash   uint64 // labels.StableHash
}

// A Block is the unit of reading: rows of one or more streams.
type Block struct {
	// Order sorts rows of equal time in different blocks by arrival: a
	// generation's number, and the block's place in it. Lower came earlier.
	Order Order
	Runs  []Run // of the streams that match, in the order of the block
	// Memory says that it is an ingester who has the rows. A source leaves it out; who
	// asks ingesters and the store knows.
	Memory bool
	// Refused says that none of its rows passes the filters of the request: a source may
	// find that out when it is opened, and then nobody has to read the block.
	Refused bool
}

// An Order is a place in the order of arrival.
type Order struct {
	Generation uint64
	Place      uint32
}

// Before reports whether o came before p.
func (o Order) Before(p Order) bool {
	return o.Generation < p.Generation || o.Generation == p.Generation && o.Place < p.Place
}

// A Run is the rows of one stream in one block, sorted by time, equal times in
// the order of their arrival.
type Run struct {
	Stream   int // index in Directory.Streams
	Interval model.Interval
	Rows     int
	Bytes    int64 // of the lines
	// MetadataBytes is the length of all names and values of the run's metadata.
	MetadataBytes int64
	// Unsorted marks a run whose counts may include exact duplicates of its own
	// rows, as the tail of memory does, which is sorted only when it is read, or
	// rows that a delete request hides. It says nothing about a batch, whose runs
	// are always sorted and distinct.
	Unsorted bool
}

// A Batch is the rows of one block that were wanted.
type Batch struct {
	Runs       []BatchRun
	Timestamps []int64          // of all rows
	Times      Times            // in place of Timestamps, if not nil; see [Want.Seek]
	Lines      []string         // nil unless wanted, or LinesToFilter and not all filters were answered
	Metadata   []model.Metadata // nil unless wanted, or when no row has any
	Sizes      []uint32         // nil unless wanted
	// Selected has a bit for each row that passed the filters in Answered and, if
	// there is an Answer, the predicate on fields, or may pass it; nil when all rows did. A batch of which no row passed may have no rows at all.
	Selected *Bitset
	// Answered says for each filter of the request whether Selected takes it
	// into account. Nil means none is.
	Answered []bool
	// Answer is what the source knows of the wanted fields; nil when it does not say.
	Answer *Answer
	// Shapes are those of the lines; nil when they were not wanted, or the source
	// does not tell. A row without shape has a line then, others need none.
	Shapes *ShapeList
	// Found is the answer to the list of fields; nil when it was not wanted, or the
	// source does not tell.
	Found *FoundFields
	// How says what it took to answer filters and fields.
	How How
	// ReadBytes is how much was read of the bucket or memory, before
	// decompression; DecodedBytes after it.
	ReadBytes, DecodedBytes int64
}

// A BatchRun is the rows [Start, End) of a batch, all of one stream. They are
// sorted by time, and distinct: no two of them are equal in time, line and the
// client's metadata.
type BatchRun struct {
	Stream     int // index in Directory.Streams
	Start, End int
}

// Rows counts the rows of the batch, selected or not.
func (b *Batch) Rows() int {
	if b.Times != nil {
		return b.Times.Rows()
	}
	return len(b.Timestamps)
}
