package explain

import (
	"encoding/json"
	"time"
)

// A Query is how a query was answered, or would be.
type Query struct {
	Query   string   `json:"query"` // as it was understood
	Tenants []string `json:"tenants"`
	// Start, End and Step are what it is evaluated for, within the tenants' limits.
	// Step is 0 for logs and at one time.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Step  Seconds   `json:"stepSeconds,omitempty"`
	// Analyzed says that the query was run, and what it costs was measured.
	Analyzed bool    `json:"analyzed"`
	Split    *Split  `json:"split,omitempty"` // nil for a query that is not cut by time
	Scans    []*Step `json:"scans"`
	// Total is what was measured of the whole.
	Total    *Total   `json:"total,omitempty"`
	Warnings []string `json:"-"` // the answer has them where every answer has
}

// A Split is how a query is cut by time.
type Split struct {
	ExtentSeconds Seconds `json:"extentSeconds"`
	Extents       int     `json:"extents"`
	Kept          int     `json:"kept"`     // of them are answered by what was kept
	Keepable      int     `json:"keepable"` // of them have answers that may be kept
}

// A Step is one scan of a query: a leaf of its tree.
type Step struct {
	Query    string    `json:"query"`
	Runs     int       `json:"runs"` // parts of the query that need it
	Selector string    `json:"selector"`
	Start    time.Time `json:"start"` // of the rows, both included
	End      time.Time `json:"end"`
	// Storage decides LineFilters, and conditions on and values of Fields, where it
	// can; Stages are run on the rows that it returns.
	LineFilters []string `json:"lineFilters,omitempty"`
	Fields      []string `json:"fields,omitempty"`
	Stages      []string `json:"stages,omitempty"`
	Sources     []Source `json:"sources"`
	// Streams and Blocks are what the sources have of the selector and time.
	Streams     int     `json:"streams"`
	Blocks      int     `json:"blocks"`
	Skipped     []Skip  `json:"skipped,omitempty"`
	Reads       []Read  `json:"reads,omitempty"`
	OpenSeconds Seconds `json:"openSeconds"` // to find the blocks
	RunSeconds  Seconds `json:"runSeconds"`  // to read them, and to compute
}

// A Source is one place that was asked for blocks.
type Source struct {
	Name     string  `json:"name"`
	Segments int     `json:"segments,omitempty"` // of a store, that overlap the time
	Blocks   int     `json:"blocks"`             // that have rows of the selector and time
	Seconds  Seconds `json:"seconds"`
}

// A Skip is blocks, or segments, that were not read.
type Skip struct {
	Why      Reason `json:"why"`
	Blocks   int64  `json:"blocks,omitempty"`
	Segments int64  `json:"segments,omitempty"`
	Rows     int64  `json:"rows,omitempty"` // that they have, where that is known
}

// A Reason is why something was not read.
type Reason string

// The reasons.
const (
	OtherTimes    Reason = "the segment has no rows of this time"
	InMemory      Reason = "an ingester has the rows of the segment in memory"
	OtherRows     Reason = "the block has no rows of these streams at this time"
	NoWindow      Reason = "no window of the query has a row of the block"
	FromDirectory Reason = "counted from the directory"
	Enough        Reason = "the limit was reached"
	RuledOut      Reason = "what is known of the whole block rules all rows out"
	Damaged       Reason = "damaged"
)

// A Read is the blocks of which the same was read.
type Read struct {
	Columns string `json:"columns"`
	Fields  bool   `json:"fields"` // they were asked about fields
	Blocks  int64  `json:"blocks"`
	// Header, ByColumns and ByRows are Blocks by what it took to decide which rows count.
	Header       int64   `json:"header"`
	ByColumns    int64   `json:"byColumns"`
	ByRows       int64   `json:"byRows"`
	Rows         int64   `json:"rows"`     // that were looked at; without analysis, that the blocks have
	Selected     int64   `json:"selected"` // of them, by storage
	ReadBytes    int64   `json:"readBytes"`
	DecodedBytes int64   `json:"decodedBytes"`
	Seconds      Seconds `json:"seconds"` // of all workers together
}

// A Total is what a query cost as a whole.
type Total struct {
	Seconds      Seconds `json:"seconds"`
	QueueSeconds Seconds `json:"queueSeconds"` // of all parts together
	Parts        int64   `json:"parts"`
	Rows         int64   `json:"rows"`
	RowsKept     int64   `json:"rowsKept"` // behind all stages
	Duplicates   int64   `json:"duplicates"`
	ReadBytes    int64   `json:"readBytes"`
	DecodedBytes int64   `json:"decodedBytes"`
	Results      int64   `json:"results"` // entries or points
}

// Seconds is a duration, in JSON a number of seconds.
type Seconds time.Duration

// MarshalJSON implements [json.Marshaler].
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// String is the duration for a person.
func (s Seconds) String() string {
	d := time.Duration(s)
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
