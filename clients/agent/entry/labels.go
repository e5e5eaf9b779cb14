package entry

import (
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
)

// Reserved is the label that names the tenant of an entry.
const Reserved = "__tenant_id__"

// maxDerived is how many changed copies of a label set are kept at hand. A
// label with more values than that is made anew each time.
const maxDerived = 256

// Labels are the labels of entries, those that begin with __ included. They are
// immutable, and may be shared by any number of goroutines; equal pointers mean
// equal labels, and labels reached by the same changes from the same origin are
// mostly the same pointer.
type Labels struct {
	all    labels.Labels
	family uint64

	once   sync.Once
	public labels.Labels
	text   string
	tenant string

	mu      sync.Mutex
	derived map[labels.Label]*Labels
}

// NewLabels returns the origin of a family of labels.
func NewLabels(ls labels.Labels) *Labels { return &Labels{all: ls, family: ls.Hash()} }

// Family is the same number for all labels that were made by changes of equal
// origins: what one source reads has one family, whatever stages make of it.
func (l *Labels) Family() uint64 { return l.family }

// Get returns the value of a label, or nothing.
func (l *Labels) Get(name string) string { return l.all.Get(name) }

// Has reports whether there is a label of that name.
func (l *Labels) Has(name string) bool { return l.all.Has(name) }

// All returns all labels.
func (l *Labels) All() labels.Labels { return l.all }

// With returns the labels with one set, or removed where value is empty. It
// keeps copies of both strings.
func (l *Labels) With(name, value string) *Labels {
	key := labels.Label{Name: name, Value: value}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d, ok := l.derived[key]; ok {
		return d
	}
	if l.all.Get(name) == value {
		return l
	}
	key = labels.Label{Name: strings.Clone(name), Value: strings.Clone(value)}
	b := labels.NewBuilder(l.all)
	b.Set(key.Name, key.Value)
	d := &Labels{all: b.Labels(), family: l.family}
	if l.derived == nil {
		l.derived = map[labels.Label]*Labels{}
	}
	if len(l.derived) >= maxDerived {
		clear(l.derived)
	}
	l.derived[key] = d
	return d
}

// Without returns the labels without one.
func (l *Labels) Without(name string) *Labels { return l.With(name, "") }

// Forget drops what is kept for the sake of speed, as when a file falls idle.
func (l *Labels) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.derived = nil
}

// Public returns the labels that leave the agent: those that do not begin with __.
func (l *Labels) Public() labels.Labels {
	l.once.Do(l.render)
	return l.public
}

// Text is Public as the push protocol writes it.
func (l *Labels) Text() string {
	l.once.Do(l.render)
	return l.text
}

// Tenant is the tenant that the labels ask for, or nothing.
func (l *Labels) Tenant() string {
	l.once.Do(l.render)
	return l.tenant
}

func (l *Labels) render() {
	b := labels.NewScratchBuilder(l.all.Len())
	all := true
	l.all.Range(func(lb labels.Label) {
		if strings.HasPrefix(lb.Name, "__") {
			all = false
			return
		}
		b.Add(lb.Name, lb.Value)
	})
	if l.public = l.all; !all {
		l.public = b.Labels()
	}
	l.text = l.public.String()
	l.tenant = l.all.Get(Reserved)
}
