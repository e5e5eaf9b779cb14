package bench

import (
	"net/url"
	"strings"
)

// A dialect is how a kind of server is spoken to. It has no state.
type dialect interface {
	// pushPath is where a protobuf push goes.
	pushPath() string
	// flush are the paths that bring what is in memory to the store.
	flush() []string
	// text is a query in the server's language.
	text(q *Query) string
	// request is the path and the form of a query over a corpus.
	request(q *Query, c Corpus) (path string, form url.Values)
	// decode reads an answer. It does not panic, whatever the body.
	decode(q *Query, body []byte) (*Answer, error)
}

// An Answer is what a server said to a query, in a form that does not depend on
// the server. It has entries or series.
type Answer struct {
	Entries []Entry           `json:"entries,omitempty"` // the newest first
	Series  map[string]Points `json:"series,omitempty"`  // by labels, as name="value" in order
	// Left out are series that this kind of server cannot answer for.
	LeftOut []string `json:"left_out,omitempty"`
}

// An Entry is a log line of an answer.
type Entry struct {
	Timestamp int64   `json:"ts"` // ns
	Pod       string  `json:"pod"`
	Line      *string `json:"line"` // nil where the server does not keep it whole
}

// Points are the values of a series by time in seconds since the Unix epoch: at
// the end of the span that a value is about.
type Points map[int64]float64

// seriesKey is the form of labels in an Answer. Labels without a value are left
// out: they say the same as labels that are not there.
func seriesKey(names []string, value func(string) string) string {
	var b strings.Builder
	for _, n := range names {
		v := value(n)
		if v == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(n)
		b.WriteString(`="`)
		b.WriteString(v)
		b.WriteByte('"')
	}
	return b.String()
}
