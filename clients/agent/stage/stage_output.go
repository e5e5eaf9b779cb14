package stage

// outputConfig are the settings of output.
type outputConfig struct {
	Source string `yaml:"source"`
}

func (c *outputConfig) validate() error {
	if c.Source == "" {
		return required("source")
	}
	return nil
}

func (c *outputConfig) compile(b *builder) error {
	b.add(&outputStage{b.slot(c.Source)})
	return nil
}

// outputStage makes an extracted value the line.
type outputStage struct{ slot int }

func (s *outputStage) process(_ *Chain, _ int, r *row) verdict {
	if text, ok := r.get(s.slot).asText(); ok {
		r.line = text
	}
	return pass
}
