package loghttp

import (
	"encoding/json"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
)

// A DroppedEntry is one that a tail left out because its reader was too slow.
type DroppedEntry struct {
	Timestamp int64 // nanoseconds
	Labels    labels.Labels
}

// A TailFrame is one message of a tail.
type TailFrame struct {
	Streams Streams
	// Dropped are the first of the entries that were left out since the frame
	// before; DroppedCount is how many there were, or 0 where that is not told.
	Dropped      []DroppedEntry
	DroppedCount int
	// Categorized says that entries tell their labels by category.
	Categorized bool
}

// AppendTailFrame appends f as a message of /tail, and returns it.
func AppendTailFrame(dst []byte, f *TailFrame) []byte {
	dst = append(dst, `{"streams":`...)
	dst = f.Streams.appendTo(dst, f.Categorized)
	if len(f.Dropped) > 0 {
		dst = appendDropped(dst, f.Dropped)
	}
	if f.DroppedCount > 0 {
		dst = append(dst, `,"dropped_count":`...)
		dst = strconv.AppendInt(dst, int64(f.DroppedCount), 10)
	}
	if f.Categorized {
		dst = append(dst, `,"encodingFlags":["`+CategorizeLabels+`"]`...)
	}
	return append(dst, '}')
}

// DecodeTailFrame reads a message of /tail. An error wraps [ErrMalformed].
func DecodeTailFrame(message []byte) (*TailFrame, error) {
	var frame struct {
		Streams       json.RawMessage `json:"streams"`
		EncodingFlags []string        `json:"encodingFlags"`
		Dropped       []struct {
			Timestamp int64             `json:"timestamp,string"`
			Labels    map[string]string `json:"labels"`
		} `json:"dropped_entries"`
		DroppedCount int `json:"dropped_count"`
	}
	if err := json.Unmarshal(message, &frame); err != nil {
		return nil, malformedf("frame of a tail: %v", err)
	}
	f := &TailFrame{DroppedCount: frame.DroppedCount}
	for _, flag := range frame.EncodingFlags {
		f.Categorized = f.Categorized || flag == CategorizeLabels
	}
	for _, d := range frame.Dropped {
		f.Dropped = append(f.Dropped, DroppedEntry{Timestamp: d.Timestamp, Labels: labels.FromMap(d.Labels)})
	}
	if len(frame.Streams) == 0 || string(frame.Streams) == "null" {
		return f, nil
	}
	d := resultDecoder{r: jsonReader{buf: frame.Streams}}
	f.Streams = d.streams()
	d.r.end()
	return f, d.r.err
}

// appendDropped appends the entries that a tail left out.
func appendDropped(dst []byte, dropped []DroppedEntry) []byte {
	dst = append(dst, `,"dropped_entries":[`...)
	for i, d := range dropped {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"timestamp":"`...)
		dst = strconv.AppendInt(dst, d.Timestamp, 10)
		dst = append(dst, `","labels":`...)
		dst = appendLabels(dst, d.Labels)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
