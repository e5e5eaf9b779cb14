package stage

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// packConfig are the settings of pack.
type packConfig struct {
	Labels          []string `yaml:"labels"`
	IngestTimestamp bool     `yaml:"ingest_timestamp"`
}

func defaultPack() *packConfig { return &packConfig{IngestTimestamp: true} }

func (c *packConfig) validate() error {
	if len(c.Labels) == 0 {
		return required("labels")
	}
	return nil
}

func (c *packConfig) compile(b *builder) error {
	s := &packStage{now: c.IngestTimestamp}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(c.Labels))) {
		s.pack = append(s.pack, namedSlot{name, b.slot(name)})
	}
	b.add(s)
	return nil
}

// packStage puts labels and extracted values into the line, a JSON object that
// LogQL's unpack takes apart again. Entries of labels that were many then lie
// out of order, so they get the time of now unless told otherwise.
type packStage struct {
	pack []namedSlot // sorted by name
	now  bool
}

// entryKey is the member that holds the line.
const entryKey = "_entry"

func (s *packStage) process(c *Chain, _ int, r *row) verdict {
	b := append(r.scratch[:0], '{')
	for _, p := range s.pack {
		text, ok := r.labels.Get(p.name), true
		if text == "" {
			text, ok = r.get(p.slot).asText()
		}
		if ok {
			b = loghttp.AppendString(b, p.name)
			b = append(b, ':')
			b = loghttp.AppendString(b, text)
			b = append(b, ',')
		}
		r.labels = r.labels.Without(p.name)
	}
	b = append(b, `"`+entryKey+`":`...)
	b = loghttp.AppendString(b, r.line)
	r.line = r.keep(append(b, '}'))
	if s.now {
		r.ts = c.p.opts.Clock.Next(1)
	}
	return pass
}
