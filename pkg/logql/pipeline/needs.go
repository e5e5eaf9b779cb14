package pipeline

// needs is the set of labels that somebody looks at.
type needs struct {
	all   bool
	names map[string]bool
	// parsed says that a parser makes labels behind the stage being asked.
	parsed bool
}

// neededBy is what the result looks at.
func neededBy(opts Options) needs {
	n := needs{names: map[string]bool{}}
	if opts.Grouping == nil || opts.Grouping.Without {
		n.all = true
		return n
	}
	for _, l := range opts.Grouping.Labels {
		n.label(l)
	}
	return n
}

func (n *needs) label(name string) { n.names[name] = true }

func (n *needs) everything() { n.all = true }

func (n *needs) has(name string) bool { return n.all || n.names[name] }

// nothing reports whether no label is looked at, errors included.
func (n *needs) nothing() bool { return !n.all && len(n.names) == 0 }
