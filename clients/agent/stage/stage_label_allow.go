package stage

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// labelAllowConfig are the labels to keep.
type labelAllowConfig []string

func (c *labelAllowConfig) validate() error {
	if len(*c) == 0 {
		return required("at least one label")
	}
	return nil
}

func (c *labelAllowConfig) compile(b *builder) error {
	b.add(&labelAllowStage{names: *c})
	return nil
}

// labelAllowStage takes away all labels but some. Labels that begin with __ stay:
// the tenant is one of them, and the others never leave the agent.
type labelAllowStage struct{ names []string }

// allowMemory is what became of the labels of the last row.
type allowMemory struct{ from, to *entry.Labels }

func newAllowMemory() *allowMemory { return &allowMemory{} }

func (s *labelAllowStage) process(c *Chain, at int, r *row) verdict {
	m := recall(c, at, newAllowMemory)
	if m.from != r.labels {
		to := r.labels
		r.labels.All().Range(func(l labels.Label) {
			if !strings.HasPrefix(l.Name, "__") && !slices.Contains(s.names, l.Name) {
				to = to.Without(l.Name)
			}
		})
		m.from, m.to = r.labels, to
	}
	r.labels = m.to
	return pass
}
