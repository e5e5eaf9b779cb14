package journal

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// A Config is the journal block of a scrape config. Zero values stand for the
// defaults.
type Config struct {
	// MaxAge is how old the oldest entry is that is read: 7h.
	MaxAge model.Duration `yaml:"max_age,omitempty"`
	// JSON makes all fields of an entry the line, as a JSON object, and not only
	// its message.
	JSON bool `yaml:"json,omitempty"`
	// Labels are added to each entry.
	Labels map[string]string `yaml:"labels,omitempty"`
	// Path is a folder with the journal's files; that of the machine by default.
	Path string `yaml:"path,omitempty"`
	// Matches are FIELD=value with spaces in between, all of which must hold.
	Matches string `yaml:"matches,omitempty"`
}

const defaultMaxAge = 7 * time.Hour

// Validate checks the config and fills in its defaults.
func (c *Config) Validate() error {
	if c.MaxAge == 0 {
		c.MaxAge = model.Duration(defaultMaxAge)
	}
	if c.MaxAge < 0 {
		return fmt.Errorf("journal: max_age: want more than nothing")
	}
	for _, m := range strings.Fields(c.Matches) {
		name, _, ok := strings.Cut(m, "=")
		if !ok || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return fmt.Errorf("journal: matches: %q is not FIELD=value", m)
		}
	}
	return nil
}

// resumes reports whether reading can go on behind a cursor: it is one, and not
// older than max_age.
func (c *Config) resumes(cursor string, now time.Time) bool {
	at, ok := cursorTime(cursor)
	return ok && at.After(now.Add(-time.Duration(c.MaxAge)))
}

// args are what journalctl is told, to begin behind a cursor or, where that
// cannot be, max_age before now, and to end with what there is or to follow.
func (c *Config) args(cursor string, now time.Time, follow bool) []string {
	args := []string{"--output=export", "--no-pager", "--quiet"}
	if follow {
		args = append(args, "--follow", "--no-tail")
	}
	if c.Path != "" {
		args = append(args, "--directory="+c.Path)
	}
	if c.resumes(cursor, now) {
		args = append(args, "--after-cursor="+cursor)
	} else {
		args = append(args, fmt.Sprintf("--since=@%d", now.Add(-time.Duration(c.MaxAge)).Unix()))
	}
	return append(args, strings.Fields(c.Matches)...)
}
