package bench

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Server is one to be measured.
type Server struct {
	Name   string
	URL    string // http://host:port, without a path of the API
	Kind   string // loki or victorialogs
	Tenant string // X-Scope-OrgID; empty: none is sent
	PID    int    // of its process on this machine; 0: not known
	Disk   string // the folder with what it stores; empty: not known
	// Flush are paths that are posted to when all is pushed, so that it is stored
	// rather than in memory.
	Flush []string

	dialect dialect
}

// dialects by the kinds of servers that speak them.
var dialects = map[string]dialect{
	"loki":         lokiDialect{},
	"victorialogs": victoriaDialect{},
}

// ServerHelp explains what ParseServer reads.
const ServerHelp = `URL of a server, or NAME=URL, followed by settings with commas between them:
  kind=loki|victorialogs  what it speaks; loki is the default, and what Skald speaks
  pid=N                   its process, for CPU time and memory
  disk=DIR                its folder, for the size on disk
  tenant=ID               the tenant to send as X-Scope-OrgID
  flush=PATH              posted to after the push (default /flush, or /internal/force_flush)`

// ParseServer reads a server from a command line, as ServerHelp says.
func ParseServer(text string) (Server, error) {
	var s Server
	fail := func(format string, args ...any) (Server, error) {
		return Server{}, fmt.Errorf("server %q: %s", text, fmt.Sprintf(format, args...))
	}
	address, settings, more := strings.Cut(text, ",")
	if name, rest, ok := strings.Cut(address, "="); ok && !strings.Contains(name, "/") {
		s.Name, address = name, rest
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return fail("%q is no address: want http://host:port", address)
	}
	s.URL = strings.TrimSuffix(address, "/")
	if s.Name == "" {
		s.Name = u.Host
	}
	for more {
		var setting string
		setting, settings, more = strings.Cut(settings, ",")
		key, value, ok := strings.Cut(setting, "=")
		if !ok || value == "" {
			return fail("setting %q: want key=value", setting)
		}
		switch key {
		case "kind":
			s.Kind = value
		case "pid":
			if s.PID, err = strconv.Atoi(value); err != nil || s.PID <= 0 {
				return fail("pid %q: want a number above 0", value)
			}
		case "disk":
			s.Disk = value
		case "tenant":
			s.Tenant = value
		case "flush":
			if !strings.HasPrefix(value, "/") {
				return fail("flush %q: want a path that begins with /", value)
			}
			s.Flush = append(s.Flush, value)
		default:
			return fail("no setting is called %q: there are kind, pid, disk, tenant, flush", key)
		}
	}
	if s.Kind == "" {
		s.Kind = "loki"
	}
	if s.dialect = dialects[s.Kind]; s.dialect == nil {
		return fail("kind %q: want loki or victorialogs", s.Kind)
	}
	if s.Flush == nil {
		s.Flush = slices.Clone(s.dialect.flush())
	}
	return s, nil
}

// Check reports what a server is said to have on this machine and has not.
func (s *Server) Check() error {
	if _, err := usage(s.PID); err != nil {
		return fmt.Errorf("server %s: %w", s.Name, err)
	}
	if s.Disk != "" {
		if _, err := os.Stat(s.Disk); err != nil {
			return fmt.Errorf("server %s: %w", s.Name, err)
		}
	}
	return nil
}
