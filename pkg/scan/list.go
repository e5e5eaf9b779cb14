package scan

// MaxListValues is how many distinct values of a field are told. A field with more
// has many.
const MaxListValues = 1 << 12

// A FieldList asks which fields rows have, and with which values: their structured
// metadata, and what the json stage finds in a line, or the logfmt stage where json
// cannot read it. A source that can tell without looking at lines does so, in
// [Batch.Found], and leaves out the lines and metadata of the rows that it told all
// of, though they are wanted; one that cannot ignores the question.
type FieldList struct {
	// Taken are labels that all streams of the block have: a field of that name has
	// the suffix _extracted. Disputed are those that only some have: a row that has such
	// a field is left to the reader.
	Taken, Disputed []string
	// Only, if not empty, is the name of the one field that matters.
	Only string
	// Closed are fields that no more is wanted of.
	Closed map[FieldName]bool
}

// A FieldName is a field as some parser finds it; metadata has NoParser.
type FieldName struct {
	Name   string
	Parser Parser
}

// FoundFields are those of the rows of a batch.
type FoundFields struct {
	Fields []FoundField
	// Unread are the rows that say more; nil is none. They have lines and metadata.
	Unread *Bitset
}

// A FoundField is one field.
type FoundField struct {
	FieldName
	// Values are the distinct ones that rows have, none of them empty, in no order, or
	// some of them where they are too Many.
	Values []string
	Many   bool
	// Example is, for the parser JSON, a line that has the member of that name.
	Example string
}
