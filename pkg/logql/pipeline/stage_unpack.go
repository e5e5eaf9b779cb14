package pipeline

import "github.com/skaldlogs/skald/pkg/extract"

// unpackStage undoes the agent's pack stage: an object whose member _entry is
// the line, and whose other strings are labels. Nothing, not even white space, may
// stand before it.
type unpackStage struct{}

// packedEntry is the member that holds the line.
const packedEntry = "_entry"

// idle is false: the line changes whatever is looked at.
func (unpackStage) idle(*needs) bool { return false }

func (unpackStage) need(n *needs) { n.parsed = true }

func (unpackStage) process(e *entry) bool {
	if e.line == "" {
		return true
	}
	r, i := extract.JSON{Text: e.line, Scratch: &e.scratch}, 0
	if !r.At(i, '{') {
		e.fail(ErrJSON, "line is not a JSON object")
		return true
	}
	packed := e.packed[:0]
	line, hasLine := "", false
	i++
	for first := true; ; first = false {
		key, at, ok := r.Member(i, first)
		if !ok {
			break
		}
		if i = at; !r.At(i, '"') {
			i = r.Skip(i)
			continue
		}
		raw, escaped, end := r.Quoted(i)
		if i = end; escaped {
			raw = r.Unescape(raw, end)
		}
		if key == packedEntry {
			line, hasLine = raw, true
		} else {
			packed = append(packed, field{name: key, value: raw})
		}
	}
	e.packed = packed
	if r.Fault != "" {
		e.fail(ErrJSON, r.FaultText())
		return true
	}
	if !hasLine {
		return true
	}
	e.line = line
	// From the last to the first, since the first to be extracted stays.
	for j := len(packed) - 1; j >= 0; j-- {
		if packed[j].name != "" {
			e.extract(e.names.lookupString(packed[j].name), packed[j].value)
		}
	}
	return true
}
