package stage

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// An Observation is what a stage did to an entry.
type Observation struct {
	Stage  string // its name
	Before Snapshot
	After  Snapshot // what is left; as Before when Gone
	// Gone says that the entry did not come out: it was dropped or held back.
	Gone bool
}

// A Snapshot is an entry at a place of a pipeline. It is a copy.
type Snapshot struct {
	Labels    labels.Labels
	Metadata  model.Metadata
	Extracted map[string]string // nulls as "null"
	Timestamp time.Time
	Line      string
}

// snapshot copies a row.
func (r *row) snapshot() Snapshot {
	s := Snapshot{
		Timestamp: time.Unix(0, r.ts).UTC(),
		Line:      string([]byte(r.line)),
		Extracted: map[string]string{},
	}
	if r.labels != nil {
		s.Labels = r.labels.All()
	}
	for _, l := range r.md {
		s.Metadata = append(s.Metadata, labels.Label{Name: string([]byte(l.Name)), Value: string([]byte(l.Value))})
	}
	r.each(func(name string, v value) {
		text, ok := v.asText()
		if !ok {
			text = "null"
		}
		s.Extracted[string([]byte(name))] = string([]byte(text))
	})
	return s
}

// runObserved is run, and tells what each stage did.
func (c *Chain) runObserved(at int) {
	r := &c.work.row
	for program := c.p.program; at < len(program); {
		s := &program[at]
		o := Observation{Stage: s.name, Before: r.snapshot()}
		v := s.process(c, at, r)
		if o.Gone = v == gone; o.Gone {
			o.After = o.Before
		} else {
			o.After = r.snapshot()
		}
		c.p.opts.Observe(o)
		switch v {
		case pass:
			at++
		case over:
			at = s.over
		case gone:
			return
		}
	}
	c.work.out = append(c.work.out, r.entry())
}
