package ruler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

// A localStore reads the files of a folder, one folder below it for each tenant.
// A file is a namespace of its own name, unless it says otherwise.
type localStore struct {
	dir    string
	logger log.Logger

	mu    sync.Mutex
	files map[string]localFile // by path
}

// A localFile is a file as it was when it was read.
type localFile struct {
	size     int64
	modified int64
	found    []rulefile.Namespace
	err      error
}

// NewLocalStore reads rules from a folder.
func NewLocalStore(dir string, logger log.Logger) RuleStore {
	return &localStore{dir: dir, logger: logger, files: map[string]localFile{}}
}

// Tenants implements [RuleStore].
func (s *localStore) Tenants(context.Context) ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the tenants with rules: %w", err)
	}
	var out []string
	for _, e := range entries {
		// A link to a folder is one.
		if info, err := os.Stat(filepath.Join(s.dir, e.Name())); err == nil && info.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Load implements [RuleStore]. A file that is wrong is left out, and told in the
// log when it has changed: the others go on.
func (s *localStore) Load(_ context.Context, tenant string) ([]rulefile.Namespace, error) {
	if !filepath.IsLocal(tenant) || filepath.Base(tenant) != tenant {
		return nil, nil // no folder that we made could be called so
	}
	dir := filepath.Join(s.dir, tenant)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load the rules of tenant %s: %w", tenant, err)
	}
	var out []rulefile.Namespace
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || e.Name()[0] == '.' {
			continue
		}
		found, err := s.file(path, e.Name(), info)
		if err != nil {
			continue
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b rulefile.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// file reads a file if it is another than before.
func (s *localStore) file(path, name string, info fs.FileInfo) ([]rulefile.Namespace, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[path]
	if ok && f.size == info.Size() && f.modified == info.ModTime().UnixNano() {
		return f.found, f.err
	}
	f = localFile{size: info.Size(), modified: info.ModTime().UnixNano()}
	content, err := os.ReadFile(path)
	if err == nil {
		var errs []error
		f.found, errs = rulefile.Parse(name, content)
		err = errors.Join(errs...)
	}
	if f.err = err; err != nil {
		level.Error(s.logger).Log("msg", "a rule file is left out until it is mended", "file", path, "err", err)
		f.found = nil
	}
	s.files[path] = f
	return f.found, f.err
}

// Put implements [RuleStore].
func (s *localStore) Put(context.Context, string, string, rulefile.Group) error { return ErrReadOnly }

// Delete implements [RuleStore].
func (s *localStore) Delete(context.Context, string, string, string) error { return ErrReadOnly }
