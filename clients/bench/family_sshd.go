package bench

// sshdAuth are the lines of a host that the world tries to log in to. The lines
// of a connection share its process, address and port.
var sshdAuth = family{name: "sshd", mean: 116, line: sshdLine}

// A session is a connection to sshd.
type session struct {
	pid, port int
	from      string
	user      string
	invalid   bool
}

func (s *slice) newSession() session {
	return session{
		pid: 1000 + s.rnd.IntN(3_000_000), port: 1024 + s.rnd.IntN(64_000),
		from: s.often(s.g.vocab.clients), user: s.often(s.g.vocab.users), invalid: s.chance(0.6),
	}
}

func sshdLine(s *slice, src *source) {
	i := s.rnd.IntN(len(s.sessions))
	if s.chance(0.25) {
		s.sessions[i] = s.newSession()
	}
	c := &s.sessions[i]
	from := func() {
		s.text(" from ")
		s.text(c.from)
		s.text(" port ")
		s.num(c.port)
	}
	s.time("Jan _2 15:04:05 ")
	s.text("bastion-")
	s.num(src.node)
	s.text(" sshd[")
	s.num(c.pid)
	s.text("]: ")
	switch kind := s.rnd.IntN(100); {
	case kind < 40:
		s.text("Failed password for ")
		if c.invalid {
			s.text("invalid user ")
		}
		s.text(c.user)
		from()
		s.text(" ssh2")
	case kind < 55:
		s.text("Invalid user ")
		s.text(c.user)
		from()
	case kind < 70:
		s.text("pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=")
		s.text(c.from)
		s.text("  user=")
		s.text(c.user)
	case kind < 85:
		s.text("Received disconnect from ")
		s.text(c.from)
		s.text(" port ")
		s.num(c.port)
		s.text(":11: Bye Bye [preauth]")
	case kind < 99:
		s.text("Connection closed by authenticating user ")
		s.text(c.user)
		s.text(" ")
		s.text(c.from)
		s.text(" port ")
		s.num(c.port)
		s.text(" [preauth]")
	default:
		if s.chance(0.2) {
			s.text("Connection reset by ")
			s.text(c.from)
			s.text(" port ")
			s.num(c.port)
			s.text(" [preauth]")
			return
		}
		s.text("Accepted publickey for ")
		s.text(c.user)
		from()
		s.text(" ssh2: ED25519 SHA256:")
		s.text(s.often(s.g.vocab.digests)[:43])
	}
}
