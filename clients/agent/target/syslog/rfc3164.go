package syslog

import (
	"strings"
	"time"
)

// parseRFC3164 reads a message as BSD's syslog wrote them, and as RFC 3164 found
// them:
//
//	<34>Oct 11 22:14:15 host su[123]: text
//
// The time has no year and no zone: it is the year nearest to now, in its zone.
// A time as RFC 3339 writes it is read as well. What holds no header at all is
// text, as the RFC wants it.
func parseRFC3164(text string, now time.Time) (*message, error) {
	m := &message{}
	s := scanner{text: text}
	if err := s.priority(m); err != nil {
		return nil, err
	}
	if !s.oldTime(m, now) {
		m.text = s.rest()
		return m, nil
	}
	m.hostname = s.word()
	s.tag(m)
	m.text = s.rest()
	return m, nil
}

// oldTime reads the time and the space behind it, and reports whether it is there.
func (s *scanner) oldTime(m *message, now time.Time) bool {
	rest := s.rest()
	if n := len(time.Stamp); len(rest) > n && rest[n] == ' ' {
		if t, err := time.ParseInLocation(time.Stamp, rest[:n], now.Location()); err == nil {
			m.time = nearestYear(t, now)
			s.pos += n + 1
			return true
		}
	}
	if n := strings.IndexByte(rest, ' '); n > 0 {
		if t, err := time.Parse(time.RFC3339Nano, rest[:n]); err == nil {
			m.time = t
			s.pos += n + 1
			return true
		}
	}
	return false
}

// nearestYear gives t, which has none, the year in which it lies nearest to now.
func nearestYear(t, now time.Time) time.Time {
	best := t.AddDate(now.Year(), 0, 0)
	for _, year := range []int{now.Year() - 1, now.Year() + 1} {
		if other := t.AddDate(year, 0, 0); other.Sub(now).Abs() < best.Sub(now).Abs() {
			best = other
		}
	}
	return best
}

// tag reads the name of the program and its process id, as name[id]: or name:,
// where one of them is there.
func (s *scanner) tag(m *message) {
	rest := s.rest()
	end := strings.IndexFunc(rest, func(r rune) bool { return r == ':' || r == '[' || r <= ' ' })
	if end <= 0 || rest[end] == ' ' {
		return
	}
	name, after := rest[:end], rest[end:]
	if after[0] == '[' {
		closing := strings.IndexByte(after, ']')
		if closing < 0 {
			return
		}
		m.procID, after = after[1:closing], after[closing+1:]
	}
	m.appName = name
	after = strings.TrimPrefix(after, ":")
	s.pos = len(s.text) - len(strings.TrimPrefix(after, " "))
}
