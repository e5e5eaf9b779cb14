package agent

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	"golang.org/x/term"

	"github.com/skaldlogs/skald/clients/agent/stage"
)

// An inspector shows what each stage changed.
type inspector struct {
	mu     sync.Mutex // guards to
	to     io.Writer
	colour bool
}

func newInspector(to io.Writer) *inspector {
	f, ok := to.(*os.File)
	return &inspector{to: to, colour: ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))}
}

// observe is told what a stage did.
func (i *inspector) observe(o stage.Observation) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "[inspect: %s stage]:\n", o.Stage)
	if o.Gone {
		i.line(&b, '-', "line: "+o.Before.Line+" (dropped, or held back to be joined)")
	} else {
		i.diff(&b, o)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	_, _ = i.to.Write(b.Bytes())
}

func (i *inspector) diff(b *bytes.Buffer, o stage.Observation) {
	n := b.Len()
	i.maps(b, "labels", o.Before.Labels.Map(), o.After.Labels.Map())
	i.maps(b, "metadata", metadata(o.Before), metadata(o.After))
	i.maps(b, "extracted", o.Before.Extracted, o.After.Extracted)
	if !o.Before.Timestamp.Equal(o.After.Timestamp) {
		i.change(b, "timestamp", o.Before.Timestamp.String(), o.After.Timestamp.String())
	}
	if o.Before.Line != o.After.Line {
		i.change(b, "line", o.Before.Line, o.After.Line)
	}
	if b.Len() == n {
		b.WriteString("none\n")
	}
}

func metadata(s stage.Snapshot) map[string]string {
	out := map[string]string{}
	for _, m := range s.Metadata {
		out[m.Name] = m.Value
	}
	return out
}

func (i *inspector) maps(b *bytes.Buffer, what string, before, after map[string]string) {
	names := maps.Clone(before)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, had := before[name]
		is, has := after[name]
		switch {
		case had && has && was != is:
			i.change(b, what+" "+name, was, is)
		case had && !has:
			i.line(b, '-', what+" "+name+": "+was)
		case has && !had:
			i.line(b, '+', what+" "+name+": "+is)
		}
	}
}

func (i *inspector) change(b *bytes.Buffer, what, was, is string) {
	i.line(b, '-', what+": "+was)
	i.line(b, '+', what+": "+is)
}

func (i *inspector) line(b *bytes.Buffer, sign byte, text string) {
	if !i.colour {
		fmt.Fprintf(b, "%c%s\n", sign, text)
		return
	}
	colour := 31 // red
	if sign == '+' {
		colour = 32 // green
	}
	fmt.Fprintf(b, "\x1b[%dm%c%s\x1b[0m\n", colour, sign, text)
}
