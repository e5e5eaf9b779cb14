package plan

import (
	"slices"
	"strings"

	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// Prune leaves out the stages that change nothing about a range whose samples
// are told apart by grouping. streamLabels are names that every selected stream
// is known to have; bytes says that the length of the line at the end counts.
func Prune(stages []syntax.Stage, grouping *syntax.Grouping, streamLabels []string, unwraps, bytes bool) []syntax.Stage {
	if !fromStream(stages, grouping, streamLabels) {
		if bytes {
			return stages
		}
		return withoutIdleFormats(stages)
	}
	needLabels, needLine := unwraps, bytes
	var kept []syntax.Stage
	for _, s := range slices.Backward(stages) {
		switch s := s.(type) {
		case *syntax.LineFilter:
			needLine = true
		case *syntax.UnpackParser:
			if !needLabels && !needLine {
				continue
			}
			needLine = true
		case *syntax.JSONParser, *syntax.LogfmtParser, *syntax.RegexpParser, *syntax.PatternParser:
			if !needLabels {
				continue
			}
			needLine = true
		case *syntax.LineFormat:
			if !needLine {
				continue
			}
			needLabels = true
		case *syntax.LabelFormat:
			if !needLabels {
				continue
			}
			needLine = true // a template may read it
		case *syntax.Drop:
			if !needLabels && !dropsErrors(s) {
				continue
			}
		case *syntax.Keep:
			if !needLabels {
				continue
			}
		case *syntax.Decolorize:
			if !needLine {
				continue
			}
		default: // a label filter
			needLabels = true
		}
		kept = append(kept, s)
	}
	slices.Reverse(kept)
	return withoutIdleDrops(kept, needLabels)
}

// withoutIdleFormats leaves out what writes lines that nobody reads: no stage behind it,
// where it is labels that count. A template with actions that may fail stays, since that
// is told.
func withoutIdleFormats(stages []syntax.Stage) []syntax.Stage {
	var kept []syntax.Stage
	read := false
	for _, s := range slices.Backward(stages) {
		switch s := s.(type) {
		case *syntax.LineFormat:
			if !read && fieldsAlone(s.Template) {
				continue
			}
			read = true
		case *syntax.Decolorize:
			if !read {
				continue
			}
		case *syntax.Drop, *syntax.Keep, syntax.LabelFilter:
		default:
			read = true
		}
		kept = append(kept, s)
	}
	slices.Reverse(kept)
	return kept
}

// fieldAction is the action of a template that writes a label.
var fieldAction = regexp.MustCompile(`\{\{-?\s*\.[a-zA-Z_][a-zA-Z0-9_]*\s*-?\}\}`)

// fieldsAlone reports whether a template has no actions but those that write labels.
// They fail only where a line gets longer than 1 MiB or stages write too much for one
// line, which does not happen where they are left out.
func fieldsAlone(template string) bool {
	return !strings.Contains(fieldAction.ReplaceAllLiteralString(template, ""), "{{")
}

// dropsErrors reports whether d may take an error off an entry, which would make a
// metric fail however it is grouped.
func dropsErrors(d *syntax.Drop) bool {
	return slices.ContainsFunc(d.Labels, func(l syntax.LabelChoice) bool { return l.Name == pipeline.ErrorLabel })
}

// withoutIdleDrops leaves out what drops errors that no stage before it can set. The
// other drops of stages are gone already, unless labels are needed.
func withoutIdleDrops(stages []syntax.Stage, needLabels bool) []syntax.Stage {
	mayFail := needLabels
	return slices.DeleteFunc(stages, func(s syntax.Stage) bool {
		switch s.(type) {
		case *syntax.LineFilter, *syntax.Decolorize:
			return false
		case *syntax.Drop:
			return !mayFail
		}
		mayFail = true
		return false
	})
}

// fromStream reports whether the labels of grouping are those of the stream,
// whatever metadata an entry has and whatever the stages find in it: names that
// a stream has are never given to anything else, except by stages that are
// written to do so.
func fromStream(stages []syntax.Stage, grouping *syntax.Grouping, streamLabels []string) bool {
	if grouping == nil || grouping.Without {
		return false
	}
	if len(grouping.Labels) == 0 {
		return true
	}
	for _, l := range grouping.Labels {
		if !slices.Contains(streamLabels, l) {
			return false
		}
	}
	for _, s := range stages {
		switch s.(type) {
		case *syntax.LabelFormat, *syntax.Drop, *syntax.Keep:
			return false
		}
	}
	return true
}
