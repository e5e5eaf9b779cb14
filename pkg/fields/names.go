package fields

// A nameSet finds the place of a name in a list. Most names that are asked for
// are not in it, so it rejects by length and then by the last byte, before it
// compares.
type nameSet struct {
	fold    bool
	lengths uint64 // bit n is set when a name of n bytes is listed; 63 stands for all longer ones
	byLen   [64][]listedName
}

type listedName struct {
	name  string
	index int
}

// newNameSet returns the set of names; with fold, ASCII letters match in either
// case. Of equal names the first counts.
func newNameSet(names []string, fold bool) nameSet {
	s := nameSet{fold: fold}
	for i, name := range names {
		if _, ok := s.find(name); ok || name == "" {
			continue
		}
		n := min(len(name), 63)
		s.lengths |= 1 << n
		s.byLen[n] = append(s.byLen[n], listedName{name, i})
	}
	return s
}

// find returns the index of name in the list that the set was made from.
func (s *nameSet) find(name string) (int, bool) {
	n := min(len(name), 63)
	if s.lengths&(1<<n) == 0 {
		return 0, false
	}
	for i := range s.byLen[n] {
		l := &s.byLen[n][i]
		if l.name == name || s.fold && asciiEqualFold(l.name, name) {
			return l.index, true
		}
	}
	return 0, false
}

// asciiEqualFold reports whether a and b are the same but for the case of ASCII letters.
func asciiEqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x^y != 0x20 || x|0x20 < 'a' || x|0x20 > 'z' {
			return false
		}
	}
	return true
}
