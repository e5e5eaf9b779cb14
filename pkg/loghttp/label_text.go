package loghttp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// A labelWriter gives the labels of streams the text that they have in
// protobuf, so that what comes after takes one way whatever the format of a
// push was.
type labelWriter struct {
	lbls []labels.Label // of the stream that is being read
	buf  []byte         // the texts of all streams
}

func (w *labelWriter) release() {
	clear(w.lbls)
	w.lbls, w.buf = w.lbls[:0], kept(w.buf)
}

// add appends a label to those of the stream.
func (w *labelWriter) add(name, value string) {
	w.lbls = append(w.lbls, labels.Label{Name: name, Value: value})
}

// text returns the labels of the stream as text; of those with the same name
// the last counts. A name that is none is put in quotes, and refused by whoever
// parses the text. The result is valid until release.
func (w *labelWriter) text() string {
	slices.SortStableFunc(w.lbls, func(a, b labels.Label) int { return strings.Compare(a.Name, b.Name) })
	start := len(w.buf)
	b := append(w.buf, '{')
	for i, l := range w.lbls {
		if i+1 < len(w.lbls) && w.lbls[i+1].Name == l.Name {
			continue
		}
		if len(b)-start > 1 {
			b = append(b, ", "...)
		}
		if isLabelName(l.Name) {
			b = append(b, l.Name...)
		} else {
			b = strconv.AppendQuote(b, l.Name)
		}
		b = append(b, '=')
		b = strconv.AppendQuote(b, l.Value)
	}
	w.buf = append(b, '}')
	return model.Borrow(w.buf[start:len(w.buf):len(w.buf)])
}

func isLabelName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}
