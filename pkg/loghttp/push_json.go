package loghttp

import (
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// A jsonPush reads the JSON forms of a push. It changes the text it reads, and
// what it builds points into that.
type jsonPush struct {
	r      jsonReader
	build  logproto.BatchBuilder
	labels labelWriter
}

func (p *jsonPush) reset(text []byte) {
	p.r = jsonReader{buf: text}
	p.build.Reset(len(text))
	p.labels.buf = p.labels.buf[:0]
}

func (p *jsonPush) release() {
	p.r = jsonReader{}
	p.build.Release()
	p.labels.release()
}

// streams reads {"streams": […]}, and each stream by read.
func (p *jsonPush) streams(text []byte, read func(*jsonPush)) error {
	p.reset(text)
	r := &p.r
	if !r.null() {
		for r.open('{', "an object with streams"); r.more('}'); {
			if string(r.key()) != "streams" {
				r.skip()
				continue
			}
			if r.null() {
				continue
			}
			for r.open('[', "an array of streams"); r.more(']'); {
				read(p)
			}
		}
	}
	r.end()
	return r.err
}

// modern reads the body of /loki/api/v1/push:
//
//	{"streams": [{"stream": {"app": "web"}, "values": [["<ns>", "line", {"name": "value"}]]}]}
func (p *jsonPush) modern(text []byte) error { return p.streams(text, (*jsonPush).modernStream) }

func (p *jsonPush) modernStream() {
	r := &p.r
	r.peek()
	at := r.pos
	var stream, values, legacy bool
	p.labels.lbls = p.labels.lbls[:0]
	for r.open('{', "a stream"); r.more('}'); {
		switch string(r.key()) {
		case "stream":
			stream = true
			p.streamLabels()
		case "values":
			values = true
			p.values()
		case "labels", "entries":
			legacy = true
			r.skip()
		default:
			r.skip()
		}
	}
	if legacy && !stream && !values {
		r.fail(at, `a stream with "labels" and "entries", which belong in a push to /api/prom/push: use "stream" and "values" here`)
	}
	p.stream(at, p.labels.text())
}

func (p *jsonPush) stream(at int, lbls string) {
	if r := &p.r; r.err == nil && !p.build.Stream(lbls, 0) {
		r.fail(at, "too many streams for a push of %d bytes", len(r.buf))
	}
}

// streamLabels reads the object that "stream" is. Of labels with the same name
// the last counts; numbers and booleans are taken for their text.
func (p *jsonPush) streamLabels() {
	r := &p.r
	p.labels.lbls = p.labels.lbls[:0]
	if r.null() {
		return
	}
	for r.open('{', "an object of labels"); r.more('}'); {
		l := labels.Label{Name: model.Borrow(r.key())}
		switch c := r.peek(); {
		case c == '"':
			l.Value = r.text("")
		case c == '{' || c == '[':
			r.expected("a label value")
		case !r.null():
			l.Value = model.Borrow(r.literal())
		}
		if len(p.labels.lbls) == logproto.MaxLabels {
			r.fail(r.pos, "more than %d labels", logproto.MaxLabels)
			return
		}
		p.labels.lbls = append(p.labels.lbls, l)
	}
}

// values reads the array of a stream's entries.
func (p *jsonPush) values() {
	r := &p.r
	if r.null() {
		return
	}
	for r.open('[', "an array of entries"); r.more(']'); {
		p.value()
	}
}

// value reads ["<ns>", "line", {metadata}, …]; all but the first may be missing.
func (p *jsonPush) value() {
	r := &p.r
	r.peek()
	at := r.pos
	var (
		ts   int64
		line string
		n    int
	)
	for r.open('[', "an entry"); r.more(']'); n++ {
		switch n {
		case 0:
			ts = p.nanoseconds()
		case 1:
			line = r.text("a line in quotes")
		case 2:
			p.metadata()
		default:
			r.skip()
		}
	}
	if n == 0 {
		r.fail(at, "an entry without a timestamp")
	}
	p.entry(at, ts, line)
}

func (p *jsonPush) entry(at int, ts int64, line string) {
	r := &p.r
	switch {
	case r.err != nil:
	case len(line) > logproto.MaxRowBytes:
		r.fail(at, "a line of %d bytes, more than %d", len(line), logproto.MaxRowBytes)
	case !p.build.Entry(ts, line):
		r.fail(at, "too many entries for a push of %d bytes", len(r.buf))
	}
}

func (p *jsonPush) nanoseconds() int64 {
	r := &p.r
	r.peek()
	at := r.pos
	text := r.text("a timestamp in quotes")
	ts, err := strconv.ParseInt(text, 10, 64)
	if err != nil && r.err == nil {
		r.fail(at, "timestamp %.40q is no count of nanoseconds", text)
	}
	return ts
}

// metadata reads an object of strings as the pairs of the next entry.
func (p *jsonPush) metadata() {
	r := &p.r
	at := r.pos
	size := 0
	for r.open('{', "an object of structured metadata"); r.more('}'); {
		name := model.Borrow(r.key())
		value := r.text("a metadata value in quotes")
		if size += len(name) + len(value); size > logproto.MaxRowBytes {
			r.fail(at, "metadata of more than %d bytes", logproto.MaxRowBytes)
		}
		if r.err == nil && !p.build.Pair(name, value) {
			r.fail(at, "too much metadata for a push of %d bytes", len(r.buf))
		}
	}
}

// legacy reads the body of /api/prom/push:
//
//	{"streams": [{"labels": "{app=\"web\"}", "entries": [{"ts": "<RFC 3339>", "line": "…", "structuredMetadata": {…}}]}]}
func (p *jsonPush) legacy(text []byte) error { return p.streams(text, (*jsonPush).legacyStream) }

func (p *jsonPush) legacyStream() {
	r := &p.r
	r.peek()
	at := r.pos
	var lbls string
	var legacy, modern bool
	for r.open('{', "a stream"); r.more('}'); {
		switch string(r.key()) {
		case "labels":
			legacy = true
			lbls = r.text("labels in quotes")
		case "entries":
			legacy = true
			if r.null() {
				break
			}
			for r.open('[', "an array of entries"); r.more(']'); {
				p.legacyEntry()
			}
		case "stream", "values":
			modern = true
			r.skip()
		default:
			r.skip()
		}
	}
	if modern && !legacy {
		r.fail(at, `a stream with "stream" and "values", which belong in a push to /loki/api/v1/push: use "labels" and "entries" here`)
	}
	p.stream(at, lbls)
}

func (p *jsonPush) legacyEntry() {
	r := &p.r
	r.peek()
	at := r.pos
	var (
		ts   string
		line string
	)
	for r.open('{', "an entry"); r.more('}'); {
		switch string(r.key()) {
		case "ts":
			ts = r.text("a timestamp in quotes")
		case "line":
			line = r.text("a line in quotes")
		case "structuredMetadata":
			p.metadata()
		default:
			r.skip()
		}
	}
	t, err := time.Parse(time.RFC3339Nano, ts)
	if r.err == nil && (err != nil || t.Unix() < minSeconds || t.Unix() >= maxSeconds) {
		r.fail(at, "timestamp %.40q is not of RFC 3339", ts)
		return
	}
	p.entry(at, t.UnixNano(), line)
}
