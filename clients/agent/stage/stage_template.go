package stage

// templateConfig are the settings of template.
type templateConfig struct {
	Source   string `yaml:"source"`
	Template string `yaml:"template"`

	tmpl *textTemplate
}

func (c *templateConfig) validate() (err error) {
	if c.Source == "" {
		return required("source")
	}
	c.tmpl, err = newTextTemplate("template", c.Template)
	return err
}

func (c *templateConfig) compile(b *builder) error {
	b.add(&templateStage{slot: b.slot(c.Source), tmpl: c.tmpl.bind(b)})
	return nil
}

// templateStage writes an extracted value. Where the template writes nothing,
// the value is taken away; where it fails, it stays.
type templateStage struct {
	slot int
	tmpl *boundTemplate
}

func (s *templateStage) process(_ *Chain, _ int, r *row) verdict {
	text, err := s.tmpl.execute(r, r.get(s.slot))
	switch {
	case err != nil:
	case text == "":
		r.set(s.slot, value{})
	default:
		r.set(s.slot, textValue(text))
	}
	return pass
}
