package stage

// dockerConfig are the settings of docker, which has none.
type dockerConfig struct{}

func (*dockerConfig) validate() error { return nil }

func (*dockerConfig) compile(b *builder) error {
	s := &dockerStage{}
	b.usedSlot(&s.output, "output")
	b.usedSlot(&s.stream, "stream")
	b.usedSlot(&s.timestamp, "timestamp")
	b.add(s)
	return nil
}

// dockerStage reads lines as Docker's json-file driver writes them.
type dockerStage struct {
	output, stream, timestamp int // slots, if used
}

func (s *dockerStage) process(_ *Chain, _ int, r *row) verdict {
	if !r.scan.object(r.line, dockerPaths, r) {
		return pass
	}
	for _, f := range r.scan.found {
		text, ok := f.value.asText()
		if !ok {
			continue
		}
		switch f.slot {
		case dockerLog:
			r.line = text
			if s.output >= 0 {
				r.set(s.output, f.value)
			}
		case dockerStream:
			r.labels = r.labels.With("stream", text)
			if s.stream >= 0 {
				r.set(s.stream, f.value)
			}
		case dockerTime:
			if ts, ok := parseRFC3339(text); ok {
				r.ts = ts
			}
			if s.timestamp >= 0 {
				r.set(s.timestamp, f.value)
			}
		}
	}
	return pass
}
