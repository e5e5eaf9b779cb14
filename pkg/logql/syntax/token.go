package syntax

// kind is what a token is.
type kind uint8

const (
	tokEnd kind = iota
	tokIdent
	tokString
	tokNumber
	tokDuration
	tokBytes
	tokRange // the text between [ and ]
	tokFlag  // --name
	tokPunct // operators and brackets, told apart by their text
	tokWord  // a reserved word, in lower case
)

// A token is a piece of the query. For strings, text is what the string holds;
// for ranges, what stands between the brackets; for reserved words, the word in
// lower case; otherwise the source.
type token struct {
	kind kind
	pos  Pos
	end  Pos
	text string
}

// is reports whether t is the punctuation or the reserved word text.
func (t token) is(text string) bool {
	return (t.kind == tokPunct || t.kind == tokWord) && t.text == text
}

// isAny reports whether t is one of the punctuations or reserved words.
func (t token) isAny(texts ...string) bool {
	for _, s := range texts {
		if t.is(s) {
			return true
		}
	}
	return false
}

// name is how error messages call t.
func (t token) name() string {
	switch t.kind {
	case tokEnd:
		return "$end"
	case tokIdent:
		return "IDENTIFIER"
	case tokString:
		return "STRING"
	case tokNumber:
		return "NUMBER"
	case tokDuration:
		return "DURATION"
	case tokBytes:
		return "BYTES"
	case tokRange:
		return "RANGE"
	case tokFlag:
		return "FUNCTION_FLAG"
	default:
		return t.text
	}
}

// reserved are the words that are never the name of a label, in any case.
var reserved = map[string]bool{
	"by": true, "without": true, "on": true, "ignoring": true, "group_left": true, "group_right": true,
	"bool": true, "and": true, "or": true, "unless": true, "offset": true, "unwrap": true,
	"json": true, "logfmt": true, "regexp": true, "pattern": true, "unpack": true,
	"label_format": true, "line_format": true, "decolorize": true, "drop": true, "keep": true,
	"variants": true, "of": true,
}

// functions are the words that call something when a parenthesis or a grouping
// follows, and are ordinary names elsewhere.
var functions = func() map[string]bool {
	m := map[string]bool{"label_replace": true, "vector": true}
	for op := range rangeOps {
		m[string(op)] = true
	}
	for op := range vectorOps {
		m[string(op)] = true
	}
	return m
}()

// stageWords are the words that may follow a pipe, for suggestions.
var stageWords = []string{
	"json", "logfmt", "regexp", "pattern", "unpack", "line_format", "label_format", "decolorize", "drop", "keep", "unwrap",
}
