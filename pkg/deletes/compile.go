package deletes

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage"
)

// Compile understands the query of a delete request: a selector and stages that
// say which of its entries go. Entries are looked at as they were pushed.
func Compile(query string) (storage.Deletion, error) {
	logs, err := syntax.ParseLogSelector(query)
	if err != nil {
		return storage.Deletion{}, err
	}
	d := storage.Deletion{Matchers: logs.Matchers}
	if len(logs.Stages) == 0 {
		return d, nil
	}
	stages, err := pipeline.Compile(logs.Stages, pipeline.Options{})
	if err != nil {
		return storage.Deletion{}, err
	}
	d.Rows = func(stream labels.Labels) func(int64, string, model.Metadata) bool {
		p := stages.ForStream(stream)
		return func(ts int64, line string, m model.Metadata) bool {
			_, _, selected := p.Process(ts, line, m)
			return selected
		}
	}
	return d, nil
}
