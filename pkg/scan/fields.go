package scan

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
)

// Fields asks about labels that rows have beside those of their stream: their
// structured metadata, and what a parser finds in their lines.
//
// A source that can tell them from its columns does so without making a line.
// It answers for the block, and says for which rows it does not know: those, and
// all rows if it answers nothing, come with line and metadata, for the stages to
// run. So a source may know as much or as little as it likes.
type Fields struct {
	Parser Parser
	// Parts are those of the pattern, for the parser Pattern.
	Parts []extract.PatternPart
	// Expr is the regular expression, for the parser Regexp.
	Expr string
	// Extractions, if there are some, are the only labels of the parsers JSON and Logfmt.
	Extractions []Extraction
	// Strict ends the reading at what is no pair, and KeepEmpty keeps keys without a
	// value: of Logfmt.
	Strict, KeepEmpty bool
	// Fields are the labels that Where and Vectors refer to.
	Fields []Field
	// Where is the predicate that rows must pass; nil keeps all.
	Where *Predicate
	// Vectors are the columns wanted back, in [Answer.Vectors].
	Vectors []VectorWant
	// All says that stages look at every label that the parser finds, so that one of
	// which the text cannot be read makes the row unsure, be it among Fields or not.
	All bool
}

// A Parser is a way to find labels in lines. It is the stage of that name, as
// packages extract and grep have it.
type Parser uint8

// The parsers.
const (
	NoParser  Parser = iota // the line has no labels; only metadata counts
	JSON                    // the members of an object, the names of nested ones joined by _
	Logfmt                  // pairs that have a value
	Pattern                 // captures
	Regexp                  // the named groups of an expression
	parserEnd               // not one
)

// Valid reports whether p is a known parser.
func (p Parser) Valid() bool { return p < parserEnd }

// An Extraction is a label of what is at a path, of JSON, or has a key, of logfmt.
type Extraction struct{ Label, Path string }

// A Field is a label of a row: the structured metadata of that name, else what the
// parser finds under it, else none. The name has no suffix _extracted, and the streams
// of the rows have no label of that name.
type Field struct {
	Name string
	// Metadata leaves the parser out: it is the label before that stage.
	Metadata bool
}

// ErrorField names the label by which stages tell that they could not read a line.
// As a field, it is that of the parser.
const ErrorField = "__error__"

// A Predicate is a tree of conditions on fields. Conditions are asked in their
// order, and only as far as needed; but of an And in an Or, all are. A condition that
// compares a field's meaning where its text has none leaves the row to the stages.
type Predicate struct {
	Op PredicateOp
	// Subs are what And and Or join. Of none, And holds and Or does not.
	Subs []Predicate
	// Field is the index of what other conditions look at.
	Field int
	// Matcher is the condition of Text on its name's field; of a row without the
	// field, the text is empty. That of Address is equal or not equal, and its value is
	// what extract.NewAddresses reads; a row without the field fails.
	Matcher *labels.Matcher
	// Compare and Value are the condition of Number, Duration (in seconds) and
	// Bytes; a row without the field fails.
	Compare Compare
	Value   float64
}

// PredicateOp is the kind of a [Predicate].
type PredicateOp uint8

// The kinds of predicates.
const (
	And PredicateOp = iota
	Or
	Text     // the text of the field matches
	Number   // the field as a number, see extract.Number
	Duration // the field as a duration, see extract.Duration
	Bytes    // the field as a size, see extract.Bytes
	Address  // the field is an address of some
)

// Compare is an operator between numbers.
type Compare uint8

// The operators.
const (
	Equal Compare = iota
	NotEqual
	Greater
	GreaterOrEqual
	Less
	LessOrEqual
)

// Holds reports whether a compares with b in that way.
func (c Compare) Holds(a, b float64) bool {
	switch c {
	case Equal:
		return a == b
	case NotEqual:
		return a != b
	case Greater:
		return a > b
	case GreaterOrEqual:
		return a >= b
	case Less:
		return a < b
	default:
		return a <= b
	}
}

// Convert is what a text means to a condition of the kind Number, Duration or Bytes.
func (op PredicateOp) Convert(text string) (float64, error) {
	switch op {
	case Duration:
		return extract.Duration(text)
	case Bytes:
		return extract.Bytes(text)
	default:
		return extract.Number(text)
	}
}

// NoField in a [VectorWant] wants an empty vector.
const NoField = -1

// A VectorWant asks for one field of all rows: as Text, or as what its text means
// (Number, Duration, Bytes).
type VectorWant struct {
	Field int
	As    PredicateOp
}

// An Answer is what a source knows of the fields of a batch.
type Answer struct {
	// Unsure are the selected rows for which it does not: of these nothing below is
	// right. Nil is none.
	Unsure *Bitset
	// Vectors are what was wanted, of the selected rows that are not unsure.
	Vectors []Vector
}

// A Vector is one field of the rows of a batch.
type Vector struct {
	// Codes are, of a text, by row: which of Values it is. Values[0] is empty: the
	// text of rows without the field. Other values may be empty or equal, too.
	Codes  []uint32
	Values []string
	// Numbers are, of anything else, by row: its value. It is of no meaning where
	// Absent has the row: it has no field, or its text is empty. Absent is nil where
	// all have one.
	Numbers []float64
	Absent  *Bitset
}
