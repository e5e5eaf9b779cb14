package logcli

import (
	"encoding/json"
	"hash/fnv"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

var timeFormats = map[string]string{
	"rfc3339": time.RFC3339, "rfc3339nano": time.RFC3339Nano, "rfc822z": time.RFC822Z, "rfc1123z": time.RFC1123Z,
	"stampmicro": time.StampMicro, "stampmilli": time.StampMilli, "stampnano": time.StampNano, "unixdate": time.UnixDate,
}

var timeFormatNames = []string{"rfc3339", "rfc3339nano", "rfc822z", "rfc1123z", "stampmicro", "stampmilli", "stampnano", "unixdate"}

// Escapes of ANSI terminals.
const (
	red   = "\x1b[31m"
	blue  = "\x1b[34m"
	reset = "\x1b[0m"
)

// setColours are for sets of labels.
var setColours = []string{"\x1b[32m", "\x1b[33m", "\x1b[35m", "\x1b[36m", "\x1b[91m", "\x1b[92m", "\x1b[93m", "\x1b[94m", "\x1b[95m", "\x1b[96m"}

// An entry is one with all its labels.
type entry struct {
	loghttp.Entry
	labels labels.Labels
}

// entriesOf returns the entries of all streams by time, and equal ones in the
// order of the answer.
func entriesOf(streams loghttp.Streams, forward bool) []entry {
	all := make([]entry, 0, streams.Entries())
	for i := range streams {
		for _, e := range streams[i].Entries {
			all = append(all, entry{e, streams[i].Labels})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		switch {
		case a.Timestamp == b.Timestamp:
			return 0
		case (a.Timestamp < b.Timestamp) == forward:
			return -1
		}
		return 1
	})
	return all
}

// commonLabels returns the labels that all streams have.
func commonLabels(streams loghttp.Streams) labels.Labels {
	if len(streams) == 0 {
		return labels.EmptyLabels()
	}
	b := labels.NewScratchBuilder(0)
	streams[0].Labels.Range(func(l labels.Label) {
		for i := range streams[1:] {
			if streams[1+i].Labels.Get(l.Name) != l.Value {
				return
			}
		}
		b.Add(l.Name, l.Value)
	})
	return b.Labels()
}

// A printer turns entries into text.
type printer struct {
	mode             string
	zone             *time.Location
	format           string
	colours, perSet  bool
	noLabels         bool
	include, exclude []string
	includeCommon    bool
	minWidth         int
}

func (p *printer) settle(f *flags, colours bool) {
	p.mode, p.format, p.zone = f.output, timeFormats[f.format], time.Local
	if f.zone == "UTC" {
		p.zone = time.UTC
	}
	p.colours, p.perSet = colours, f.coloured
	p.noLabels, p.include, p.exclude, p.includeCommon = f.noLabels, f.includeLabels, f.excludeLabels, f.includeCommon
	p.minWidth = f.labelsLength
}

// shown returns the labels of an entry that are printed with it.
func (p *printer) shown(ls, common labels.Labels) labels.Labels {
	b := labels.NewScratchBuilder(ls.Len())
	ls.Range(func(l labels.Label) {
		switch {
		case len(p.include) > 0 && !slices.Contains(p.include, l.Name),
			slices.Contains(p.exclude, l.Name),
			len(p.include) == 0 && !p.includeCommon && common.Has(l.Name):
			return
		}
		b.Add(l.Name, l.Value)
	})
	return b.Labels()
}

// append appends the entries, whose common labels are known, as text.
func (p *printer) append(dst []byte, entries []entry, common labels.Labels) []byte {
	if p.mode == "raw" {
		for i := range entries {
			dst = append(dst, entries[i].Line...)
			if !strings.HasSuffix(entries[i].Line, "\n") {
				dst = append(dst, '\n')
			}
		}
		return dst
	}
	if p.mode == "jsonl" {
		for i := range entries {
			dst = p.appendJSON(dst, &entries[i], common)
		}
		return dst
	}
	// Entries of a stream share their labels' text.
	texts := map[uint64]string{}
	width := p.minWidth
	text := func(ls labels.Labels) string {
		if p.noLabels {
			return ""
		}
		h := ls.Hash()
		t, ok := texts[h]
		if !ok {
			t = p.shown(ls, common).String()
			texts[h] = t
		}
		return t
	}
	for i := range entries {
		width = max(width, utf8.RuneCountInString(text(entries[i].labels)))
	}
	for i := range entries {
		e := &entries[i]
		dst = p.colour(dst, blue, time.Unix(0, e.Timestamp).In(p.zone).Format(p.format))
		dst = append(dst, ' ')
		if !p.noLabels {
			t := text(e.labels)
			padded := t + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(t)))
			dst = append(p.colour(dst, p.setColour(t), padded), ' ')
		}
		dst = append(dst, strings.TrimSpace(e.Line)...)
		dst = append(dst, '\n')
	}
	return dst
}

func (p *printer) appendJSON(dst []byte, e *entry, common labels.Labels) []byte {
	// The fields are in the order of their names, as in a map.
	var out struct {
		Labels    map[string]string `json:"labels,omitempty"`
		Line      string            `json:"line"`
		Timestamp string            `json:"timestamp"`
	}
	out.Line = e.Line
	out.Timestamp = time.Unix(0, e.Timestamp).In(p.zone).Format(time.RFC3339Nano)
	if !p.noLabels {
		out.Labels = p.shown(e.labels, common).Map()
	}
	text, err := json.Marshal(&out)
	if err != nil {
		return dst // strings and a map of them can always be written
	}
	if !p.noLabels && len(out.Labels) == 0 {
		dst = append(dst, `{"labels":{},`...)
		text = text[1:]
	}
	return append(append(dst, text...), '\n')
}

func (p *printer) colour(dst []byte, colour, text string) []byte {
	if !p.colours {
		return append(dst, text...)
	}
	dst = append(dst, colour...)
	dst = append(dst, text...)
	return append(dst, reset...)
}

// setColour is the colour for the text of a set of labels.
func (p *printer) setColour(text string) string {
	if !p.perSet {
		return red
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return setColours[h.Sum32()%uint32(len(setColours))]
}
