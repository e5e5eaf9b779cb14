package block

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A view is what a parser makes of one template: where in it each field is.
type view struct {
	// unknown says that the template does not tell: what is in its slots may be
	// read in more than one way.
	unknown bool
	// failed says that the parser cannot read any line of the template, and finds
	// nothing in it.
	failed  bool
	members []member
	// guards are the slots that must hold a number, true, false or null, or else the
	// line is broken.
	guards []int
	// texts are the slots that hold strings, of which the escapes must mean something
	// where all members are looked at; garbled says that static text has others.
	texts   []int
	garbled bool
	// pairs are the slots that hold quoted values of logfmt whose escapes must mean
	// something, and words those that hold bare ones without what is no value.
	pairs, words []int
}

// A member is a field of a template.
type member struct {
	name string
	place
}

// The kinds of places.
const (
	placeNone    = iota // the field is not there
	placeText           // it is static text
	placeSlot           // it is in a slot
	placeUnknown        // it cannot be told
	placeSpan           // it is static text and several slots
	placeRows           // it is found line by line
)

// A place is where the value of a field is in a template.
type place struct {
	kind  uint8
	form  form
	slot  int
	text  string // static text
	frame frame  // around the slot
	// Start and end are where it is in the template, of those that a lineFinder finds.
	start, end int
}

// A frame is static text around a slot that belongs to a field.
type frame struct{ before, after string }

// A form is how the text of a value becomes the text of a field.
type form uint8

// The forms, which may be combined.
const (
	formJSON  form = 1 << iota // a string of JSON, where a backslash begins an escape
	formBare                   // a bare value of JSON, where null is no field
	formPair                   // a quoted value of logfmt: escapes, and none at all if they mean nothing
	formWord                   // a bare value of logfmt: none at all with a quote or = in it
	formEmpty                  // an empty one is no field
	formKept                   // what would be no field is an empty one
)

// find returns where the field of that name is.
func (v *view) find(name string) place {
	for i := range v.members {
		if v.members[i].name == name {
			return v.members[i].place
		}
	}
	return place{}
}

// add notes a member. Which of two of one name counts depends on their values.
func (v *view) add(m member) {
	for i := range v.members {
		if v.members[i].name == m.name {
			v.members[i].place = place{kind: placeUnknown}
			return
		}
	}
	v.members = append(v.members, m)
}

// addFirst notes a member, unless there is one of its name already.
func (v *view) addFirst(m member) {
	if v.find(m.name).kind == placeNone {
		v.members = append(v.members, m)
	}
}

// A viewCache keeps the views of the templates of a block, which are the same for
// every question.
type viewCache struct {
	json, logfmt atomic.Pointer[[]view]
}

// viewsFor returns the views of the templates of the lines, nil when the parser is
// not known here.
func (a *fieldAsker) viewsFor() []view {
	d := a.d
	t := d.lines.tmpl
	switch a.ask.Parser {
	case scan.NoParser:
		return make([]view, len(t.templates))
	case scan.JSON:
		if len(a.ask.Extractions) == 0 {
			return cachedViews(&d.cache.json, t, jsonView)
		}
		labels := make([]string, len(a.ask.Extractions))
		texts := make([]string, len(a.ask.Extractions))
		for i, x := range a.ask.Extractions {
			labels[i], texts[i] = x.Label, x.Path
		}
		paths, err := extract.NewJSONPaths(texts)
		if err != nil {
			return nil // the stages say what is wrong
		}
		return a.liveViews(func(t *template, columns []column) view { return jsonPathsView(t, columns, labels, paths) })
	case scan.Logfmt:
		if o := optionsOf(a.ask); len(o.extractions) > 0 || o.strict || o.keepEmpty {
			return a.liveViews(o.view)
		}
		return cachedViews(&d.cache.logfmt, t, logfmtOptions{}.view)
	}
	if a.finder == nil {
		return nil
	}
	return a.liveViews(a.finder.viewOf)
}

