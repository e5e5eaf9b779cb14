package scan

// The limits on what is told of a shape.
const (
	// MaxShapeSlots is of how many slots of a shape the words may be asked.
	MaxShapeSlots = 32
	// MaxShapeWords is how many distinct words of a slot are told. A slot with more
	// has too many to tell.
	MaxShapeWords = 16
)

// Shapes asks for the shapes of lines: what they have in common with others of
// their kind. A source that knows shapes tells them in [Batch.Shapes], and leaves
// the lines out of which it does, though Lines are wanted; one that does not
// ignores the question.
type Shapes struct {
	// Closed says of which slots the words are not wanted: by the text of the shape,
	// a bit for each slot. Words of shapes that it does not know are wanted of all.
	Closed map[string]uint32
}

// A ShapeList is the shapes of the lines of a batch.
type ShapeList struct {
	// Shapes are those that occur.
	Shapes []Shape
	// Of is, by row, the number of its shape, counted from 1; 0 where the line is in
	// the batch instead.
	Of []uint32
	// Nth is, by row, which of the rows of its shape it is.
	Nth []uint32
}

// A Shape is lines that are equal but for what is in their slots.
type Shape struct {
	Text string // with a zero byte at each slot
	// Slots are the first of them, MaxShapeSlots at most.
	Slots []ShapeSlot
}

// A ShapeSlot is what the lines of a shape have in one slot. Of values that differ
// in numbers and the like the word is the same, and of a value that is nothing else
// it is a zero byte.
type ShapeSlot struct {
	// Words are the distinct words, in no order. It is nil where they are not wanted,
	// or are too many.
	Words []string
	Many  bool
	// Codes are, for each row of the shape, which of Words it has. Nil is the first.
	Codes []uint8
}
