package syslog

import (
	"strings"
	"time"
)

// parseRFC5424 reads a message of RFC 5424:
//
//	<34>1 2003-10-11T22:14:15.003Z host app 111 ID47 [id@32473 name="value"] text
//
// A message may end after any of its fields, as those of many senders do.
func parseRFC5424(text string) (*message, error) {
	m := &message{}
	s := scanner{text: text}
	if err := s.priority(m); err != nil {
		return nil, err
	}
	at := s.pos
	if version := s.word(); version == "" || len(version) > 3 || strings.Trim(version, "0123456789") != "" {
		return nil, malformedf(at, "want a version")
	}
	at = s.pos
	if w := s.word(); w != "-" && w != "" {
		t, err := time.Parse(time.RFC3339Nano, w)
		if err != nil {
			return nil, malformedf(at, "want a time as RFC 3339 writes it")
		}
		m.time = t
	}
	for _, field := range []*string{&m.hostname, &m.appName, &m.procID, &m.msgID} {
		if w := s.word(); w != "-" {
			*field = w
		}
	}
	if err := s.structuredData(m); err != nil {
		return nil, err
	}
	m.text = strings.TrimPrefix(s.rest(), "\ufeff")
	return m, nil
}

// structuredData reads elements in brackets, or the dash that stands for none,
// and the space behind them.
func (s *scanner) structuredData(m *message) error {
	switch {
	case s.pos >= len(s.text):
		return nil
	case s.text[s.pos] == '-':
		s.pos++
	case s.text[s.pos] == '[':
		for s.pos < len(s.text) && s.text[s.pos] == '[' {
			if err := s.element(m); err != nil {
				return err
			}
		}
	default:
		return malformedf(s.pos, "want structured data")
	}
	if s.pos < len(s.text) {
		if s.text[s.pos] != ' ' {
			return malformedf(s.pos, "want a space behind the structured data")
		}
		s.pos++
	}
	return nil
}

// element reads [id name="value" …].
func (s *scanner) element(m *message) error {
	s.pos++
	id := s.name()
	if id == "" {
		return malformedf(s.pos, "want the id of an element")
	}
	for {
		switch {
		case s.pos >= len(s.text):
			return malformedf(s.pos, "the element does not end")
		case s.text[s.pos] == ']':
			s.pos++
			return nil
		case s.text[s.pos] == ' ':
			s.pos++
			continue
		}
		name := s.name()
		if name == "" || !strings.HasPrefix(s.rest(), `="`) {
			return malformedf(s.pos, "want a parameter: a name, an equals sign and a quoted value")
		}
		s.pos += 2
		value, err := s.quoted()
		if err != nil {
			return err
		}
		m.params = append(m.params, param{id, name, value})
	}
}

// name reads the name of an element or parameter.
func (s *scanner) name() string {
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos] > ' ' && strings.IndexByte(`="]`, s.text[s.pos]) < 0 {
		s.pos++
	}
	return s.text[start:s.pos]
}

// quoted reads up to the closing quote, and the quote. A backslash guards a
// quote, a backslash and a bracket, and is itself before anything else.
func (s *scanner) quoted() (string, error) {
	start, escaped := s.pos, false
	for ; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '"':
			raw := s.text[start:s.pos]
			s.pos++
			if escaped {
				raw = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\]`, `]`).Replace(raw)
			}
			return raw, nil
		case '\\':
			if s.pos+1 < len(s.text) && strings.IndexByte(`"\]`, s.text[s.pos+1]) >= 0 {
				escaped = true
				s.pos++
			}
		}
	}
	return "", malformedf(start, "the value does not end")
}
