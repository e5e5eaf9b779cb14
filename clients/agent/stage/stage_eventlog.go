package stage

import (
	"strings"
)

// eventLogConfig are the settings of eventlogmessage.
type eventLogConfig struct {
	Source            string `yaml:"source"`
	DropInvalidLabels bool   `yaml:"drop_invalid_labels"`
	OverwriteExisting bool   `yaml:"overwrite_existing"`
}

func (c *eventLogConfig) validate() error {
	if c.Source == "" {
		c.Source = "message"
	}
	return nil
}

func (c *eventLogConfig) compile(b *builder) error {
	b.add(&eventLogStage{slot: b.slot(c.Source), dropInvalid: c.DropInvalidLabels, overwrite: c.OverwriteExisting})
	return nil
}

// eventLogStage extracts the pairs of a message of the Windows event log: a key,
// a colon and a value on each line.
type eventLogStage struct {
	slot        int
	dropInvalid bool
	overwrite   bool
}

// maxEventPairs is how many pairs of a message are looked at.
const maxEventPairs = 1000

func (s *eventLogStage) process(_ *Chain, _ int, r *row) verdict {
	message, ok := r.get(s.slot).asText()
	if !ok {
		return pass
	}
	for range maxEventPairs {
		line, rest, more := strings.Cut(message, "\r\n")
		if key, val, ok := strings.Cut(line, ":"); ok {
			s.extract(r, strings.TrimSpace(key), strings.TrimSpace(val))
		}
		if !more {
			break
		}
		message = rest
	}
	return pass
}

// extract sets a value under a name that can be a label's.
func (s *eventLogStage) extract(r *row, key, val string) {
	if key == "" || val == "" {
		return
	}
	if checkLabelName(key) != nil {
		if s.dropInvalid {
			return
		}
		key = r.keep(appendLabelName(r.scratch[:0], key))
	}
	if !s.overwrite && r.getName(key).kind != kindAbsent {
		key = r.keep(append(append(r.scratch[:0], key...), "_extracted"...))
	}
	r.setName(key, textValue(val))
}

// appendLabelName appends name with an underscore for each character that a
// label's name may not have.
func appendLabelName(dst []byte, name string) []byte {
	for i, c := range name {
		switch {
		case '0' <= c && c <= '9':
			if i == 0 {
				dst = append(dst, '_')
			}
			dst = append(dst, byte(c))
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			dst = append(dst, byte(c))
		default:
			dst = append(dst, '_')
		}
	}
	return dst
}
