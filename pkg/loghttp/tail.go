package loghttp

import (
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
	Dropped []DroppedEntry
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
	if f.Categorized {
		dst = append(dst, `,"encodingFlags":["`+CategorizeLabels+`"]`...)
	}
	return append(dst, '}')
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
