package loghttp

import "strconv"

// A Bulk is a push in the manner of Elasticsearch's _bulk: pairs of lines, what
// to do and a document.
type Bulk struct {
	*Push
	Items []BulkItem
}

// A BulkItem is one thing to do.
type BulkItem struct {
	Op        string // index, create, update or delete
	Index, ID string
	// Stream and Entry are where its entry is in the batch, unless there is an
	// Err, which says why there is none.
	Stream, Entry int
	Err           error
}

// The things to do with a document. Entries are only ever added.
const (
	bulkIndex  = "index"
	bulkCreate = "create"
	bulkUpdate = "update"
	bulkDelete = "delete"
)

// indexField is the name under which the index of a document can be one of the
// stream fields.
const indexField = "_index"

// itemBytes is what an item takes.
const itemBytes = 128

// ReadBulk reads the body of _bulk; index is the one of the URL, which lines may
// leave out. A line that does not say what to do is an error of the whole body,
// since nothing is sure after it; a bad document is one of its item. The caller
// releases the push.
func ReadBulk(body PushBody, lim PushLimits, m *DocMapping, index string, now int64) (*Bulk, error) {
	b := &bulkReader{index: index}
	p, err := readDocs(body, lim, m, now, b.read)
	return &Bulk{Push: p, Items: b.items}, err
}

type bulkReader struct {
	index string
	items []BulkItem
	wants bool // a document, for the last item
}

func (b *bulkReader) read(d *docReader, text []byte) error {
	err := eachLine(text, func(number int, line []byte) error {
		if !b.wants {
			return b.action(d, number, line)
		}
		b.wants = false
		it := &b.items[len(b.items)-1]
		if it.Err != nil {
			return nil // it is not for us
		}
		d.index = it.Index
		place, err := d.read(line)
		it.Stream, it.Entry, it.Err = place.stream, place.entry, err
		return d.err
	})
	if err == nil && b.wants {
		err = malformedf("the last line says what to do, and no document follows")
	}
	return err
}

// action reads a line such as {"create": {"_index": "logs", "_id": "1"}}.
func (b *bulkReader) action(d *docReader, number int, line []byte) error {
	d.charge(itemBytes)
	r := jsonReader{buf: line, keep: true}
	it := BulkItem{Index: b.index, ID: strconv.Itoa(len(b.items))}
	for r.open('{', "an object that says what to do"); r.more('}'); {
		at := r.pos
		if it.Op != "" {
			r.fail(at, "a second thing to do")
			break
		}
		switch op := r.key(); string(op) {
		case bulkIndex:
			it.Op, b.wants = bulkIndex, true
		case bulkCreate:
			it.Op, b.wants = bulkCreate, true
		case bulkUpdate:
			it.Op, b.wants, it.Err = bulkUpdate, true, errNoChange
		case bulkDelete:
			it.Op, it.Err = bulkDelete, errNoChange
		default:
			r.fail(at, "expected index or create, found %.40q", op)
		}
		for r.open('{', "an object"); r.more('}'); {
			switch string(r.key()) {
			case "_index":
				it.Index = b.intern(r.string("an index in quotes"))
			case "_id":
				if !r.null() {
					it.ID = string(r.string("an id in quotes"))
				}
			default:
				r.skip()
			}
		}
	}
	r.end()
	if r.err == nil && it.Op == "" {
		r.fail(0, "expected index or create, found nothing to do")
	}
	if r.err != nil {
		return malformedf("line %d: %v", number, r.err)
	}
	b.items = append(b.items, it)
	return d.err
}

// intern returns the name of an index, which mostly is the same as before.
func (b *bulkReader) intern(name []byte) string {
	if n := len(b.items); n > 0 && b.items[n-1].Index == string(name) {
		return b.items[n-1].Index
	}
	return string(name)
}

// errNoChange is of items that would change what is there.
var errNoChange = unsupportedError("entries are only added: use create or index, not update or delete")
