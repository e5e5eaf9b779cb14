package agent

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/skaldlogs/skald/clients/agent/config"
)

var errClosed = http.ErrServerClosed

// server makes the server of the pages.
func (a *Agent) server(cfg *config.Server) *http.Server {
	prefix := strings.TrimSuffix(cfg.HTTPPathPrefix, "/")
	links := prefix
	if u, err := url.Parse(cfg.ExternalURL); err == nil && cfg.ExternalURL != "" {
		links = strings.TrimSuffix(u.Path, "/")
	}
	mux := http.NewServeMux()
	handle := func(path string, h http.HandlerFunc) { mux.HandleFunc(prefix+path, h) }
	handle("/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, links+"/targets", http.StatusFound)
	})
	handle("/targets", func(w http.ResponseWriter, r *http.Request) { a.pageTargets(w, r, links) })
	handle("/service-discovery", func(w http.ResponseWriter, r *http.Request) { a.pageDiscovery(w, r, links) })
	handle("/ready", a.ready)
	handle("/config", a.pageConfig)
	handle("/static/style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write([]byte(style))
	})
	mux.Handle(prefix+"/metrics", promhttp.HandlerFor(gatherers{a}, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	if cfg.EnableRuntimeReload {
		handle("/reload", a.pageReload)
	}
	if cfg.ProfilingEnabled {
		handle("/debug/pprof/", pprof.Index)
		handle("/debug/pprof/cmdline", pprof.Cmdline)
		handle("/debug/pprof/profile", pprof.Profile)
		handle("/debug/pprof/symbol", pprof.Symbol)
		handle("/debug/pprof/trace", pprof.Trace)
	}
	return cfg.Config.Server(mux)
}

// gatherers are the metrics of the process and of the instance that runs.
type gatherers struct{ a *Agent }

// Gather implements [prometheus.Gatherer].
func (g gatherers) Gather() ([]*dto.MetricFamily, error) {
	all := prometheus.Gatherers{g.a.reg}
	if in := g.a.current(); in != nil {
		all = append(all, in.reg)
	}
	return all.Gather()
}

func (a *Agent) ready(w http.ResponseWriter, _ *http.Request) {
	if a.Config().Server.HealthCheckTarget {
		in := a.current()
		if in == nil || !in.anyReady() {
			http.Error(w, "Not ready: Unable to find any logs to tail. Please verify permissions, volumes, scrape_config, etc.", http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprint(w, "Ready")
}

func (a *Agent) pageConfig(w http.ResponseWriter, _ *http.Request) {
	text, err := a.Config().Text()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, text)
}

func (a *Agent) pageReload(w http.ResponseWriter, r *http.Request) {
	if err := a.Reload(r.Context()); err != nil {
		http.Error(w, "failed to reload config: "+err.Error(), http.StatusInternalServerError)
	}
}
