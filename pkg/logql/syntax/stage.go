package syntax

import "github.com/prometheus/prometheus/model/labels"

// A Stage is one step of a pipeline. A [*LineFilter] and every [LabelFilter]
// keep an entry or drop it; all other stages change what an entry holds, and
// drop none. Of those, [*LineFormat], [*UnpackParser] and [*Decolorize] change
// the line.
type Stage interface {
	Node
	stage()
}

// A LineFilter keeps entries by the text of their line.
type LineFilter struct {
	node
	Op LineFilterOp
	// Args are alternatives, of which one suffices. Operators that exclude have
	// exactly one: `!= "a" or "b"` parses to two filters.
	Args []LineFilterArg
}

// A LineFilterArg is what a [LineFilter] looks for.
type LineFilterArg struct {
	Text string
	IP   bool // Text is an address, a CIDR block or a range of addresses
}

// LineFilterOp is the operator of a [LineFilter].
type LineFilterOp string

// The operators of line filters.
const (
	LineContains   LineFilterOp = "|="
	LineExcludes   LineFilterOp = "!="
	LineMatches    LineFilterOp = "|~" // regular expression, anywhere in the line
	LineRejects    LineFilterOp = "!~"
	LinePattern    LineFilterOp = "|>" // pattern, over the whole line
	LineNotPattern LineFilterOp = "!>"
)

// Excludes reports whether op keeps the lines in which nothing is found.
func (op LineFilterOp) Excludes() bool { return op[0] == '!' }

// A JSONParser makes labels of the members of a JSON object.
type JSONParser struct {
	node
	Fields []Extraction // empty takes all members
}

// A LogfmtParser makes labels of key=value pairs.
type LogfmtParser struct {
	node
	Strict    bool // stop at what is not a pair, and say so
	KeepEmpty bool // keep keys without a value
	Fields    []Extraction
}

// An Extraction sets a label from a path (json) or a key (logfmt).
type Extraction struct {
	Label, Path string
}

// A RegexpParser makes labels of the named groups of a regular expression,
// which is valid and has at least one.
type RegexpParser struct {
	node
	Regexp string
}

// A PatternParser makes labels of the captures of a pattern, which is valid and
// has at least one with a name.
type PatternParser struct {
	node
	Pattern string
}

// An UnpackParser undoes the agent's pack stage.
type UnpackParser struct{ node }

// A LineFormat replaces the line by the result of a template.
type LineFormat struct {
	node
	Template string
}

// A LabelFormat renames labels and sets them from templates, in order.
type LabelFormat struct {
	node
	Items []LabelFormatItem
}

// A LabelFormatItem sets Label, from a template or by renaming another.
type LabelFormatItem struct {
	Label    string
	Source   string // the label to rename, or the template
	Template bool
}

// A Decolorize removes ANSI escape sequences from the line.
type Decolorize struct{ node }

// A Drop removes labels.
type Drop struct {
	node
	Labels []LabelChoice
}

// A Keep removes all labels but some.
type Keep struct {
	node
	Labels []LabelChoice
}

// A LabelChoice names a label, always or only for some of its values.
type LabelChoice struct {
	Name    string
	Matcher *labels.Matcher // nil chooses the label whatever its value
}

func (*LineFilter) stage()    {}
func (*JSONParser) stage()    {}
func (*LogfmtParser) stage()  {}
func (*RegexpParser) stage()  {}
func (*PatternParser) stage() {}
func (*UnpackParser) stage()  {}
func (*LineFormat) stage()    {}
func (*LabelFormat) stage()   {}
func (*Decolorize) stage()    {}
func (*Drop) stage()          {}
func (*Keep) stage()          {}
