package engine

import (
	"fmt"
	"strings"

	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// maxReplaced is how long a label may become, in bytes. One label_replace around
// another may double it each time.
const maxReplaced = 1 << 20

// labelReplace sets a label of each series from a match on another. Series that
// come to have the same labels are one, unless they have values at the same
// step: then they stay apart, and only an instant can show them.
func (ev *evaluator) labelReplace(e *syntax.LabelReplace, in []series) ([]series, error) {
	re, err := regexp.Compile("^(?s:" + e.Regexp + ")$")
	if err != nil {
		return nil, fmt.Errorf("evaluate label_replace: %w", err)
	}
	out := newCollector(ev.query.budget)
	for _, s := range in {
		src := s.labels.Get(e.Src)
		target := s.labels
		if at := re.FindStringSubmatchIndex(src); at != nil {
			if len(e.Replacement)+strings.Count(e.Replacement, "$")*len(src) > maxReplaced {
				return nil, limitErrorf("max_memory", "label_replace would make the label %s longer than %d bytes", e.Dst, maxReplaced)
			}
			b := labels.NewBuilder(s.labels)
			b.Set(e.Dst, string(re.ExpandString(nil, e.Replacement, src, at)))
			target = b.Labels()
		}
		if err := out.put(target, s.points); err != nil {
			return nil, err
		}
	}
	return out.series(), nil
}
