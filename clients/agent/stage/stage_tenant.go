package stage

import (
	"errors"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// tenantConfig are the settings of tenant: where its name comes from.
type tenantConfig struct {
	Label  string `yaml:"label"`
	Source string `yaml:"source"`
	Value  string `yaml:"value"`
}

func (c *tenantConfig) validate() error {
	given := 0
	for _, s := range []string{c.Label, c.Source, c.Value} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		return errors.New("want exactly one of label, source and value")
	}
	return nil
}

func (c *tenantConfig) compile(b *builder) error {
	s := &tenantStage{label: c.Label, value: c.Value}
	if c.Source != "" {
		s.slot = b.slot(c.Source)
	}
	b.add(s)
	return nil
}

// tenantStage sets the tenant that an entry is sent for.
type tenantStage struct {
	label string
	value string
	slot  int
}

func (s *tenantStage) process(_ *Chain, _ int, r *row) verdict {
	tenant := s.value
	switch {
	case s.label != "":
		tenant = r.labels.Get(s.label)
	case tenant == "":
		tenant, _ = r.get(s.slot).asText()
	}
	if tenant != "" {
		r.labels = r.labels.With(entry.Reserved, tenant)
	}
	return pass
}
