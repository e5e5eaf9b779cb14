package api

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// elasticVersion is the version of Elasticsearch whose shippers we say we serve:
// the last one that both its own and the next generation of them speak to.
const elasticVersion = "8.19.0"

// elasticProduct is the header by which shippers know that they may go on.
const elasticProduct = "X-Elastic-Product"

// registerElastic adds what shippers for Elasticsearch ask, under /elasticsearch.
func (a *API) registerElastic(r *mux.Router) {
	const root = "/elasticsearch"
	r.Path(root+"/_bulk").Methods(http.MethodPost, http.MethodPut).HandlerFunc(a.bulk)
	r.Path(root+"/{index}/_bulk").Methods(http.MethodPost, http.MethodPut).HandlerFunc(a.bulk)
	r.Path(root).HandlerFunc(elasticProbe)
	r.PathPrefix(root + "/").HandlerFunc(elasticProbe)
}

// elasticProbe answers what shippers want to know before they ship: which
// version this is, whether its licence lets them, and that templates, policies
// and pipelines are there, which mean nothing here.
func elasticProbe(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/elasticsearch"), "/")
	first, _, _ := strings.Cut(path, "/")
	var answer any
	switch {
	case path == "_cat/health": // which rsyslog asks whether it may go on
		w.Header().Set(elasticProduct, "Elasticsearch")
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		_, _ = io.WriteString(w, "skald green 1 1\n")
		return
	case path == "":
		answer = map[string]any{
			"name": "skald", "cluster_name": "skald", "cluster_uuid": "skald", "tagline": "You Know, for Search",
			"version": map[string]any{
				"number": elasticVersion, "build_flavor": "default", "build_type": "docker", "build_snapshot": false,
				"lucene_version": "9.12.1", "minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0",
			},
		}
	case first == "_license":
		answer = map[string]any{"license": map[string]any{
			"uid": "skald", "type": "basic", "mode": "basic", "status": "active", "issue_date_in_millis": 0, "issued_to": "skald", "max_nodes": nil,
		}}
	case first == "_xpack":
		answer = map[string]any{
			"license":  map[string]any{"uid": "skald", "type": "basic", "mode": "basic", "status": "active"},
			"features": map[string]any{"ilm": map[string]any{"available": true, "enabled": true}},
		}
	case first == "_cluster":
		answer = map[string]any{"cluster_name": "skald", "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1}
	case first == "_nodes":
		answer = map[string]any{"nodes": map[string]any{}}
	case r.Method == http.MethodPut || r.Method == http.MethodPost && !strings.HasSuffix(path, "_search"):
		answer = map[string]any{"acknowledged": true}
	case first == "_ilm" || first == "_slm" || first == "_template" || first == "_index_template" || first == "_component_template" ||
		first == "_ingest" || first == "_data_stream" || first == "_alias":
		answer = map[string]any{}
	default:
		writeElastic(w, http.StatusNotFound, elasticError("index_not_found_exception", "documents are asked for with LogQL, at /loki/api/v1/query_range", http.StatusNotFound))
		return
	}
	writeElastic(w, http.StatusOK, answer)
}

func writeElastic(w http.ResponseWriter, status int, answer any) {
	w.Header().Set(elasticProduct, "Elasticsearch")
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// An elasticCause says why something failed, in the form that shippers read.
type elasticCause struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

func elasticError(kind, reason string, status int) any {
	return map[string]any{"error": elasticCause{kind, reason}, "status": status}
}
