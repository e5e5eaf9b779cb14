package block

import (
	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
)

// captureView reads a template as the regexp stage reads a line. The expression goes
// over the static text, and over slots as over unknown texts of what the schema knows
// of their characters.
//
//	Failed password for ␀ from ␀ port     for (invalid user )?(?P<user>\S+) from
//	                    └─ user, if no value of the slot has a space
//
// Groups that begin or end in a slot, or whose place depends on what is in one, are
// found line by line.
func captureView(t *template, columns []column, finder *lineFinder) view {
	trace := finder.captures.Trace()
	if trace == nil || !t.joins(columns) {
		return finder.view()
	}
	start := 0
	for i := 0; ; i++ {
		trace.At(start)
		segment := t.segment(i)
		trace.Text(model.Borrow(segment), start)
		if i == len(t.refs) {
			break
		}
		trace.At(start + len(segment))
		traceColumn(trace, &columns[t.refs[i]])
		start += len(segment) + 1
	}
	trace.At(len(t.text))
	at, matched, sure := trace.End()
	switch {
	case !sure:
		return finder.view()
	case !matched:
		return view{}
	}
	var v view
	for i, name := range finder.names {
		start, end := at[2*i], at[2*i+1]
		switch {
		case start == grep.Inside || end == grep.Inside:
			v.addFirst(member{name, place{kind: placeRows}})
		case start == grep.None:
			v.addFirst(member{name, place{kind: placeText}})
		default:
			v.addFirst(member{name, t.between(start, end)})
		}
	}
	return v
}

// maxTraced is how many templates of the values of a slot are looked at one by one.
const maxTraced = 64

// traceColumn leads a trace over a value of a column.
func traceColumn(trace *grep.Trace, c *column) {
	switch {
	case c.kind == columnConst:
		trace.Text(c.constant, grep.Inside)
	case c.kind == columnIP:
		for i := range 4 {
			if i > 0 {
				trace.Text(".", grep.Inside)
			}
			trace.Unknown(func(b byte) bool { return classes[b]&isDigit != 0 }, false)
		}
	case c.kind == columnTemplates && len(c.tmpl.templates) <= maxTraced:
		t := c.tmpl
		trace.Either(len(t.templates)+1, func(i int) {
			switch {
			case i < len(t.templates):
				for j := range t.templates[i].refs {
					trace.Text(model.Borrow(t.templates[i].segment(j)), grep.Inside)
					traceColumn(trace, &t.columns[t.templates[i].refs[j]])
				}
				trace.Text(model.Borrow(t.templates[i].segment(len(t.templates[i].refs))), grep.Inside)
			default:
				trace.Unknown(t.rest.charset.has, t.rest.min == 0)
			}
		})
	default:
		trace.Unknown(c.charset.has, c.min == 0)
	}
}

// joins reports whether no character can lie across static text and values of a
// template, and of those of its values.
func (t *template) joins(columns []column) bool {
	if !t.joinsAtRunes(columns) {
		return false
	}
	for _, ref := range t.refs {
		if c := &columns[ref]; c.tmpl != nil && !c.joinsAtRunes() {
			return false
		}
	}
	return true
}
