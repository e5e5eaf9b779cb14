package loghttp

import "time"

// AppendLegacyStreams appends the answer to /api/prom/query, and returns it.
func AppendLegacyStreams(dst []byte, streams Streams) []byte {
	dst = append(dst, `{"streams":`...)
	dst = appendLegacyList(dst, streams)
	return append(dst, `,"stats":{}}`+"\n"...)
}

func appendLegacyList(dst []byte, streams Streams) []byte {
	dst = append(dst, '[')
	for i := range streams {
		s := &streams[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"labels":`...)
		dst = AppendString(dst, s.Labels.String())
		dst = append(dst, `,"entries":[`...)
		for j := range s.Entries {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"ts":"`...)
			dst = time.Unix(0, s.Entries[j].Timestamp).UTC().AppendFormat(dst, time.RFC3339Nano)
			dst = append(dst, `","line":`...)
			dst = AppendString(dst, s.Entries[j].Line)
			dst = append(dst, '}')
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, ']')
}

// AppendLegacyValues appends the answer to /api/prom/label and
// /api/prom/label/{name}/values, and returns it.
func AppendLegacyValues(dst []byte, names []string) []byte {
	dst = append(dst, '{')
	if len(names) > 0 {
		dst = append(dst, `"values":`...)
		dst = appendStrings(dst, names)
	}
	return append(dst, "}\n"...)
}

// AppendLegacyTail appends a frame of /api/prom/tail, and returns it.
func AppendLegacyTail(dst []byte, f *TailFrame) []byte {
	dst = append(dst, `{"streams":`...)
	dst = appendLegacyList(dst, f.Streams)
	dst = append(dst, `,"dropped_entries":`...)
	if len(f.Dropped) == 0 {
		return append(dst, "null}"...)
	}
	dst = append(dst, '[')
	for i, d := range f.Dropped {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"timestamp":"`...)
		dst = time.Unix(0, d.Timestamp).UTC().AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, `","labels":`...)
		dst = AppendString(dst, d.Labels.String())
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}
