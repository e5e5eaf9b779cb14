package tail

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// maxListings is how often a folder is listed until two listings agree.
const maxListings = 8

// A sibling is a file beside another, with a name that rotation may have given.
type sibling struct {
	name   string
	id     identity
	format Format
	// seen, if not empty, is what its first bytes were when it was matched.
	seen prefix
}

// rotatedName is what rotation adds to a name: .1, -20240610, .2024-06-10T07-06-40.000.gz, .old.
var rotatedName = regexp.MustCompile(`^(?:[.\-_](?:\d[\dTZ.:\-_]*|old|bak|prev|backup))?(?:\.(?:gz|zst|bz2|Z))?$`)

// datedStem is what it puts between the stem and the suffix of one.
var datedStem = regexp.MustCompile(`^[.\-_]\d{4}-?\d{2}-?\d{2}[\dTZ.:\-_]*$`)

// isRotated reports whether rotation may have made name of base.
func isRotated(name, base string) bool {
	if after, ok := strings.CutPrefix(name, base); ok {
		return after != "" && rotatedName.MatchString(after)
	}
	suffix := filepath.Ext(base)
	after, ok := strings.CutPrefix(name, strings.TrimSuffix(base, suffix))
	if !ok || suffix == "" || suffix == base {
		return false
	}
	if f := formatOf(after); f != Plain {
		after = strings.TrimSuffix(after, filepath.Ext(after))
	}
	after, ok = strings.CutSuffix(after, suffix)
	return ok && datedStem.MatchString(after)
}

// siblings returns the files beside path that rotation may have made of it,
// oldest first. A listing may miss a file that gets another name meanwhile, so
// two in a row must agree; settled says that they did.
func siblings(path string) (found []sibling, settled bool) {
	found, _ = listSiblings(path)
	for range maxListings {
		again, err := listSiblings(path)
		if err == nil && slices.EqualFunc(found, again, sameFile) {
			return again, true
		}
		found = again
	}
	return found, false
}

// listSiblings lists once. That there is no folder is no error.
func listSiblings(path string) ([]sibling, error) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var out []sibling
	for _, e := range entries {
		if !isRotated(e.Name(), base) {
			continue
		}
		id, err := stat(dir + e.Name())
		if err != nil || !id.regular {
			continue
		}
		out = append(out, sibling{name: dir + e.Name(), id: id, format: formatOf(e.Name())})
	}
	slices.SortFunc(out, byAge)
	return out, nil
}

// byAge orders siblings from old to new: by the dates in their names, since a
// compressed file may be younger than what it holds, then by time, then by
// number, since 2 is older than 1.
func byAge(a, b sibling) int {
	da, db := digits(a.name), digits(b.name)
	if len(da) >= 8 && len(da) == len(db) && da != db {
		return strings.Compare(da, db)
	}
	return cmp.Or(cmp.Compare(a.id.modified, b.id.modified), cmp.Compare(len(db), len(da)), strings.Compare(db, da))
}

// digits returns those of the last element of a path.
func digits(path string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, filepath.Base(path))
}

// holds reports whether the sibling is the file of a track under another name,
// or a copy of it, perhaps compressed.
func (s *sibling) holds(t *position.Track) bool {
	n := t.Name()
	want := prefix{n.PrefixBytes, n.Prefix}
	if s.format == Plain && n.Same(s.id.File) {
		if want.bytes == 0 {
			return s.id.size == 0 || n.Certainly(s.id.File) // or another file may have its inode now
		}
		return s.prefix(want.bytes) == want && s.id.size >= want.bytes
	}
	if want.bytes == 0 {
		return false // nothing was seen of it
	}
	if s.format == Plain && (s.id.size < t.Low() || n.Finished && s.id.size != t.Low()) {
		return false
	}
	return s.prefix(want.bytes) == want
}

// begins reports whether the sibling is as far as it goes what lies at the path:
// a copy in the making.
func (s *sibling) begins(here sibling) bool {
	if s.format != Plain || here.format != Plain || here.id.size == 0 || s.id.size > here.id.size {
		return false
	}
	n := min(s.id.size, prefixBytes)
	p := s.prefix(n)
	return p.bytes >= 0 && p == here.prefix(n)
}

// sight is the prefix that the sibling has now, or the zero value when another
// file has its name by now.
func (s *sibling) sight() prefix {
	if s.id.size == 0 || s.seen.bytes > 0 {
		return s.seen
	}
	p := s.prefix(prefixBytes)
	if p.bytes < 0 {
		return prefix{}
	}
	return p
}

// sameFile reports whether both are one file under one name.
func sameFile(a, b sibling) bool { return a.name == b.name && a.id.same(b.id) }

// prefix hashes the first bytes of what the sibling holds. That of one whose name
// another file has by now is of no file.
func (s *sibling) prefix(n int64) prefix {
	f, err := os.Open(s.name)
	if err != nil {
		return prefix{bytes: -1}
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if at, err := statFile(f); err != nil || !at.same(s.id) {
		return prefix{bytes: -1}
	}
	if s.format == Plain {
		return prefixOf(f, n)
	}
	r, err := decompress(f, s.format)
	if err != nil {
		return prefix{bytes: -1}
	}
	defer r.Close() //nolint:errcheck // nothing was written
	return prefixOfStream(r, n)
}
