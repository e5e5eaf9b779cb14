package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

func sortNamespaces(ns []rulefile.Namespace) {
	slices.SortFunc(ns, func(a, b rulefile.Namespace) int { return cmp.Compare(a.Name, b.Name) })
}

// A source says which rule files are meant.
type source struct {
	args  []string
	files string // with commas
	dirs  string // with commas: all *.yml and *.yaml below
}

// paths lists the files.
func (s *source) paths() ([]string, error) {
	out := slices.Clone(s.args)
	out = append(out, list(s.files)...)
	for _, dir := range list(s.dirs) {
		before := len(out)
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".yml" || ext == ".yaml") {
				out = append(out, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("--rule-dirs: %w", err)
		}
		if len(out) == before {
			return nil, fmt.Errorf("--rule-dirs: no *.yml or *.yaml is in %s or below", dir)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no rule files: name some, or use --rule-files or --rule-dirs")
	}
	return out, nil
}

func list(commas string) []string {
	var out []string
	for item := range strings.SplitSeq(commas, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

// A file is a rule file as it was read.
type file struct {
	path       string
	namespaces []rulefile.Namespace
}

// load reads the files. All that is wrong in any of them is told at once.
func (s *source) load() ([]file, error) {
	paths, err := s.paths()
	if err != nil {
		return nil, err
	}
	var out []file
	var errs []error
	from := map[string]string{} // by namespace: the file
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found, wrong := rulefile.Parse(rulefile.DefaultName(path), content)
		for _, err := range wrong {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
		for _, ns := range found {
			if other, ok := from[ns.Name]; ok {
				errs = append(errs, fmt.Errorf("%s: namespace %s is in %s, too", path, ns.Name, other))
			}
			from[ns.Name] = path
		}
		out = append(out, file{path, found})
	}
	return out, errors.Join(errs...)
}

// namespaces are those of all files.
func namespaces(files []file) []rulefile.Namespace {
	var out []rulefile.Namespace
	for _, f := range files {
		out = append(out, f.namespaces...)
	}
	sortNamespaces(out)
	return out
}

// A chooser says which namespaces a diff or sync is about.
type chooser struct {
	names, ignored           string // with commas
	namesRegex, ignoredRegex string
}

// choose returns the function that chooses.
func (c *chooser) choose() (func(namespace string) bool, error) {
	set := 0
	for _, v := range []string{c.names, c.ignored, c.namesRegex, c.ignoredRegex} {
		if v != "" {
			set++
		}
	}
	if set > 1 {
		return nil, errors.New("only one of --namespaces, --ignored-namespaces, --namespaces-regex and --ignored-namespaces-regex can be set")
	}
	match := func(flag, text string) (func(string) bool, error) {
		re, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		return re.MatchString, nil
	}
	not := func(f func(string) bool, err error) (func(string) bool, error) {
		return func(s string) bool { return !f(s) }, err
	}
	in := func(names string) func(string) bool {
		chosen := list(names)
		return func(s string) bool { return slices.Contains(chosen, s) }
	}
	switch {
	case c.names != "":
		return in(c.names), nil
	case c.ignored != "":
		return not(in(c.ignored), nil)
	case c.namesRegex != "":
		return match("--namespaces-regex", c.namesRegex)
	case c.ignoredRegex != "":
		return not(match("--ignored-namespaces-regex", c.ignoredRegex))
	}
	return func(string) bool { return true }, nil
}
