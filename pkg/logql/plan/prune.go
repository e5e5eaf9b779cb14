package plan

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// Prune leaves out the stages that change nothing about a range whose samples
// are told apart by grouping. streamLabels are names that every selected stream
// is known to have; bytes says that the length of the line at the end counts.
func Prune(stages []syntax.Stage, grouping *syntax.Grouping, streamLabels []string, unwraps, bytes bool) []syntax.Stage {
	if !fromStream(stages, grouping, streamLabels) {
		return stages
	}
	needLabels, needLine := unwraps, bytes
	var kept []syntax.Stage
	for _, s := range slices.Backward(stages) {
		switch s.(type) {
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
		case *syntax.Drop, *syntax.Keep:
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
	return kept
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
