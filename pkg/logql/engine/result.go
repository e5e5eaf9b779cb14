package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// A Result is the answer to a query.
type Result struct {
	// Data is a [Streams], promql.Matrix, promql.Vector or promql.Scalar.
	Data  parser.Value
	Stats Stats
	// Warnings tell how the answer is less than what was asked. They are distinct.
	Warnings []string
}

// ValueTypeStreams is the type of [Streams].
const ValueTypeStreams parser.ValueType = "streams"

// Streams is the answer to a log query, in the order of the streams' labels.
type Streams []Stream

// A Stream is the entries that have the same labels, in the direction of the
// query; entries of equal time are in the order of their arrival.
type Stream struct {
	// Labels are all labels, or only those of the stream for a query with
	// [Params.Categorize].
	Labels  labels.Labels
	Entries []Entry
}

// An Entry is a line as a query returns it. Its strings are its own.
type Entry struct {
	Timestamp int64 // nanoseconds
	Line      string
	// Metadata and Parsed are the labels that are not the stream's. They are
	// empty unless the query has [Params.Categorize].
	Metadata, Parsed labels.Labels
}

// Type returns [ValueTypeStreams].
func (s Streams) Type() parser.ValueType { return ValueTypeStreams }

// String shows the streams for a person.
func (s Streams) String() string {
	var b strings.Builder
	for _, stream := range s {
		fmt.Fprintf(&b, "%s\n", stream.Labels)
		for _, e := range stream.Entries {
			fmt.Fprintf(&b, "  %d %q\n", e.Timestamp, e.Line)
		}
	}
	return b.String()
}

// Stats are what a query cost. All of them are counted, none estimated.
type Stats struct {
	Lines int64 // rows looked at, in blocks that were read
	// LineBytes is the length of the lines of those rows, read or not. Of a run
	// that reaches beyond what was read, only lines that the source returned count.
	LineBytes     int64
	MetadataBytes int64 // of the metadata of those rows, as far as it was read
	PostFilter    int64 // rows that the pipeline kept
	Duplicates    int64 // rows left out because an equal one counts
	Entries       int64 // entries or points in the result

	// BlocksRead were read, BlocksDirectory answered by the directory alone,
	// BlocksSkipped not needed for a log query's limit, BlocksDamaged unreadable.
	BlocksRead, BlocksDirectory, BlocksSkipped, BlocksDamaged int64
	// BlocksSchema, BlocksColumns and BlocksRows are BlocksRead by what it took to
	// answer: what is known of the whole block, columns, or lines.
	BlocksSchema, BlocksColumns, BlocksRows int64
	// DirectoryLines are the rows that were counted without being read.
	DirectoryLines int64
	// ReadBytes came from the bucket or memory; DecodedBytes are what they became.
	ReadBytes, DecodedBytes int64

	// Memory is what of all this was in the memory of ingesters.
	Memory MemoryStats

	// Who splits a query and keeps answers fills these; the engine does neither.
	Parts                                   int64         // of the query that were evaluated on their own
	Queued                                  time.Duration // all parts' time of waiting for their turn
	CacheRequested, CacheFound, CacheStored int64         // kept answers
	CacheBytes                              int64         // of those that were found

	Scans int64         // leaves of the query that were scanned
	Exec  time.Duration // from the call to the answer
}

// MemoryStats are what was found in the memory of ingesters.
type MemoryStats struct {
	Ingesters  int64 // that answered, at most at a time
	Blocks     int64 // read, answered by the directory, not needed, or unreadable
	BlocksRead int64
	Batches    int64 // that were read of them: of a block, one or more

	Lines, LineBytes, MetadataBytes, PostFilter, ReadBytes int64

	Wait time.Duration // for batches, of all workers
}

func (m *MemoryStats) add(o *MemoryStats) {
	m.Ingesters = max(m.Ingesters, o.Ingesters)
	m.Blocks += o.Blocks
	m.BlocksRead += o.BlocksRead
	m.Batches += o.Batches
	m.Lines += o.Lines
	m.LineBytes += o.LineBytes
	m.MetadataBytes += o.MetadataBytes
	m.PostFilter += o.PostFilter
	m.ReadBytes += o.ReadBytes
	m.Wait += o.Wait
}

// Add adds the counts of o, which are those of a part of the query.
func (s *Stats) Add(o *Stats) {
	s.Lines += o.Lines
	s.LineBytes += o.LineBytes
	s.MetadataBytes += o.MetadataBytes
	s.PostFilter += o.PostFilter
	s.Duplicates += o.Duplicates
	s.BlocksRead += o.BlocksRead
	s.BlocksDirectory += o.BlocksDirectory
	s.BlocksSkipped += o.BlocksSkipped
	s.BlocksDamaged += o.BlocksDamaged
	s.BlocksSchema += o.BlocksSchema
	s.BlocksColumns += o.BlocksColumns
	s.BlocksRows += o.BlocksRows
	s.DirectoryLines += o.DirectoryLines
	s.ReadBytes += o.ReadBytes
	s.DecodedBytes += o.DecodedBytes
	s.Memory.add(&o.Memory)
	s.Scans += o.Scans
	s.Parts += o.Parts
	s.Queued += o.Queued
	s.CacheRequested += o.CacheRequested
	s.CacheFound += o.CacheFound
	s.CacheStored += o.CacheStored
	s.CacheBytes += o.CacheBytes
}
