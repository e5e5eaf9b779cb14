package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Pos is a place in a query, in bytes from its start. Nodes that were built
// rather than parsed have Pos 0.
type Pos int

// A ParseError says why a query is not LogQL, and where.
type ParseError struct {
	Pos  Pos    // first byte of what is wrong
	Line int    // of Pos, from 1
	Col  int    // of Pos in its line, in characters, from 1
	Msg  string // the reason, in one line

	query string
	end   Pos
	// whole marks errors about the meaning of a query, whose first line has no
	// place: the form that users of Loki know.
	whole bool
}

// newError returns an error about query[pos:end].
func newError(query string, pos, end Pos, msg string) *ParseError {
	pos = max(0, min(pos, Pos(len(query))))
	before := query[:pos]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return &ParseError{
		Pos:   pos,
		Line:  strings.Count(before, "\n") + 1,
		Col:   utf8.RuneCountInString(before[lineStart:]) + 1,
		Msg:   msg,
		query: query,
		end:   end,
	}
}

// maxExcerpt is how many bytes of a line an error shows on either side.
const maxExcerpt = 60

// Error is the reason, its line and column, that line, and a mark below the place.
func (e *ParseError) Error() string {
	head := fmt.Sprintf("parse error at line %d, col %d: %s", e.Line, e.Col, e.Msg)
	if e.whole {
		head = "parse error : " + e.Msg
	}
	switch {
	case e.query == "":
		return head
	case e.whole:
		return head + "\n" + e.place()
	}
	return head + "\n" + e.excerpt()
}

// Place shows where in a query something is: line, column, and a mark below it.
func Place(query string, pos Pos) string { return newError(query, pos, pos, "").place() }

func (e *ParseError) place() string {
	return fmt.Sprintf("at line %d, col %d:\n%s", e.Line, e.Col, e.excerpt())
}

// excerpt is the line of the query that holds Pos, cut to a readable width, and
// the mark.
func (e *ParseError) excerpt() string {
	start := strings.LastIndexByte(e.query[:e.Pos], '\n') + 1
	stop := len(e.query)
	if n := strings.IndexByte(e.query[e.Pos:], '\n'); n >= 0 {
		stop = int(e.Pos) + n
	}
	lead, tail := "", ""
	if cut := int(e.Pos) - maxExcerpt; cut > start {
		start, lead = cut, "…"
		for start < int(e.Pos) && !utf8.RuneStart(e.query[start]) {
			start++
		}
	}
	if cut := int(e.Pos) + maxExcerpt; cut < stop {
		stop, tail = cut, "…"
		for stop > int(e.Pos) && !utf8.RuneStart(e.query[stop]) {
			stop--
		}
	}
	var b strings.Builder
	b.WriteString(lead + e.query[start:stop] + tail + "\n")
	for _, r := range lead + e.query[start:e.Pos] {
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	width := 1
	if end := min(int(e.end), stop); end > int(e.Pos) {
		width = utf8.RuneCountInString(e.query[e.Pos:end])
	}
	b.WriteString(strings.Repeat("^", width))
	return b.String()
}
