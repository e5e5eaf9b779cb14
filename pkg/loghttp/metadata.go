package loghttp

import "encoding/json"

// An IndexStatsResponse is the answer to /index/stats: how much the selected
// streams hold in an interval.
type IndexStatsResponse struct {
	Streams uint64 `json:"streams"`
	Chunks  uint64 `json:"chunks"`
	Bytes   uint64 `json:"bytes"` // of the lines
	Entries uint64 `json:"entries"`
}

// A DetectedLabel is a label that tells streams from each other.
type DetectedLabel struct {
	Label       string `json:"label"`
	Cardinality uint64 `json:"cardinality"` // values it has
}

// A DetectedLabelsResponse is the answer to /detected_labels.
type DetectedLabelsResponse struct {
	DetectedLabels []DetectedLabel `json:"detectedLabels,omitempty"`
}

// A DetectedField is a named value that was found in entries: in their
// structured metadata, or by a parser in their lines.
type DetectedField struct {
	Label       string `json:"label"`
	Type        string `json:"type"` // string, int, float, boolean, duration or bytes
	Cardinality uint64 `json:"cardinality"`
	// Parsers find the field in lines; nil for structured metadata.
	Parsers []string `json:"parsers"`
	// JSONPath is the keys that lead to the field of a JSON object.
	JSONPath []string `json:"jsonPath,omitempty"`
}

// A DetectedFieldsResponse is the answer to /detected_fields, or with Values
// the one to /detected_field/{name}/values.
type DetectedFieldsResponse struct {
	Fields []DetectedField `json:"fields,omitempty"`
	Values []string        `json:"values,omitempty"`
	Limit  int             `json:"limit,omitempty"` // 0 where nothing was found
}

// A PatternSample is how many lines had a pattern in one step. In JSON it is
// the pair of both.
type PatternSample struct {
	Seconds int64 // since the Unix epoch, where the step begins
	Count   int64
}

// MarshalJSON writes [seconds, count].
func (s PatternSample) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]int64{s.Seconds, s.Count})
}

// UnmarshalJSON is the reverse of MarshalJSON.
func (s *PatternSample) UnmarshalJSON(b []byte) error {
	var pair [2]int64
	if err := json.Unmarshal(b, &pair); err != nil {
		return malformedf("sample of a pattern: %v", err)
	}
	s.Seconds, s.Count = pair[0], pair[1]
	return nil
}

// A Pattern is the text that lines share, with <_> for what differs.
type Pattern struct {
	Pattern string          `json:"pattern"`
	Level   string          `json:"level"`
	Samples []PatternSample `json:"samples"` // by time
}

// A PatternsResponse is the answer to /patterns.
type PatternsResponse struct {
	Status string    `json:"status"`
	Data   []Pattern `json:"data"`
}

// A Shard is a part of the streams of a query, by their fingerprints.
type Shard struct {
	Bounds ShardBounds        `json:"bounds"`
	Stats  IndexStatsResponse `json:"stats"`
}

// ShardBounds are fingerprints, both included, as decimal numbers.
type ShardBounds struct {
	Min uint64 `json:"min,string"`
	Max uint64 `json:"max,string"`
}

// A ShardsResponse is the answer to /index/shards.
type ShardsResponse struct {
	Shards      []Shard    `json:"shards"`
	Statistics  Stats      `json:"statistics"`
	ChunkGroups []struct{} `json:"chunkGroups"`
}
