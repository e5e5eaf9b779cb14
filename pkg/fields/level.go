package fields

import (
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// The levels that words are normalised to. Levels from labels and metadata may
// also be any other text.
const (
	LevelTrace    = "trace"
	LevelDebug    = "debug"
	LevelInfo     = "info"
	LevelWarn     = "warn"
	LevelError    = "error"
	LevelCritical = "critical"
	LevelFatal    = "fatal"
	LevelUnknown  = "unknown"
)

// DetectedLevel is the name of the structured metadata that holds an entry's level.
const DetectedLevel = "detected_level"

// severityNumber is the name OpenTelemetry's number of a severity is stored under.
const severityNumber = "severity_number"

// A LevelDetector finds the level of entries. The sources are asked in this
// order, and the first that knows ends the search:
//
//	metadata detected_level     what the client says
//	stream labels               by the listed names, in their order
//	metadata                    by the listed names, in their order
//	metadata severity_number    OpenTelemetry's scale of 1 to 24
//	the line as JSON            the first string member of a listed name
//	the line as logfmt          the pair whose name is listed first
//	the line as text            the first keyword that stands alone
//
// Labels and metadata may hold any word and it is kept; a word in a line counts
// only if it is one of those that [LevelWord] knows.
type LevelDetector struct {
	names   []string
	json    nameSet // exact
	logfmt  nameSet // without regard to case
	hints   *nameHints
	maxDeep int // of objects in a JSON line; the outermost is 1
}

// NewLevelDetector returns a detector that takes a level from labels, metadata
// and fields of the given names, preferred first. In a JSON line it looks into
// objects nested up to jsonMaxDepth deep, the outermost counting as one; zero
// or less means no bound.
func NewLevelDetector(names []string, jsonMaxDepth int) *LevelDetector {
	if jsonMaxDepth <= 0 || jsonMaxDepth > maxJSONDepth {
		jsonMaxDepth = maxJSONDepth
	}
	return &LevelDetector{
		names:   names,
		json:    newNameSet(names, false),
		logfmt:  newNameSet(names, true),
		hints:   newNameHints(names),
		maxDeep: jsonMaxDepth,
	}
}

// FromLabels returns the level that a stream's labels give all of its entries,
// and whether they give one. It is meant to be asked once for each stream.
func (d *LevelDetector) FromLabels(lbls labels.Labels) (string, bool) {
	for _, name := range d.names {
		if v := lbls.Get(name); v != "" {
			return normalLevel(v), true
		}
	}
	return "", false
}

// Detect returns the level of an entry. streamLevel and hasStreamLevel are what
// FromLabels said of its stream. The result is never empty.
func (d *LevelDetector) Detect(streamLevel string, hasStreamLevel bool, md model.Metadata, line string) string {
	if len(md) == 0 {
		if hasStreamLevel {
			return streamLevel
		}
		return d.FromLine(line)
	}
	if v := metadataValue(md, DetectedLevel); v != "" {
		return normalLevel(v)
	}
	if hasStreamLevel {
		return streamLevel
	}
	if v := d.fromMetadata(md); v != "" {
		return normalLevel(v)
	}
	if v := metadataValue(md, severityNumber); v != "" {
		return severityLevel(v)
	}
	return d.FromLine(line)
}

// FromLine returns the level that a line tells by itself, or [LevelUnknown].
func (d *LevelDetector) FromLine(line string) string {
	if start, end, ok := jsonObject(line); ok {
		if v, ok := d.fromJSON(line[start:end]); ok {
			if level, known := LevelWord(v); known {
				return level
			}
			return keywordLevel(line)
		}
	}
	if strings.IndexByte(line, '=') >= 0 {
		if v := d.fromLogfmt(line); v != "" {
			if level, known := LevelWord(v); known {
				return level
			}
		}
	}
	return keywordLevel(line)
}

// fromMetadata returns the value of the pair whose name is listed first.
func (d *LevelDetector) fromMetadata(md model.Metadata) string {
	best, value := len(d.names), ""
	for _, l := range md {
		if i, ok := d.json.find(l.Name); ok && i < best && l.Value != "" {
			best, value = i, l.Value
		}
	}
	return value
}

// glanceAfter is how far into a line its fields are read before the rest is
// glanced at for names: levels mostly stand early, or nowhere.
const glanceAfter = 96

// fromJSON returns the first string member with a listed name, in the order of
// the text. object starts with a brace.
func (d *LevelDetector) fromJSON(object string) (string, bool) {
	w := jsonWalk{text: object, maxDepth: d.maxDeep}
	for far := false; w.next(); {
		if !far && w.keyStart > glanceAfter {
			if far = true; !d.hints.inJSON(object[w.keyStart:]) {
				break
			}
		}
		if w.kind != jsonString {
			continue
		}
		if _, ok := d.json.find(w.key()); ok {
			return w.value(), true
		}
	}
	return "", false
}

// fromLogfmt returns the value of the pair whose name is listed first, the
// first of several with that name. Pairs without a value do not count.
func (d *LevelDetector) fromLogfmt(line string) string {
	best, value := len(d.names), ""
	for far, s := false, (logfmtScan{text: line}); s.next(); {
		if !far && s.keyStart > glanceAfter {
			if far = true; !d.hints.in(line[s.keyStart:]) {
				break
			}
		}
		if i, ok := d.logfmt.find(s.key); ok && i < best && s.raw != "" {
			best, value = i, s.value()
			if best == 0 {
				break
			}
		}
	}
	return value
}

// LevelWord returns the level that a word means, whatever its case, and
// whether it means one.
func LevelWord(word string) (string, bool) {
	switch len(word) {
	case 3:
		switch {
		case asciiEqualFold(word, "err"):
			return LevelError, true
		case asciiEqualFold(word, "inf"):
			return LevelInfo, true
		case asciiEqualFold(word, "wrn"):
			return LevelWarn, true
		case asciiEqualFold(word, "dbg"):
			return LevelDebug, true
		case asciiEqualFold(word, "trc"):
			return LevelTrace, true
		}
	case 4:
		switch {
		case asciiEqualFold(word, LevelInfo):
			return LevelInfo, true
		case asciiEqualFold(word, LevelWarn):
			return LevelWarn, true
		}
	case 5:
		switch {
		case asciiEqualFold(word, LevelError):
			return LevelError, true
		case asciiEqualFold(word, LevelDebug):
			return LevelDebug, true
		case asciiEqualFold(word, LevelTrace):
			return LevelTrace, true
		case asciiEqualFold(word, LevelFatal):
			return LevelFatal, true
		}
	case 7:
		if asciiEqualFold(word, "warning") {
			return LevelWarn, true
		}
	case 8:
		if asciiEqualFold(word, LevelCritical) {
			return LevelCritical, true
		}
	case 11:
		if asciiEqualFold(word, "information") {
			return LevelInfo, true
		}
	}
	return "", false
}

// normalLevel is LevelWord for sources that may hold any word.
func normalLevel(word string) string {
	if level, ok := LevelWord(word); ok {
		return level
	}
	return word
}

// severityLevel reads a number on OpenTelemetry's scale, four steps a level.
// Text that is no number is taken for information, as Loki does.
func severityLevel(text string) string {
	n, err := strconv.Atoi(text)
	if err != nil {
		if isInteger(text) {
			return LevelUnknown
		}
		return LevelInfo
	}
	switch {
	case n < 1 || n > 24:
		return LevelUnknown
	case n <= 4:
		return LevelTrace
	case n <= 8:
		return LevelDebug
	case n <= 12:
		return LevelInfo
	case n <= 16:
		return LevelWarn
	case n <= 20:
		return LevelError
	default:
		return LevelFatal
	}
}

// isInteger reports whether text is digits behind at most one sign: numbers too
// large for an int are numbers still.
func isInteger(text string) bool {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// metadataValue returns the first value of that name, or nothing.
func metadataValue(md model.Metadata, name string) string {
	for i := range md {
		if md[i].Name == name {
			return md[i].Value
		}
	}
	return ""
}
