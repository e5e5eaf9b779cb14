package api

import (
	"encoding/json"
	"net/http"
)

// writeJSON answers with a body that is ready.
func writeJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = w.Write(body) // a client that is gone has nobody to tell
}

// writeStatusJSON answers with a status and a value.
func writeStatusJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
