package loghttp

// maxDocErrors is how many bad documents a push is told of one by one.
const maxDocErrors = 10

// A JSONLines is a push of JSON documents, one on each line.
type JSONLines struct {
	*Push
	// Bad is how many lines are no documents, and Errors says why of the first
	// few. The other lines are in the batch.
	Bad    int
	Errors []DocError
}

// ReadJSONLines reads newline-delimited JSON: of each line an entry is made as
// the mapping says. Lines without a time get now, in nanoseconds. What is no
// document is left out and noted; blank lines are no lines. The caller releases
// the push.
func ReadJSONLines(body PushBody, lim PushLimits, m *DocMapping, now int64) (*JSONLines, error) {
	out := &JSONLines{}
	p, err := readDocs(body, lim, m, now, func(d *docReader, text []byte) error {
		return eachLine(text, func(number int, line []byte) error {
			if _, err := d.read(line); err != nil {
				if out.Bad++; out.Bad <= maxDocErrors {
					out.Errors = append(out.Errors, DocError{number, err})
				}
			}
			return d.err
		})
	})
	out.Push = p
	return out, err
}

// readDocs reads a body of lines, which fn makes entries of.
func readDocs(body PushBody, lim PushLimits, m *DocMapping, now int64, fn func(*docReader, []byte) error) (*Push, error) {
	if body.ContentEncoding == "snappy" || body.ContentEncoding == "lz4" {
		return nil, notSupported(body.ContentEncoding)
	}
	p := pushes.Get().(*Push)
	p.budget = lim.Budget
	err := p.hold(int64(cap(p.received) + cap(p.body)))
	var text []byte
	if err == nil {
		text, err = p.decompress(body, lim)
	}
	if err == nil {
		p.BodyBytes = int64(len(text))
		d := &docReader{gatherer: newGatherer(p), mapping: m, now: now}
		d.charge(len(text)) // copies of strings with escapes
		if err = d.err; err == nil {
			err = fn(d, text)
		}
		p.Batch.Streams = d.streams
	}
	if err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}
