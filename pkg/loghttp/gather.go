package loghttp

import (
	"encoding/hex"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// A gatherer puts entries that come one by one, each with its labels, into the
// streams they belong to. What it makes that is not in proportion to the body is
// charged to the push's budget: metadata that is written once and holds for many
// entries, names that are as long as their nesting wants.
type gatherer struct {
	push *Push

	labels  labelWriter
	byText  map[string]int // labels → streams
	streams []model.Stream

	names map[string]string // of fields, as they are stored
	text  []byte            // what is made of values; strings point into it
	pairs []labels.Label    // metadata of entries; slices of it are handed out
	err   error             // the first one: there is no room left
}

func newGatherer(p *Push) *gatherer {
	return &gatherer{push: p, byText: map[string]int{}, names: map[string]string{}}
}

// stream returns the number of the stream whose labels were just added.
func (g *gatherer) stream() int {
	before := len(g.labels.buf)
	text := g.labels.text()
	n, ok := g.byText[text]
	if ok {
		g.labels.buf = g.labels.buf[:before]
		return n
	}
	g.charge(len(text))
	n = len(g.streams)
	g.byText[text] = n
	g.streams = append(g.streams, model.Stream{Labels: text})
	return n
}

// name returns the name under which a field is stored. One that nothing is left
// of stays as it is, for the entry to be refused with it.
func (g *gatherer) name(name string) (string, bool) {
	if stored, ok := g.names[name]; ok {
		return stored, true
	}
	stored, err := model.SanitizeName(name)
	if err != nil {
		return name, false
	}
	g.names[name] = stored
	return stored, true
}

// fewPairs is how many pairs are compared with each other one by one.
const fewPairs = 32

// appendMissing appends those pairs of more whose names dst has not.
func appendMissing(dst, more []labels.Label) []labels.Label {
	own := dst
	has := func(name string) bool {
		return slices.ContainsFunc(own, func(l labels.Label) bool { return l.Name == name })
	}
	if len(own) > fewPairs && len(more) > 1 {
		names := make(map[string]bool, len(own))
		for _, l := range own {
			names[l.Name] = true
		}
		has = func(name string) bool { return names[name] }
	}
	for _, l := range more {
		if !has(l.Name) {
			dst = append(dst, l)
		}
	}
	return dst
}

// room returns an empty slice for n pairs, in an array that many entries share.
func (g *gatherer) room(n int) []labels.Label {
	const least, pairBytes = 512, 32
	if cap(g.pairs)-len(g.pairs) < n {
		size := max(n, least)
		g.charge(size * pairBytes)
		if g.err != nil {
			return nil
		}
		g.pairs = make([]labels.Label, 0, size)
	}
	return g.pairs[len(g.pairs):]
}

// keep keeps what was put into the room, unless it outgrew it and lies elsewhere.
func (g *gatherer) keep(pairs []labels.Label) {
	if n := len(g.pairs) + len(pairs); n <= cap(g.pairs) {
		g.pairs = g.pairs[:n]
	}
}

// charge claims memory that is not in proportion to the body.
func (g *gatherer) charge(n int) {
	if g.err == nil {
		g.err = g.push.hold(int64(n))
	}
}

// begin returns where text starts that is appended to g.text, and made returns
// what was appended.
func (g *gatherer) begin() int {
	const slab = 32 << 10
	if cap(g.text)-len(g.text) < slab/8 {
		g.text = make([]byte, 0, slab)
	}
	return len(g.text)
}

func (g *gatherer) made(start int) string {
	g.charge(len(g.text) - start)
	return model.Borrow(g.text[start:len(g.text):len(g.text)])
}

func (g *gatherer) hex(id []byte) string {
	start := g.begin()
	g.text = hex.AppendEncode(g.text, id)
	return g.made(start)
}

// path returns the name of a field within another one.
func (g *gatherer) path(outer string, sep byte, name string) string {
	start := g.begin()
	g.text = append(append(append(g.text, outer...), sep), name...)
	return g.made(start)
}
