package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

// The parameters that say what of a JSON document is what. Each is a list of
// paths with commas between them.
const (
	streamFields = "stream_fields"
	timeField    = "time_field"
	msgField     = "msg_field"
)

// maxDocFields is how many paths a parameter may name.
const maxDocFields = 64

// The fields that well-known programs put labels, times and lines into.
var (
	commonStreamFields = []string{
		"service.name", "service_name", "service", "app", "job", "namespace", "container",
		"kubernetes.namespace", "kubernetes.container.name", "kubernetes.labels.app", // Filebeat
		"kubernetes.namespace_name", "kubernetes.container_name", // Fluent Bit
		"kubernetes.pod_namespace", // Vector
		"container.name", "container_name", "host.name", "host",
		"resource.attributes.service.name", "resource.attributes.k8s.namespace.name", "resource.attributes.k8s.container.name", // OpenTelemetry's exporter
		"Resource.service.name", "Resource.k8s.namespace.name", "Resource.k8s.container.name", // the same, in its mode "none"
	}
	commonTimeFields    = []string{"@timestamp", "timestamp", "time", "ts"}
	commonMessageFields = []string{"message", "msg", "log", "_msg", "body.text", "Body"}
)

// docMapping reads the parameters from the URL.
func docMapping(q url.Values) (*loghttp.DocMapping, error) {
	m := &loghttp.DocMapping{}
	for _, p := range []struct {
		name   string
		to     *[]string
		common []string
	}{
		{streamFields, &m.StreamFields, commonStreamFields},
		{timeField, &m.TimeFields, commonTimeFields},
		{msgField, &m.MessageFields, commonMessageFields},
	} {
		if !q.Has(p.name) {
			*p.to = p.common
			continue
		}
		for path := range strings.SplitSeq(q.Get(p.name), ",") {
			if path = strings.TrimSpace(path); path != "" && !slices.Contains(*p.to, path) {
				*p.to = append(*p.to, path)
			}
		}
		if len(*p.to) > maxDocFields {
			return nil, badRequest(fmt.Errorf("%s names %d fields, more than %d", p.name, len(*p.to), maxDocFields))
		}
	}
	return m, nil
}

// jsonLines serves /skald/api/v1/jsonlines. Lines that are no documents are told
// by their number, and the others stored.
func (a *API) jsonLines(w http.ResponseWriter, r *http.Request) {
	mapping, err := docMapping(r.URL.Query())
	if err != nil {
		a.fail(w, r, err, true)
		return
	}
	var bad badLines
	o := a.pushed(r, func(_ string, body loghttp.PushBody) (decoded, error) {
		p, err := loghttp.ReadJSONLines(body, a.cfg.PushLimits, mapping, a.now().UnixNano())
		if err != nil {
			return decoded{}, err
		}
		bad = badLines{n: p.Bad, first: p.Errors}
		return decoded{push: p.Push, format: "jsonlines"}, nil
	})
	if bad.n > 0 && errors.Is(o.err, distributor.ErrNoStreams) {
		o.err = nil // there is more to be told
	}
	if o.err != nil {
		a.fail(w, r, o.err, true)
		return
	}
	w.Header().Set(AckHeader, o.result.Ack.String())
	status, text := pushStatus(o.result, a.limits.For(o.tenant))
	if bad.n > 0 {
		status = http.StatusBadRequest // whatever else there is: it must not all be sent again
		text = strings.TrimSuffix(bad.text()+"\n"+text, "\n")
	}
	if text == "" {
		w.WriteHeader(status)
		return
	}
	http.Error(w, text, status)
}

// badLines are the lines of a push that are no documents.
type badLines struct {
	n     int
	first []loghttp.DocError
}

// text names the first of them.
func (b *badLines) text() string {
	var out strings.Builder
	if b.n == 1 {
		out.WriteString("1 line is no document of JSON and was not stored:")
	} else {
		fmt.Fprintf(&out, "%d lines are no documents of JSON and were not stored:", b.n)
	}
	for _, e := range b.first {
		fmt.Fprintf(&out, "\nline %d: %v", e.Number, e.Err)
	}
	if more := b.n - len(b.first); more > 0 {
		fmt.Fprintf(&out, "\nand %d more", more)
	}
	return out.String()
}