// liveViews are the views of the templates that are asked for.
func (a *fieldAsker) liveViews(parse func(*template, []column) view) []view {
	t := a.d.lines.tmpl
	views := make([]view, len(t.templates))
	for i := range t.templates {
		if a.asks(i + 1) {
			views[i] = parse(&t.templates[i], t.columns)
		}
	}
	return views
}

// viewOf reads a template.
func (f *lineFinder) viewOf(t *template, columns []column) view {
	if f.captures != nil {
		return captureView(t, columns, f)
	}
	v := patternView(t, columns, f.parts)
	if v.unknown {
		return f.view()
	}
	return v
}

func cachedViews(at *atomic.Pointer[[]view], t *templateColumn, parse func(*template, []column) view) []view {
	if v := at.Load(); v != nil {
		return *v
	}
	views := make([]view, len(t.templates))
	names := map[string]string{}
	members := 0
	for i := range views {
		v := parse(&t.templates[i], t.columns)
		for j := range v.members {
			m := &v.members[j]
			if _, ok := names[m.name]; !ok {
				names[m.name] = m.name
			}
			m.name = names[m.name] // one for all templates
		}
		v.members = slices.Clip(v.members)
		members += len(v.members)
		views[i] = v
	}
	if members <= maxCachedMembers {
		at.Store(&views)
	}
	return views
}

// maxCachedMembers is up to how many members of templates a block remembers: they
// take about as much memory as the templates themselves, a few hundred KiB.
const maxCachedMembers = 1 << 12

// A columnCache remembers columns of the lines of which something was found out
// by looking at all their values.
type columnCache struct {
	mu    sync.Mutex // guards the field below
	known *scan.Bitset
}

func (s *columnCache) sure(ref uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known != nil && s.known.Get(int(ref))
}

func (s *columnCache) learn(ref uint16, columns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = scan.NewBitset(columns, false)
	}
	s.known.Set(int(ref))
}

// isScalar reports whether text can be a value of JSON that is no string, object or
// array.
func isScalar(text string) bool {
	return text == "true" || text == "false" || text == "null" || extract.IsNumber(text)
}

// jsonView reads a template as the json stage reads a line.
//
// Only what the tokeniser makes of a line that is one object is read: there, a slot
// is either all that stands between the quotes of a string, escapes included, or a
// run of letters, digits and the signs of numbers outside of strings. So no value of
// a slot ends a string, or begins one, and the quotes of the template are all there are.
func jsonView(t *template, columns []column) view {
	if brace, sure := opens(t, columns); !brace {
		return view{unknown: !sure, failed: sure}
	}
	slots, ok := fill(t)
	if !ok {
		return view{unknown: true}
	}
	return walkJSON(slots)
}

// walkJSON finds the members of a template that is one object.
func walkJSON(slots filling) view {
	var scratch []byte
	w := jsonViewer{r: extract.JSON{Text: slots.text, Scratch: &scratch}, filling: slots}
	w.object(1, 0)
	if w.r.Fault != "" || w.unknown {
		return view{unknown: true}
	}
	return w.view
}

// A filling is a template with a digit for each bare slot: where that is a valid object,
// so are all lines of the template.
type filling struct {
	text  string
	slots map[int]int // by place in the text
	bare  []bool      // by slot
}

// fill fills a template that begins with a brace; ok is false where it ends otherwise,
// or a backslash is before a slot.
func fill(t *template) (_ filling, ok bool) {
	if t.text[0] != '{' || t.text[len(t.text)-1] != '}' {
		return filling{}, false
	}
	filled := []byte(string(t.text))
	slots := make(map[int]int, len(t.marks))
	bare := make([]bool, len(t.marks))
	quoted := false
	for i, slot := 0, 0; i < len(filled); i++ {
		switch c := filled[i]; {
		case c == 0:
			slots[i] = slot
			if !quoted {
				filled[i], bare[slot] = '0', true
			}
			slot++
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
			if i < len(filled) && filled[i] == 0 {
				return filling{}, false
			}
		}
	}
	return filling{string(filled), slots, bare}, true
}

