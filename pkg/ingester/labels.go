package ingester

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/scan"
)

// Series returns the labels of every stream in memory that the request's
// matchers select and that has entries in its interval.
func (i *Ingester) Series(_ context.Context, req *scan.Request) ([]labels.Labels, error) {
	var out []labels.Labels
	seen := map[string]bool{}
	i.selectStreams(req, func(hs *headStream) {
		if text := hs.labels.String(); !seen[text] {
			seen[text] = true
			out = append(out, hs.labels)
		}
	})
	return out, nil
}

// LabelNames returns the names of the labels of those streams, in no order.
func (i *Ingester) LabelNames(_ context.Context, req *scan.Request) ([]string, error) {
	names := map[string]bool{}
	i.selectStreams(req, func(hs *headStream) {
		hs.labels.Range(func(l labels.Label) { names[l.Name] = true })
	})
	return keys(names), nil
}

// LabelValues returns the values that the label name has among those streams,
// in no order.
func (i *Ingester) LabelValues(_ context.Context, req *scan.Request, name string) ([]string, error) {
	values := map[string]bool{}
	i.selectStreams(req, func(hs *headStream) {
		if v := hs.labels.Get(name); v != "" {
			values[v] = true
		}
	})
	return keys(values), nil
}

func keys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	return out
}
