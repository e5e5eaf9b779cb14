package target

import (
	"strings"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// maxKnown is for how many sets of labels a Labeler remembers what became of them.
const maxKnown = 10_000

// ReasonRelabel is the reason under which entries are dropped that relabelling
// does not keep.
const ReasonRelabel = "relabel"

// A Labeler turns the labels that entries come with into those that they are
// sent with. Entries with labels seen before cost a lookup.
type Labeler struct {
	base    labels.Labels
	relabel []*relabel.Config
	// looked are the names that relabelling may look at; maps are the expressions
	// of labelmap, which look at any that they match.
	looked map[string]bool
	maps   []relabel.Regexp

	mu    sync.Mutex               // guards the fields below
	known map[string]*entry.Labels // nil for what relabelling drops
	key   []byte
}

// NewLabeler returns a labeler that adds the labels of base.
func NewLabeler(base map[string]string, configs []*relabel.Config) *Labeler {
	l := &Labeler{base: labels.FromMap(base), looked: map[string]bool{}, known: map[string]*entry.Labels{}}
	for _, c := range configs {
		own := *c
		own.NameValidationScheme = model.LegacyValidation // servers take no other names
		l.relabel = append(l.relabel, &own)
		for _, name := range own.SourceLabels {
			l.looked[string(name)] = true
		}
		l.looked[own.TargetLabel] = true // keepequal and dropequal look at it
		if own.Action == relabel.LabelMap {
			l.maps = append(l.maps, own.Regex)
		}
	}
	return l
}

// Base are the labels that are added to each entry.
func (l *Labeler) Base() labels.Labels { return l.base }

// Labels returns what becomes of the labels of an entry: relabelled, and
// without those that begin with __ save the tenant's. own may be in any order,
// and wins over base; a label without a value is none. It reports false when
// relabelling drops the entry. What own holds is copied.
func (l *Labeler) Labels(own []labels.Label) (_ *entry.Labels, kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.key = l.key[:0]
	for _, o := range own {
		if !l.matters(o.Name) {
			continue
		}
		// No name or value of labels holds this byte as UTF-8.
		l.key = append(append(l.key, o.Name...), 0xff)
		l.key = append(append(l.key, o.Value...), 0xff)
	}
	if ls, ok := l.known[string(l.key)]; ok {
		return ls, ls != nil
	}
	if len(l.known) >= maxKnown {
		clear(l.known)
	}
	ls := l.make(own)
	l.known[string(l.key)] = ls
	return ls, ls != nil
}

// Looks reports whether the labels of an entry may depend on a label of that name:
// what nobody looks at need not be found out.
func (l *Labeler) Looks(name string) bool { return l.matters(name) }

// matters reports whether the result may depend on a label. Most of what sources
// know of an entry matters to nobody, and is different each time.
func (l *Labeler) matters(name string) bool {
	if !strings.HasPrefix(name, "__") || name == entry.Reserved || l.looked[name] {
		return true
	}
	for _, m := range l.maps {
		if m.MatchString(name) {
			return true
		}
	}
	return false
}

func (l *Labeler) make(own []labels.Label) *entry.Labels {
	b := labels.NewBuilder(l.base)
	for _, o := range own {
		if o.Value != "" && l.matters(o.Name) {
			b.Set(strings.Clone(o.Name), strings.ToValidUTF8(strings.Clone(o.Value), "\ufffd"))
		}
	}
	if !relabel.ProcessBuilder(b, l.relabel...) {
		return nil
	}
	b.Range(func(lb labels.Label) {
		if strings.HasPrefix(lb.Name, "__") && lb.Name != entry.Reserved {
			b.Del(lb.Name)
		}
	})
	return entry.NewLabels(b.Labels())
}
