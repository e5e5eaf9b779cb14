package stage

// metadataConfig is structured metadata and the values to make it of. An empty
// one is the name itself.
type metadataConfig map[string]*string

func (c *metadataConfig) validate() error {
	if len(*c) == 0 {
		return required("at least one name")
	}
	for name := range *c {
		if err := checkLabelName(name); err != nil {
			return err
		}
	}
	return nil
}

func (c *metadataConfig) compile(b *builder) error {
	s := &metadataStage{}
	for _, n := range b.sources(*c) {
		s.set = append(s.set, metadataSource{n, b.slots.names[n.slot]})
	}
	b.add(s)
	return nil
}

// A metadataSource is a name, and where its value comes from.
type metadataSource struct {
	namedSlot
	source string
}

// metadataStage makes structured metadata of extracted values, or else of labels,
// which are taken away.
type metadataStage struct{ set []metadataSource }

func (s *metadataStage) process(_ *Chain, _ int, r *row) verdict {
	for _, m := range s.set {
		if v := r.values[m.slot]; v.kind > kindRemoved {
			if text, ok := v.asText(); ok {
				r.setMetadata(m.name, text)
			}
			continue
		}
		if text := r.labels.Get(m.source); text != "" {
			r.setMetadata(m.name, text)
			r.labels = r.labels.Without(m.source)
		} else if text, ok := r.get(m.slot).asText(); ok {
			r.setMetadata(m.name, text)
		}
	}
	return pass
}
