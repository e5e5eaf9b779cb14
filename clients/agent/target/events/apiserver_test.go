package events

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	coordination "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An apiServer is as much of Kubernetes as the target sees: events that can be
// listed, page by page, and watched, and leases that can be created and updated.
type apiServer struct {
	*httptest.Server

	mu      sync.Mutex
	changed *sync.Cond
	version int
	events  []corev1.Event // each change of one, in the order of versions
	oldest  int            // changes before this version are forgotten
	leases  map[string]*coordination.Lease
	watches int
	closed  bool
}

func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{version: 100, leases: map[string]*coordination.Lease{}}
	s.changed = sync.NewCond(&s.mu)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/events", s.serveEvents)
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/events", s.serveEvents)
	mux.HandleFunc("GET /apis/coordination.k8s.io/v1/namespaces/{ns}/leases/{name}", s.getLease)
	mux.HandleFunc("POST /apis/coordination.k8s.io/v1/namespaces/{ns}/leases", s.putLease)
	mux.HandleFunc("PUT /apis/coordination.k8s.io/v1/namespaces/{ns}/leases/{name}", s.putLease)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.mu.Lock()
		s.closed = true
		s.changed.Broadcast()
		s.mu.Unlock()
		s.Close()
	})
	return s
}

// happen adds an event.
func (s *apiServer) happen(ns, name, reason string, seconds int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.events = append(s.events, corev1.Event{
		TypeMeta:   meta.TypeMeta{Kind: "Event", APIVersion: "v1"},
		ObjectMeta: meta.ObjectMeta{Namespace: ns, Name: name, ResourceVersion: strconv.Itoa(s.version)},
		InvolvedObject: corev1.ObjectReference{
			Kind: "Pod", Namespace: ns, Name: "pod-" + name,
		},
		Type: "Normal", Reason: reason, Message: `it "happened" to ` + name, Count: 1,
		Source:        corev1.EventSource{Component: "kubelet", Host: "node-1"},
		LastTimestamp: meta.Unix(seconds, 0),
	})
	s.changed.Broadcast()
}

// forget makes watches from before now end with an error.
func (s *apiServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldest = s.version
	s.watches++ // those that are open end
	s.changed.Broadcast()
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int32, reason meta.StatusReason) {
	answer(w, int(code), failure(code, reason))
}

func failure(code int32, reason meta.StatusReason) *meta.Status {
	return &meta.Status{
		TypeMeta: meta.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure",
		Code: code, Reason: reason, Message: string(reason),
	}
}

func (s *apiServer) serveEvents(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ns := r.PathValue("ns")
	if r.URL.Query().Get("watch") != "" {
		s.watch(w, r, ns)
		return
	}
	list := corev1.EventList{TypeMeta: meta.TypeMeta{Kind: "EventList", APIVersion: "v1"}}
	list.ResourceVersion = strconv.Itoa(s.version)
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	const page = 3 // smaller than what is asked for, as a server may
	// As a server keeps them: by name, not by version.
	for i := len(s.events) - 1 - from; i >= 0; i-- {
		if len(list.Items) == page {
			list.Continue = strconv.Itoa(from + page)
			break
		}
		if ns == "" || s.events[i].Namespace == ns {
			list.Items = append(list.Items, s.events[i])
		}
	}
	answer(w, 200, &list)
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, ns string) {
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-r.Context().Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		case <-stop:
		}
	}()
	w.Header().Set("Content-Type", "application/json")
	w.(http.Flusher).Flush()
	enc := json.NewEncoder(w)
	send := func(kind string, v any) {
		raw, _ := json.Marshal(v)
		_ = enc.Encode(map[string]any{"type": kind, "object": json.RawMessage(raw)})
		w.(http.Flusher).Flush()
	}
	opened := s.watches
	for r.Context().Err() == nil && !s.closed {
		if from < s.oldest {
			send("ERROR", failure(410, meta.StatusReasonExpired))
			return
		}
		if s.watches != opened {
			return
		}
		for _, e := range s.events {
			if v, _ := strconv.Atoi(e.ResourceVersion); v > from {
				if ns == "" || e.Namespace == ns {
					send("ADDED", e)
				}
				from = v
			}
		}
		send("BOOKMARK", corev1.Event{
			TypeMeta: meta.TypeMeta{Kind: "Event", APIVersion: "v1"}, ObjectMeta: meta.ObjectMeta{ResourceVersion: strconv.Itoa(from)},
		})
		s.changed.Wait()
	}
}

func (s *apiServer) getLease(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.leases[r.PathValue("name")]; ok {
		answer(w, 200, l)
		return
	}
	refuse(w, 404, meta.StatusReasonNotFound)
}

func (s *apiServer) putLease(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l coordination.Lease
	if strings.Contains(r.Header.Get("Content-Type"), "protobuf") || json.NewDecoder(r.Body).Decode(&l) != nil {
		refuse(w, 415, meta.StatusReasonUnsupportedMediaType)
		return
	}
	before, exists := s.leases[l.Name]
	switch {
	case r.Method == http.MethodPost && exists:
		refuse(w, 409, meta.StatusReasonAlreadyExists)
		return
	case r.Method == http.MethodPut && (!exists || before.ResourceVersion != l.ResourceVersion):
		refuse(w, 409, meta.StatusReasonConflict)
		return
	}
	s.version++
	l.ResourceVersion = strconv.Itoa(s.version)
	l.TypeMeta = meta.TypeMeta{Kind: "Lease", APIVersion: "coordination.k8s.io/v1"}
	s.leases[l.Name] = &l
	s.changed.Broadcast()
	answer(w, 200, &l)
}

// await waits until a condition on the server's state holds.
func (s *apiServer) await(cond func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !cond() {
		s.changed.Wait()
	}
}

// holder is who holds a lease, and its position.
func (s *apiServer) holder(name string) (who, position string) {
	l := s.leases[name]
	if l == nil || l.Spec.HolderIdentity == nil {
		return "", ""
	}
	return *l.Spec.HolderIdentity, l.Annotations[positionAnnotation]
}

func (s *apiServer) String() string { return fmt.Sprintf("%d events", len(s.events)) }
