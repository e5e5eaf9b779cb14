package querier

import (
	"context"
	"fmt"
	"time"

	"github.com/skaldlogs/skald/pkg/fields"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/scan"
)

// What a pattern is.
//
// The shape of a line is its text without what looks like a variable, as blocks of
// the store keep it ([block.Shaper]), with slots where the variables were. Of the
// value in a slot the word counts: what is left when numbers and the like are taken
// out of it. So a shape has words in each slot, and
//
//   - a slot with one word has it in all patterns of the shape;
//   - slots with a few words tell patterns apart, as long as enough lines have each;
//   - all other slots are <_>.
//
// Whatever is decided is decided about all lines of the answer, once all are known,
// or by a bound that more lines never take back. So it makes no difference in which
// order lines come and what they are stored as, and the counts are exact.
//
// Lines are read twice: first for the words of the slots (shapeBook), then for how
// often which of them go together (shapeCounter). Both are asked of blocks as
// templates and columns, and worked out line by line only where a block has no
// templates, or in memory that is no block yet. What is left is arithmetic
// (patternsOf).
const (
	minPatternCount = 30  // lines that make a pattern
	maxPatterns     = 300 // of an answer
)

// variable is what a pattern has in place of what differs between lines.
const variable = "<_>"

// Patterns returns the patterns of the selected streams' lines, the most
// frequent first, and how many lines each has in every step.
func (q *Querier) Patterns(ctx context.Context, tenants []string, req *scan.Request, step time.Duration) ([]loghttp.Pattern, error) {
	step = max(step, time.Second) // samples have whole seconds
	var out []loghttp.Pattern
	err := q.survey(ctx, tenants, req, func(ctx context.Context, s *engine.Survey) error {
		book := newShapeBook()
		readers, err := engine.Read(ctx, s, true, func(int) scan.Want {
			return scan.Want{Columns: scan.Lines, Shapes: &scan.Shapes{Closed: book.closed()}}
		}, func() *shapeReader { return &shapeReader{book: book} })
		if err != nil {
			return err
		}
		for _, r := range readers {
			r.flush()
		}
		p := book.plan(int64(step))
		counters, err := engine.Read(ctx, s, false, func(int) scan.Want {
			return scan.Want{Columns: scan.Lines, Shapes: &scan.Shapes{Closed: p.closed}, Fields: levelField}
		}, func() *shapeCounter { return newShapeCounter(p) })
		if err != nil {
			return err
		}
		total := counters[0]
		for _, c := range counters[1:] {
			total.merge(c)
		}
		if total.unknown > 0 && !s.Damaged() {
			return fmt.Errorf("count patterns: %d lines were not there before", total.unknown)
		}
		out = total.patterns()
		return nil
	})
	return out, err
}

// levelField asks for the level of entries.
var levelField = &scan.Fields{
	Fields:  []scan.Field{{Name: fields.DetectedLevel, Metadata: true}},
	Vectors: []scan.VectorWant{{Field: 0, As: scan.Text}},
}

// levelOf is the level of a pattern whose lines say so. What is no level that people
// know by name is unknown, so that there are few.
func levelOf(text string) string {
	if text == "" {
		return ""
	}
	if level, ok := fields.LevelWord(text); ok {
		return level
	}
	return fields.LevelUnknown
}
