package syslog

import (
	"errors"
	"fmt"
	"time"
)

// errMalformed marks a message that is not of its format. It comes wrapped with
// the place.
var errMalformed = errors.New("malformed")

func malformedf(pos int, format string, args ...any) error {
	return fmt.Errorf("%s at byte %d: %w", fmt.Sprintf(format, args...), pos, errMalformed)
}

// A message is what a sender says. Its texts are parts of what it was parsed
// from, save parameters that held escapes.
type message struct {
	facility, severity int
	time               time.Time // zero when the message names none
	hostname           string
	appName            string
	procID             string
	msgID              string
	params             []param // of structured data, in the order of the text
	text               string
}

// A param is a parameter of an element of structured data.
type param struct{ id, name, value string }

// severities are the names of the severities, from 0.
var severities = [...]string{
	"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug",
}

// facilities are the names of the facilities, from 0.
var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
	"uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// A scanner reads a message from its start on.
type scanner struct {
	text string
	pos  int
}

// priority reads <PRI>.
func (s *scanner) priority(m *message) error {
	if s.pos >= len(s.text) || s.text[s.pos] != '<' {
		return malformedf(s.pos, "want a priority in angle brackets")
	}
	n, i := 0, s.pos+1
	for ; i < len(s.text) && i <= s.pos+3 && '0' <= s.text[i] && s.text[i] <= '9'; i++ {
		n = 10*n + int(s.text[i]-'0')
	}
	if i == s.pos+1 || i >= len(s.text) || s.text[i] != '>' || n > 191 {
		return malformedf(s.pos, "want a priority from 0 to 191")
	}
	m.facility, m.severity = n/8, n%8
	s.pos = i + 1
	return nil
}

// word reads up to the next space, and the space.
func (s *scanner) word() string {
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos] != ' ' {
		s.pos++
	}
	w := s.text[start:s.pos]
	if s.pos < len(s.text) {
		s.pos++
	}
	return w
}

// rest is what was not read yet.
func (s *scanner) rest() string { return s.text[s.pos:] }
