package plan

import (
	"strings"
	"unicode/utf8"

	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// PushFilters takes from stages the line filters that storage may evaluate, and
// returns them beside the stages that are left. Rows that pass both are those
// that pass stages.
//
// A filter can be taken as long as no stage before it changes the line: parsers
// and label filters neither change it nor depend on which rows come.
func PushFilters(stages []syntax.Stage) (filters []scan.LineFilter, rest []syntax.Stage) {
	same := true // the line is still the one stored
	for _, s := range stages {
		switch s := s.(type) {
		case *syntax.LineFormat, *syntax.UnpackParser, *syntax.Decolorize:
			same = false
		case *syntax.LineFilter:
			if f, ok := scanFilter(s); ok && same {
				filters = append(filters, f)
				continue
			}
		}
		rest = append(rest, s)
	}
	return filters, rest
}

// scanFilter is f in the words of a scan, if it has a form there.
func scanFilter(f *syntax.LineFilter) (scan.LineFilter, bool) {
	var op scan.FilterOp
	switch f.Op {
	case syntax.LineContains:
		op = scan.Contains
	case syntax.LineExcludes:
		op = scan.Excludes
	case syntax.LineMatches:
		op = scan.Matches
	case syntax.LineRejects:
		op = scan.Rejects
	default:
		return scan.LineFilter{}, false
	}
	for _, a := range f.Args {
		if a.IP {
			return scan.LineFilter{}, false
		}
	}
	if len(f.Args) == 1 {
		return scan.LineFilter{Op: op, Text: f.Args[0].Text}, true
	}
	return oneOf(op, f.Args)
}

// oneOf is a filter for several alternatives: one regular expression.
func oneOf(op scan.FilterOp, args []syntax.LineFilterArg) (scan.LineFilter, bool) {
	texts := make([]string, len(args))
	for i, a := range args {
		switch op {
		case scan.Contains:
			// To a regular expression all bytes that are not UTF-8 look alike.
			if !utf8.ValidString(a.Text) || strings.ContainsRune(a.Text, utf8.RuneError) {
				return scan.LineFilter{}, false
			}
			texts[i] = regexp.QuoteMeta(a.Text)
		case scan.Matches:
			texts[i] = "(?:" + a.Text + ")"
		default:
			return scan.LineFilter{}, false
		}
	}
	return scan.LineFilter{Op: scan.Matches, Text: strings.Join(texts, "|")}, true
}
