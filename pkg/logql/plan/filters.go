package plan

import (
	"strings"
	"unicode/utf8"

	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// PushFilters takes from stages the line filters that storage may evaluate, and
// returns them beside the stages that are left. Rows that pass both are those
// that pass stages.
//
// A filter can be taken as long as no stage before it changes the line: parsers
// and label filters neither change it nor depend on which rows come. A search for
// addresses stays, but the text that they have in common is looked for beside it.
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
			if text, ok := addressText(s); ok && same {
				filters = append(filters, scan.LineFilter{Op: scan.Contains, Text: text})
			}
		}
		rest = append(rest, s)
	}
	return filters, rest
}

// scanFilter is f in the words of a scan, if it has a form there: a text, or an
// expression that finds any of its arguments.
func scanFilter(f *syntax.LineFilter) (scan.LineFilter, bool) {
	if len(f.Args) == 1 && !f.Args[0].IP && (f.Op == syntax.LineContains || f.Op == syntax.LineExcludes) {
		op := scan.Contains
		if f.Op.Excludes() {
			op = scan.Excludes
		}
		return scan.LineFilter{Op: op, Text: f.Args[0].Text}, true
	}
	exprs := make([]string, len(f.Args))
	for i, a := range f.Args {
		expr, ok := expression(f.Op, a)
		if !ok {
			return scan.LineFilter{}, false
		}
		exprs[i] = expr
		if len(f.Args) > 1 {
			exprs[i] = "(?:" + expr + ")"
		}
	}
	op := scan.Matches
	if f.Op.Excludes() {
		op = scan.Rejects
	}
	return scan.LineFilter{Op: op, Text: strings.Join(exprs, "|")}, true
}

// addressText is a text in all lines that f finds, if that is a search for addresses.
func addressText(f *syntax.LineFilter) (string, bool) {
	if len(f.Args) != 1 || !f.Args[0].IP || f.Op != syntax.LineContains {
		return "", false
	}
	set, err := extract.NewAddresses(f.Args[0].Text)
	if err != nil {
		return "", false // compiling the stage tells
	}
	return set.CommonText()
}

// expression is a regular expression that finds what an argument of a line
// filter does. Addresses have none.
func expression(op syntax.LineFilterOp, a syntax.LineFilterArg) (string, bool) {
	switch {
	case a.IP:
		return "", false
	case op == syntax.LineMatches || op == syntax.LineRejects:
		return a.Text, true
	case op == syntax.LineContains || op == syntax.LineExcludes:
		return quote(a.Text)
	}
	parts, err := syntax.ParseLinePattern(a.Text)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	b.WriteString(`(?s:\A`)
	for i, p := range parts {
		switch {
		case !p.Capture:
			literal, ok := quote(p.Literal)
			if !ok {
				return "", false
			}
			b.WriteString(literal)
		case i == 0 || !parts[i-1].Capture:
			b.WriteString(".+")
		}
	}
	b.WriteString(`\z)`)
	return b.String(), true
}

// quote is an expression for a text. There is none for bytes that are not UTF-8:
// they all look alike to it.
func quote(text string) (string, bool) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError) {
		return "", false
	}
	return regexp.QuoteMeta(text), true
}
