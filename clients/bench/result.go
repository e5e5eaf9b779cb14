package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A Report is what was measured on one corpus.
type Report struct {
	Version int       `json:"version"` // of this form
	Corpus  Corpus    `json:"corpus"`
	Results []*Result `json:"results"`
}

// reportVersion is the only one so far.
const reportVersion = 1

// NewReport returns an empty one.
func NewReport(c Corpus) *Report { return &Report{Version: reportVersion, Corpus: c} }

// A Result is what was measured on one server.
type Result struct {
	Server  string    `json:"server"`
	Kind    string    `json:"kind"`
	Ingest  *Ingest   `json:"ingest,omitempty"`
	Queries []*Timing `json:"queries,omitempty"`
	// PeakBytes is the most memory that the process has had, at the end. 0: not known.
	PeakBytes int64 `json:"peak_bytes,omitempty"`
}

// An Ingest is what taking the corpus took. What is 0 is not known. At rest means
// flushed and idle.
type Ingest struct {
	Entries        int64   `json:"entries"`
	Bytes          int64   `json:"bytes"` // of lines
	SentBytes      int64   `json:"sent_bytes"`
	Seconds        float64 `json:"seconds"`      // to the last acknowledgement; making the lines counts
	CPUSeconds     float64 `json:"cpu_seconds"`  // of the server, to the last acknowledgement
	RSSBytes       int64   `json:"rss_bytes"`    // then
	RestSeconds    float64 `json:"rest_seconds"` // until at rest
	RestCPUSeconds float64 `json:"rest_cpu_seconds"`
	RestRSSBytes   int64   `json:"rest_rss_bytes"`
	PeakBytes      int64   `json:"peak_bytes"` // the most memory so far
	DiskBytes      int64   `json:"disk_bytes"` // at rest
	Retries        int64   `json:"retries"`
	Missing        int64   `json:"missing"` // entries that it does not count
}

// A Timing is what a query took, in milliseconds.
type Timing struct {
	Name   string  `json:"name"`
	Text   string  `json:"text"`
	First  float64 `json:"first_ms"`
	Median float64 `json:"median_ms"` // of the later runs, as are Min and Max
	Min    float64 `json:"min_ms"`
	Max    float64 `json:"max_ms"`
	CPU    float64 `json:"cpu_ms"` // of the server, for each run
	Runs   int     `json:"runs"`
	Bytes  int     `json:"bytes"` // of the answer's body
	Error  string  `json:"error,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
}

// timing is that of a query; nil if it was not put.
func (r *Result) timing(name string) *Timing {
	for _, t := range r.Queries {
		if t != nil && t.Name == name {
			return t
		}
	}
	return nil
}

// Write writes a report as JSON.
func (r *Report) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// ReadReport reads what Write wrote.
func ReadReport(body io.Reader) (*Report, error) {
	var r Report
	if err := json.NewDecoder(body).Decode(&r); err != nil {
		return nil, err
	}
	if r.Version != reportVersion {
		return nil, fmt.Errorf("a report of version %d: this program knows %d", r.Version, reportVersion)
	}
	if err := r.Corpus.Validate(); err != nil {
		return nil, err
	}
	for i, result := range r.Results {
		if result == nil || result.Server == "" {
			return nil, fmt.Errorf("result %d has no server", i)
		}
	}
	return &r, nil
}

// Merge adds the results of another report. Both are about the same corpus. The
// queries of a server may be in one report and its ingest in the other.
func (r *Report) Merge(other *Report) error {
	if r.Corpus.key() != other.Corpus.key() {
		return errors.New("the reports are of different logs: size, streams, seed, start and metadata must be the same")
	}
next:
	for _, add := range other.Results {
		for _, have := range r.Results {
			if have.Server == add.Server {
				if have.Ingest != nil && add.Ingest != nil || len(have.Queries) > 0 && len(add.Queries) > 0 {
					return fmt.Errorf("server %s is in two reports: give servers names of their own", add.Server)
				}
				if have.Ingest == nil {
					have.Ingest = add.Ingest
				}
				have.Queries = append(have.Queries, add.Queries...)
				have.PeakBytes = max(have.PeakBytes, add.PeakBytes)
				continue next
			}
		}
		r.Results = append(r.Results, add)
	}
	return nil
}

// key is comparable, which a time as it is read from JSON is not.
func (c Corpus) key() [5]int64 {
	k := [5]int64{int64(c.Seed), c.Size, int64(c.Streams), c.Start.UnixNano()}
	if c.Metadata {
		k[4] = 1
	}
	return k
}
