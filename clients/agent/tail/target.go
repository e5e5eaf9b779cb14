package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// A Target is what a scrape config found to read: the files that match a
// pattern.
type Target struct {
	Job string
	// Path and Exclude are patterns: *, ?, **, {a,b}, […].
	Path, Exclude string
	// Labels are those of every entry, save filename, which is added.
	Labels labels.Labels
	// Discovered are the labels before relabelling.
	Discovered labels.Labels
	// Chain makes the stages of one file.
	Chain func() entry.Chain
	// Encoding of the files.
	Encoding *Encoding
	// Format is how the files are compressed. Compressed files are read once.
	Format Format
	// Delay is how old a compressed file is before it is read.
	Delay time.Duration
}

// id tells targets of one job apart.
func (t *Target) id() string { return t.Path + "\xff" + t.Exclude + "\xff" + t.Labels.String() }

// glob returns the files that the target names now, as absolute paths.
func (t *Target) glob() ([]string, error) {
	pattern, err := filepath.Abs(t.Path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(pattern); err == nil && !info.IsDir() {
		return t.keep([]string{pattern})
	}
	paths, err := doublestar.FilepathGlob(pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern %s: %w", t.Path, err)
	}
	return t.keep(paths)
}

// keep leaves out the paths that are excluded, or cannot be a label's value.
func (t *Target) keep(paths []string) ([]string, error) {
	exclude := t.Exclude
	if exclude != "" {
		var err error
		if exclude, err = filepath.Abs(exclude); err != nil {
			return nil, err
		}
	}
	kept := paths[:0]
	for _, p := range paths {
		if exclude != "" {
			out, err := doublestar.PathMatch(exclude, p)
			if err != nil {
				return nil, fmt.Errorf("pattern %s: %w", t.Exclude, err)
			}
			if out || p == exclude {
				continue
			}
		}
		if strings.ToValidUTF8(p, "") == p {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

// base is the folder below which all of the target's files lie.
func (t *Target) base() string {
	pattern, err := filepath.Abs(t.Path)
	if err != nil {
		return ""
	}
	dir, _ := doublestar.SplitPattern(filepath.ToSlash(pattern))
	return filepath.FromSlash(dir)
}