// opens reports whether the first byte of the values of a template that is no white
// space is a brace; it is sure if that is so for all of them or for none.
func opens(t *template, columns []column) (brace, sure bool) {
	for _, c := range t.text {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case 0:
			switch columns[t.refs[0]].kind {
			case columnInt, columnPad, columnDecimal, columnHex, columnUUID, columnIP, columnHexInt, columnTime:
				return false, true
			}
			brace := bytes.IndexByte(t.text, '{') >= 0
			for _, ref := range t.refs {
				brace = brace || columns[ref].charset.has('{')
			}
			return false, !brace
		}
		return c == '{', true
	}
	return false, true
}

// A jsonViewer walks over the members of a template.
type jsonViewer struct {
	filling
	r       extract.JSON
	path    []byte
	view    view
	unknown bool
}

// slotIn returns the slot that text[start:end] is, -1 when it holds none, and
// whether it is one of both.
func (f *filling) slotIn(start, end int) (slot int, ok bool) {
	slot = -1
	for i := start; i < end; i++ {
		if s, is := f.slots[i]; is {
			if end-start != 1 {
				return 0, false
			}
			slot = s
		}
	}
	return slot, true
}

// object goes over the members of the object whose brace is before i, and
// returns the place behind it.
func (w *jsonViewer) object(i, depth int) int {
	r := &w.r
	if depth >= extract.MaxDepth {
		return r.Fail(i, "objects lie too deep in each other")
	}
	outer := len(w.path)
	for first := true; ; first = false {
		key, at, ok := r.Member(i, first)
		if !ok {
			return at
		}
		if strings.IndexByte(key, 0) >= 0 {
			w.unknown = true
		}
		i = at
		key = extract.Member(key)
		switch {
		case r.At(i, '['):
			i = r.Skip(i)
		case r.At(i, '{'):
			if key != "" {
				w.path = append(append(w.path, key...), '_')
			}
			i = w.object(i+1, depth+1)
			w.path = w.path[:outer]
		case r.At(i, '"'):
			raw, escaped, end := r.Quoted(i)
			if key != "" || outer > 0 {
				w.add(key, raw, i+1, escaped)
			}
			i = end
		default:
			text, end := r.Scalar(i)
			slot, ok := w.slotIn(i, end)
			switch {
			case !ok:
				w.unknown = true
			case slot >= 0:
				w.view.guards = append(w.view.guards, slot)
				if key != "" || outer > 0 {
					w.view.add(member{w.name(key), place{kind: placeSlot, slot: slot, form: formBare}})
				}
			case (key != "" || outer > 0) && text != "null":
				w.view.add(member{w.name(key), place{kind: placeText, text: text}})
			}
			i = end
		}
	}
}

// add notes a string that begins at start.
func (w *jsonViewer) add(key, raw string, start int, escaped bool) {
	slot, ok := w.slotIn(start, start+len(raw))
	switch {
	case !ok:
		w.unknown = true
	case slot >= 0:
		w.view.texts = append(w.view.texts, slot)
		w.view.add(member{w.name(key), place{kind: placeSlot, slot: slot, form: formJSON}})
	default:
		if escaped {
			u := extract.JSON{Scratch: new([]byte)}
			if raw = u.Unescape(raw, 0); u.Fault != "" {
				w.view.add(member{w.name(key), place{kind: placeUnknown}})
				w.view.garbled = true
				return
			}
		}
		w.view.add(member{w.name(key), place{kind: placeText, text: raw}})
	}
}

// name is the name of the label of a member of the object at w.path.
func (w *jsonViewer) name(key string) string {
	if key == "" {
		return extract.Name(string(w.path[:len(w.path)-1]))
	}
	return extract.Name(model.Borrow(append([]byte(string(w.path)), key...)))
}
