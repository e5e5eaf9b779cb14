package stage

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// decolorizeConfig are the settings of decolorize, which has none.
type decolorizeConfig struct{}

func (*decolorizeConfig) validate() error { return nil }

func (*decolorizeConfig) compile(b *builder) error {
	p, err := pipeline.Compile([]syntax.Stage{&syntax.Decolorize{}}, pipeline.Options{})
	if err != nil {
		return err
	}
	b.add(&decolorizeStage{p})
	return nil
}

// decolorizeStage takes ANSI sequences out of the line, as LogQL's stage of that
// name does.
type decolorizeStage struct{ p *pipeline.Pipeline }

func (s *decolorizeStage) process(c *Chain, at int, r *row) verdict {
	if strings.IndexByte(r.line, '\x1b') < 0 && !strings.Contains(r.line, "\u009b") {
		return pass
	}
	m := recall(c, at, func() *pipeline.StreamPipeline { return s.p.ForStream(labels.EmptyLabels()) })
	if line, _, ok := m.Process(r.ts, r.line, nil); ok {
		r.line = r.keepText(line)
	}
	return pass
}
