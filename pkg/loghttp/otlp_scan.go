package loghttp

import "google.golang.org/protobuf/encoding/protowire"

// Decoding log records makes large things of few bytes, and goes as deep as
// they are nested. So a body is measured before it is decoded: what it will
// take is claimed from the budget, and what is too deep is refused.

const (
	// maxOTLPDepth is how deep messages may lie in each other. The body of a
	// record is at 4, and each level of a map in it takes three.
	maxOTLPDepth = 200
	// maxOTLPNesting is the same for the brackets of JSON.
	maxOTLPNesting = 330

	// What a message takes at most once it is decoded, and in the batch that is
	// made of it, beside its strings; arrays grow by doubling.
	otlpRecordBytes  = 640
	otlpMessageBytes = 224
)

// An otlpKind is a message of the schema, as far as bodies have to be measured.
type otlpKind uint8

const (
	otlpRequest otlpKind = iota
	otlpResourceLogs
	otlpResource
	otlpEntity
	otlpScopeLogs
	otlpScope
	otlpRecord
	otlpPair
	otlpValue
	otlpList
	otlpPairs
)

// otlpFields are the messages within messages, by number of their field.
var otlpFields = [...]map[protowire.Number]otlpKind{
	otlpRequest:      {1: otlpResourceLogs},
	otlpResourceLogs: {1: otlpResource, 2: otlpScopeLogs, 1000: otlpScopeLogs},
	otlpResource:     {1: otlpPair, 3: otlpEntity},
	otlpEntity:       {},
	otlpScopeLogs:    {1: otlpScope, 2: otlpRecord},
	otlpScope:        {3: otlpPair},
	otlpRecord:       {5: otlpValue, 6: otlpPair},
	otlpPair:         {2: otlpValue},
	otlpValue:        {5: otlpList, 6: otlpPairs},
	otlpList:         {1: otlpValue},
	otlpPairs:        {1: otlpPair},
}

// measureOTLP returns about how much memory an ExportLogsServiceRequest takes
// when it is decoded.
func measureOTLP(body []byte) (int64, error) {
	m := otlpMeasure{body: body}
	m.message(otlpRequest, 0, len(body), 0)
	return m.bytes + 2*int64(len(body)), m.err
}

type otlpMeasure struct {
	body  []byte
	bytes int64
	err   error
}

func (m *otlpMeasure) fail(at int, what string) {
	if m.err == nil {
		m.err = malformedf("protobuf: %s at offset %d", what, at)
	}
}

func (m *otlpMeasure) message(kind otlpKind, pos, end, depth int) {
	if depth > maxOTLPDepth {
		m.fail(pos, "values nested too deeply")
		return
	}
	m.bytes += otlpMessageBytes
	if kind == otlpRecord {
		m.bytes += otlpRecordBytes
	}
	for pos < end && m.err == nil {
		num, typ, n := protowire.ConsumeTag(m.body[pos:end])
		if n < 0 {
			m.fail(pos, "a tag that is none")
			return
		}
		at := pos
		pos += n
		if typ != protowire.BytesType {
			// Groups would be a way to nest without a length.
			if typ == protowire.StartGroupType || typ == protowire.EndGroupType {
				m.fail(at, "a group, which no log record has,")
				return
			}
			if n = protowire.ConsumeFieldValue(num, typ, m.body[pos:end]); n < 0 {
				m.fail(at, "a value that does not end")
				return
			}
			pos += n
			continue
		}
		size, n := protowire.ConsumeVarint(m.body[pos:end])
		if n < 0 || size > uint64(end-pos-n) {
			m.fail(at, "a length beyond what is there")
			return
		}
		pos += n
		if inner, ok := otlpFields[kind][num]; ok {
			m.message(inner, pos, pos+int(size), depth+1)
		}
		pos += int(size)
	}
}

// measureOTLPJSON is measureOTLP for JSON. What is no JSON is for the decoder to
// find.
func measureOTLPJSON(text []byte) (int64, error) {
	depth := 0
	var objects int64
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			objects++
			if depth++; depth > maxOTLPNesting {
				return 0, malformedf("json: values nested too deeply at offset %d", i)
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		}
	}
	// Nothing is made of an object that is larger than a record.
	return objects*(otlpRecordBytes+otlpMessageBytes)/2 + 3*int64(len(text)), nil
}
