package skald

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strconv"

	"github.com/go-kit/log/level"
	"github.com/gorilla/mux"
	"github.com/grafana/dskit/services"
)

// registerShutdown adds how operators take an ingester away for good.
func (s *Skald) registerShutdown(r *mux.Router) {
	r.Path("/ingester/prepare_shutdown").Methods(http.MethodGet, http.MethodPost, http.MethodDelete).HandlerFunc(s.prepareShutdown)
	r.Path("/ingester/shutdown").Methods(http.MethodGet, http.MethodPost).HandlerFunc(s.shutdownIngester)
}

// prepareShutdown tells whether the next stop is one for good, and changes it.
func (s *Skald) prepareShutdown(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		state := "unset"
		if s.ingester.ShutdownPrepared() {
			state = "set"
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, state)
		return
	}
	if err := s.ingester.PrepareShutdown(r.Method == http.MethodPost); err != nil {
		level.Error(s.logger).Log("msg", "a request failed", "err", err, "path", r.URL.Path)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// shutdownIngester stops the ingester for good, and with it, unless the request
// says otherwise, the process.
func (s *Skald) shutdownIngester(w http.ResponseWriter, r *http.Request) {
	flush, err1 := boolParam(r, "flush", true)
	forget, err2 := boolParam(r, "delete_ring_tokens", false)
	terminate, err3 := boolParam(r, "terminate", true)
	if err := errors.Join(err1, err2, err3); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	err := s.leave(r, flush, forget)
	if err == nil && !terminate {
		err = services.StopAndAwaitTerminated(r.Context(), s.ingesterLife)
	}
	if err != nil {
		level.Error(s.logger).Log("msg", "the ingester was not shut down", "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	if terminate {
		level.Info(s.logger).Log("msg", "stopping, as a request to /ingester/shutdown wants")
		select {
		case s.quit <- struct{}{}:
		default: // it is on its way
		}
	}
}

// leave prepares a stop: what is in memory goes to the store, and the tokens are
// forgotten.
func (s *Skald) leave(r *http.Request, flush, forget bool) error {
	if flush {
		if err := s.ingester.PrepareShutdown(true); err != nil {
			return err
		}
		// What comes meanwhile is flushed by the stop itself.
		if err := s.ingester.Flush(r.Context()); err != nil {
			return err
		}
	}
	s.member.Leave(true)
	if path := s.cfg.Ingester.Ring.TokensFilePath; forget && path != "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the ring tokens: %w", err)
		}
	}
	return nil
}

func boolParam(r *http.Request, name string, def bool) (bool, error) {
	text := r.FormValue(name)
	if text == "" {
		return def, nil
	}
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("parameter %s: %q is neither true nor false", name, text)
	}
	return v, nil
}
