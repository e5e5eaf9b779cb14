package stage

import (
	"errors"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/bytesize"
)

// criConfig are the settings of cri.
type criConfig struct {
	// MaxPartialLines is how many streams may have an unfinished line at once.
	// Beyond that, all of them go on as they are.
	MaxPartialLines int `yaml:"max_partial_lines"`
	// MaxPartialLineSize is where a joined line is cut, if Truncate says so.
	MaxPartialLineSize bytesize.Size `yaml:"max_partial_line_size"`
	Truncate           bool          `yaml:"max_partial_line_size_truncate"`
}

func defaultCRI() *criConfig { return &criConfig{MaxPartialLines: 100} }

func (c *criConfig) validate() error {
	if c.MaxPartialLines < 1 {
		c.MaxPartialLines = defaultCRI().MaxPartialLines
	}
	if c.Truncate && c.MaxPartialLineSize == 0 {
		return errors.New("max_partial_line_size_truncate needs max_partial_line_size")
	}
	return nil
}

func (c *criConfig) compile(b *builder) error {
	s := &criStage{maxLines: c.MaxPartialLines}
	if c.Truncate {
		s.maxBytes = int(c.MaxPartialLineSize)
	}
	b.usedSlot(&s.time, "time")
	b.usedSlot(&s.stream, "stream")
	b.usedSlot(&s.flags, "flags")
	b.usedSlot(&s.content, "content")
	b.add(s)
	return nil
}

// criStage reads lines as container runtimes of Kubernetes write them, and joins
// those that were cut into parts. The joined line has the time of its last part.
type criStage struct {
	maxLines int
	maxBytes int // 0 for no bound

	time, stream, flags, content int // slots, if used
}

// criMemory are the unfinished lines of a source, by their labels.
type criMemory map[labels.Labels]*held

func newCRIMemory() criMemory { return criMemory{} }

func (s *criStage) process(c *Chain, at int, r *row) verdict {
	line, ok := parseCRI(r.line)
	if !ok {
		return pass
	}
	if line.hasTS {
		r.ts = line.ts
	}
	r.labels = r.labels.With("stream", line.stream)
	if s.time >= 0 {
		r.set(s.time, textValue(line.time))
	}
	if s.stream >= 0 {
		r.set(s.stream, textValue(line.stream))
	}
	if s.flags >= 0 {
		r.set(s.flags, textValue(line.flags))
	}
	r.line = line.content
	if line.partial || c.remembers(at) {
		m := recall(c, at, newCRIMemory)
		if line.partial || len(m) > 0 {
			if s.join(c, at, r, m, line.partial) == gone {
				return gone
			}
		}
	}
	if s.content >= 0 {
		r.set(s.content, textValue(r.line))
	}
	return pass
}

// join adds a line to what is there of it, and reports what becomes of the row.
func (s *criStage) join(c *Chain, at int, r *row, m criMemory, partial bool) verdict {
	key := r.labels.All()
	h := m[key]
	if h == nil && !partial {
		return pass
	}
	if h == nil {
		if len(m) >= s.maxLines {
			s.flush(c, at, m, time.Time{})
		}
		h = r.hold()
		m[key] = h
	}
	h.ts = r.ts
	h.mark = h.mark.Join(r.mark)
	h.text = append(h.text, s.fitting(h.text, r.line)...)
	switch {
	case !partial:
		delete(m, key)
		r.line, r.mark = r.keepText(string(h.text)), h.mark
		return pass
	case len(h.text) > maxHeldBytes:
		delete(m, key)
		c.emit(at, h)
	}
	return gone
}

// fitting is as much of a part as a line may still take.
func (s *criStage) fitting(text []byte, part string) string {
	if s.maxBytes == 0 || len(text)+len(part) <= s.maxBytes {
		return part
	}
	return part[:max(0, s.maxBytes-len(text))]
}

// due is never: the rest of a line will come.
func (s *criStage) due(any) time.Time { return time.Time{} }

func (s *criStage) flush(c *Chain, at int, memory any, now time.Time) {
	if !now.IsZero() {
		return
	}
	m := memory.(criMemory)
	for key, h := range m {
		delete(m, key)
		c.emit(at, h)
	}
}
