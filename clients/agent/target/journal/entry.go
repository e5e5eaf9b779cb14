package journal

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

// Reasons under which entries of a journal are left out.
const (
	reasonNoMessage = "journal_no_message"
	reasonNoLabels  = "journal_no_labels"
)

// priorities are the keywords of PRIORITY, from 0.
var priorities = [...]string{"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"}

// add adds an entry to the batch, or drops it.
func (r *reading) add(rec *record) {
	line, ok := rec.get("MESSAGE")
	if r.cfg.JSON {
		line, ok = string(appendJSON(nil, rec.fields)), true
	}
	if !ok {
		r.feed.Drop(reasonNoMessage)
		return
	}
	ls, kept := r.labeler.Labels(metaLabels(rec))
	switch {
	case !kept:
		r.feed.Drop(target.ReasonRelabel)
		return
	case ls.Public().IsEmpty():
		r.feed.Drop(reasonNoLabels)
		return
	}
	r.batch = append(r.batch, entry.Entry{
		Labels: ls, Timestamp: rec.realtime * 1000, Line: line, Mark: r.feed.Next(),
	})
	r.bytes += len(line)
}

// metaLabels are the fields of an entry as labels.
func metaLabels(rec *record) []labels.Label {
	own := make([]labels.Label, 0, len(rec.fields)+1)
	for _, f := range rec.fields {
		own = append(own, labels.Label{Name: "__journal_" + strings.ToLower(f.name), Value: f.value})
	}
	if p, ok := rec.get("PRIORITY"); ok && len(p) == 1 && '0' <= p[0] && p[0] <= '7' {
		own = append(own, labels.Label{Name: "__journal_priority_keyword", Value: priorities[p[0]-'0']})
	}
	return own
}

// appendJSON appends fields as an object, sorted by name. Of several values of a
// name the last counts.
func appendJSON(dst []byte, fields []field) []byte {
	sorted := slices.Clone(fields)
	slices.SortStableFunc(sorted, func(a, b field) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, f := range sorted {
		if i+1 < len(sorted) && sorted[i+1].name == f.name {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = loghttp.AppendString(dst, f.name)
		dst = append(dst, ':')
		dst = loghttp.AppendString(dst, f.value)
	}
	return append(dst, '}')
}
