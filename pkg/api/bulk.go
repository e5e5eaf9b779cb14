package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/model"
)

var errNoItems = errors.New("the body holds nothing to do")

// bulk serves _bulk. Each item is told what became of it.
func (a *API) bulk(w http.ResponseWriter, r *http.Request) {
	begun := a.now()
	mapping, err := docMapping(r.URL.Query())
	if err != nil {
		a.failElastic(w, r, err)
		return
	}
	b := bulkOutcome{refused: map[docAt]int{}}
	o := a.pushed(r, func(_ string, body loghttp.PushBody) (decoded, error) {
		p, err := loghttp.ReadBulk(body, a.cfg.PushLimits, mapping, pathVar(r, "index"), a.now().UnixNano())
		if err != nil {
			return decoded{}, err
		}
		b.items = p.Items
		return decoded{push: p.Push, format: "elasticsearch", refused: b.refuse}, nil
	})
	if errors.Is(o.err, distributor.ErrNoStreams) {
		if o.err = nil; len(b.items) == 0 {
			o.err = badRequest(errNoItems)
		}
	}
	if o.err != nil {
		a.failElastic(w, r, o.err)
		return
	}
	b.settle(o.result.Rejections)
	if err := b.limited(); err != nil {
		a.failElastic(w, r, err)
		return
	}
	w.Header().Set(AckHeader, o.result.Ack.String())
	w.Header().Set(elasticProduct, "Elasticsearch")
	writeJSON(w, b.append(nil, a.now().Sub(begun).Milliseconds(), a.limits.For(o.tenant)))
}

// failElastic answers for a body as a whole. What is final is said in the form
// that shippers read. What may be sent again is plain text, as a gateway's would
// be: most shippers go by the status alone, but rsyslog takes an object of JSON
// without items, whatever the status, for the last word on these entries.
func (a *API) failElastic(w http.ResponseWriter, r *http.Request, err error) {
	status, kind := statusOf(err), "illegal_argument_exception"
	if status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
		w.Header().Set(elasticProduct, "Elasticsearch")
		w.Header().Set("Retry-After", "1")
		a.fail(w, r, err, true)
		return
	}
	if status == http.StatusUnauthorized {
		kind = "security_exception"
	}
	writeElastic(w, status, elasticError(kind, err.Error(), status))
}

// rejectedExecution is what shippers know as a reason to send again.
const rejectedExecution = "es_rejected_execution_exception"

// A bulkOutcome is what became of the items of a bulk.
type bulkOutcome struct {
	items      []loghttp.BulkItem
	rejections []model.Rejection
	refused    map[docAt]int            // the rejection of an entry that broke a limit
	byStream   map[int]*model.Rejection // those of ingesters
}

// docAt is where the entry of a document is in its batch.
type docAt struct{ stream, entry int }

func (b *bulkOutcome) refuse(stream, entry, rejection int) {
	b.refused[docAt{stream, entry}] = rejection
}

// settle takes what was refused in the end. Rejections of ingesters are of a
// stream as a whole or of a part that is not known: its other entries are sent
// again in vain, and stored once. A negative stream is that of all.
func (b *bulkOutcome) settle(rejections []model.Rejection) {
	told := map[int]bool{}
	for _, n := range b.refused {
		told[n] = true
	}
	b.rejections, b.byStream = rejections, map[int]*model.Rejection{}
	for n := range rejections {
		switch r := &rejections[n]; {
		case r.Class == model.Blocked:
			b.byStream[-1] = r
		case !told[n]:
			b.byStream[r.Stream] = r
		}
	}
}

// rejection returns why an item that was read was not stored, or nil.
func (b *bulkOutcome) rejection(it *loghttp.BulkItem) *model.Rejection {
	if n, ok := b.refused[docAt{it.Stream, it.Entry}]; ok {
		return &b.rejections[n]
	}
	if r := b.byStream[it.Stream]; r != nil {
		return r
	}
	return b.byStream[-1]
}

// limited returns an error if each of the items may be sent again: not every
// shipper looks at the items of an answer that is 200.
func (b *bulkOutcome) limited() error {
	if len(b.rejections) == 0 {
		return nil
	}
	for n := range b.items {
		it := &b.items[n]
		if r := b.rejection(it); it.Err != nil || r == nil || r.Class != model.Limited {
			return nil
		}
	}
	return &statusError{http.StatusTooManyRequests, errors.New(b.rejections[0].Text)}
}

// append appends the answer of _bulk.
func (b *bulkOutcome) append(dst []byte, took int64, l *limits.Limits) []byte {
	failed := false
	var items []byte
	for n := range b.items {
		it := &b.items[n]
		if n > 0 {
			items = append(items, ',')
		}
		items = append(items, `{"`...)
		items = append(items, it.Op...)
		items = append(items, `":{"_index":`...)
		items = loghttp.AppendString(items, it.Index)
		items = append(items, `,"_id":`...)
		items = loghttp.AppendString(items, it.ID)
		status, kind, reason := http.StatusCreated, "", ""
		if it.Err != nil {
			status, kind, reason = http.StatusBadRequest, "document_parsing_exception", it.Err.Error()
		} else if r := b.rejection(it); r != nil {
			status, kind, reason = elasticStatus(r, l)
		}
		if kind == "" {
			items = append(items, `,"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"status":`...)
			items = strconv.AppendInt(items, int64(status), 10)
		} else {
			failed = true
			items = append(items, `,"status":`...)
			items = strconv.AppendInt(items, int64(status), 10)
			items = append(items, `,"error":{"type":"`...)
			items = append(items, kind...)
			items = append(items, `","reason":`...)
			items = append(loghttp.AppendString(items, reason), '}')
		}
		items = append(items, "}}"...)
	}
	dst = append(dst, `{"took":`...)
	dst = strconv.AppendInt(dst, took, 10)
	dst = append(dst, `,"errors":`...)
	dst = strconv.AppendBool(dst, failed)
	dst = append(dst, `,"items":[`...)
	return append(append(dst, items...), "]}\n"...)
}

// elasticStatus is what a shipper is told of an entry that was not taken. An
// empty kind says that it was.
func elasticStatus(r *model.Rejection, l *limits.Limits) (status int, kind, reason string) {
	switch {
	case r.Class == model.Limited:
		return http.StatusTooManyRequests, rejectedExecution, r.Text
	case r.Class == model.Blocked && l.BlockIngestionStatusCode == http.StatusOK:
		return http.StatusCreated, "", ""
	case r.Class == model.Blocked:
		return http.StatusForbidden, "cluster_block_exception", r.Text
	}
	return http.StatusBadRequest, "illegal_argument_exception", r.Text
}
