package loghttp

import (
	"fmt"

	"github.com/grafana/regexp"
)

// A Place is where an attribute of OpenTelemetry goes.
type Place uint8

// The places.
const (
	ToMetadata Place = iota // structured metadata of the entry
	ToLabel                 // a label of the stream
	ToNowhere               // dropped
)

// An AttributeRule gives attributes a place: those of the names, and those whose
// whole name the expression matches. An empty expression matches none.
type AttributeRule struct {
	Place Place
	Names []string
	Regex string
}

// An AttributeMap knows the place of every attribute. The zero value makes all
// of them structured metadata. It does not change once it is made.
type AttributeMap struct {
	byName  map[string]ruled
	regexes []ruledRegex
}

type ruled struct {
	rule  int // the number of the rule: the first one wins
	place Place
}

type ruledRegex struct {
	ruled
	re *regexp.Regexp
}

// NewAttributeMap returns the map of these rules, of which the first that
// matches a name wins. Attributes that none matches become structured metadata.
func NewAttributeMap(rules []AttributeRule) (AttributeMap, error) {
	m := AttributeMap{byName: map[string]ruled{}}
	for n, r := range rules {
		for _, name := range r.Names {
			if _, ok := m.byName[name]; !ok {
				m.byName[name] = ruled{n, r.Place}
			}
		}
		if r.Regex == "" {
			continue
		}
		re, err := regexp.Compile("^(?:" + r.Regex + ")$")
		if err != nil {
			return AttributeMap{}, fmt.Errorf("rule %d: %w", n+1, err)
		}
		m.regexes = append(m.regexes, ruledRegex{ruled{n, r.Place}, re})
	}
	return m, nil
}

// Place returns where the attribute goes.
func (m *AttributeMap) Place(name string) Place {
	named, ok := m.byName[name]
	for i := range m.regexes {
		r := &m.regexes[i]
		if ok && named.rule <= r.rule {
			break
		}
		if r.re.MatchString(name) {
			return r.place
		}
	}
	return named.place // the zero place where no rule has the name
}

// An OTLPMapping says what becomes of the parts of a log record. The zero value
// makes structured metadata of all attributes. It does not change once it is made.
type OTLPMapping struct {
	Resource, Scope, Record AttributeMap
	// SeverityLabel makes severity_text a label of the stream.
	SeverityLabel bool
}
