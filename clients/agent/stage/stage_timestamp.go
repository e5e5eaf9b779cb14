package stage

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/spell"
)

// timestampConfig are the settings of timestamp.
type timestampConfig struct {
	Source          string   `yaml:"source"`
	Format          string   `yaml:"format"`
	FallbackFormats []string `yaml:"fallback_formats"`
	// Location is the zone of times that name none, UTC by default.
	Location string `yaml:"location"`
	// ActionOnFailure is fudge, the default, or skip.
	ActionOnFailure string `yaml:"action_on_failure"`

	formats []timeFormat
}

const (
	actionFudge = "fudge"
	actionSkip  = "skip"
)

func (c *timestampConfig) validate() error {
	if c.Source == "" {
		return required("source")
	}
	if c.Format == "" {
		return required("format")
	}
	var loc *time.Location
	if c.Location != "" {
		l, err := time.LoadLocation(c.Location)
		if err != nil {
			return fmt.Errorf("location: %w", err)
		}
		loc = l
	}
	for _, format := range append([]string{c.Format}, c.FallbackFormats...) {
		f, err := newTimeFormat(format, loc)
		if err != nil {
			return fmt.Errorf("format: %w", err)
		}
		c.formats = append(c.formats, f)
	}
	switch c.ActionOnFailure {
	case "":
		c.ActionOnFailure = actionFudge
	case actionFudge, actionSkip:
	default:
		return fmt.Errorf("action_on_failure: unknown action %q%s", c.ActionOnFailure,
			spell.Perhaps(c.ActionOnFailure, []string{actionFudge, actionSkip}))
	}
	return nil
}

func (c *timestampConfig) compile(b *builder) error {
	b.add(&timestampStage{slot: b.slot(c.Source), formats: c.formats, fudge: c.ActionOnFailure == actionFudge})
	return nil
}

// timestampStage sets the time of a row to an extracted one. A row whose time
// cannot be read keeps it or, with fudge, gets the one right after the last of
// its labels, so that it stays in its place.
type timestampStage struct {
	slot    int
	formats []timeFormat
	fudge   bool
}

// maxLastTimes is of how many label sets of a source the last time is known.
const maxLastTimes = 10_000

// lastTimes are the last times of a source's rows, by their labels. Most
// sources have one set of labels, or few.
type lastTimes struct {
	of map[labels.Labels]*int64
	// Invariant: at is the time of key in of.
	key labels.Labels
	at  *int64
}

func newLastTimes() *lastTimes { return &lastTimes{of: map[labels.Labels]*int64{}} }

func (s *timestampStage) process(c *Chain, at int, r *row) verdict {
	v := r.get(s.slot)
	for i := range s.formats {
		if v.kind <= kindNull {
			break
		}
		ts, err := s.formats[i].parse(v, r.ts)
		if err != nil {
			continue
		}
		r.ts = ts
		if s.fudge {
			*recall(c, at, newLastTimes).last(r.labels.All()) = ts
		}
		return pass
	}
	if !s.fudge || !c.remembers(at) {
		return pass
	}
	last := recall(c, at, newLastTimes).last(r.labels.All())
	if *last != unknownTime {
		*last++
		r.ts = *last
	}
	return pass
}

// unknownTime stands for no time.
const unknownTime = -1 << 63

// last is where the last time of labels is kept.
func (m *lastTimes) last(key labels.Labels) *int64 {
	if m.at != nil && m.key == key {
		return m.at
	}
	at := m.of[key]
	if at == nil {
		if len(m.of) >= maxLastTimes {
			clear(m.of)
		}
		at = new(int64)
		*at = unknownTime
		m.of[key] = at
	}
	m.key, m.at = key, at
	return at
}
