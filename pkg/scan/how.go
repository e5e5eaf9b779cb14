package scan

// How says what a source had to look at to answer the filters and fields of a
// batch. It is for counters and tests: the answer is the same either way.
type How uint8

// The ways to answer, the most work first.
const (
	ByRows    How = iota // lines were looked at, or there was nothing to answer
	ByColumns            // columns were read, but no line was made
	BySchema             // what is known of the whole block was enough
)
