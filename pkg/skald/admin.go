package skald

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"slices"

	"github.com/gorilla/mux"
	"github.com/grafana/dskit/tenant"
	"github.com/grafana/dskit/user"
	"github.com/prometheus/common/version"
	"go.yaml.in/yaml/v3"
)

// noAuthTenant owns everything when multi-tenancy is off.
const noAuthTenant = "fake"

// registerRoutes adds what every target serves.
func (s *Skald) registerRoutes(r *mux.Router) {
	r.Path("/ready").Methods(http.MethodGet).HandlerFunc(s.ready)
	r.Path("/services").Methods(http.MethodGet).HandlerFunc(s.listServices)
	r.Path("/config").Methods(http.MethodGet).HandlerFunc(s.showConfig)
	r.Path("/config/tenant/v1/limits").Methods(http.MethodGet).HandlerFunc(s.showLimits)
	r.Path("/log_level").Methods(http.MethodGet, http.MethodPost).HandlerFunc(s.logLevel)
	for path, why := range noRings {
		r.Path(path).Methods(http.MethodGet, http.MethodPost).HandlerFunc(noRing(why))
	}
	r.Path("/loki/api/v1/status/buildinfo").Methods(http.MethodGet).HandlerFunc(buildInfo)
}

// listServices answers a line for each module.
func (s *Skald) listServices(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, name := range s.serviceNames() {
		fmt.Fprintf(w, "%s => %s\n", name, s.services[name].State())
	}
}

func (s *Skald) serviceNames() []string {
	var names []string
	for name := range s.services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// showConfig answers the configuration in force, the built-in one (mode=defaults),
// or what differs between them (mode=diff). Secrets print themselves as stars.
func (s *Skald) showConfig(w http.ResponseWriter, r *http.Request) {
	var out any = &s.cfg
	if mode := r.URL.Query().Get("mode"); mode != "" {
		builtin, err := defaultConfig()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		switch mode {
		case "defaults":
			out = builtin
		case "diff":
			if out, err = differences(&s.cfg, builtin); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		default:
			http.Error(w, fmt.Sprintf("unknown mode %q: use diff or defaults", mode), http.StatusBadRequest)
			return
		}
	}
	writeYAML(w, out)
}

func writeYAML(w http.ResponseWriter, v any) {
	text, err := yaml.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(text)
}

// differences is what of c is not as in builtin.
func differences(c, builtin *Config) (map[string]any, error) {
	a, err := asMap(c)
	if err != nil {
		return nil, err
	}
	b, err := asMap(builtin)
	if err != nil {
		return nil, err
	}
	return subtract(a, b), nil
}

func asMap(c *Config) (map[string]any, error) {
	text, err := yaml.Marshal(c)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, yaml.Unmarshal(text, &m)
}

func subtract(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range a {
		block, ok := v.(map[string]any)
		other, both := b[k].(map[string]any)
		switch {
		case ok && both:
			if rest := subtract(block, other); len(rest) > 0 {
				out[k] = rest
			}
		case !reflect.DeepEqual(v, b[k]):
			out[k] = v
		}
	}
	return out
}

// showLimits answers what holds for the tenant who asks.
func (s *Skald) showLimits(w http.ResponseWriter, r *http.Request) {
	if s.overrides == nil {
		http.NotFound(w, r)
		return
	}
	id := noAuthTenant
	if s.cfg.AuthEnabled {
		id = r.Header.Get(user.OrgIDHeaderName)
		if id == "" {
			http.Error(w, "no org id", http.StatusUnauthorized)
			return
		}
		if err := tenant.ValidTenantID(id); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	writeYAML(w, s.overrides.For(id))
}

// logLevel tells the level, and changes it.
func (s *Skald) logLevel(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		writeJSON(w, http.StatusOK, map[string]string{"message": "Current log level is " + s.logger.Level()})
		return
	}
	lvl := r.FormValue("log_level")
	if err := s.logger.SetLevel(lvl); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"status": "failed", "message": err.Error()})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "success", "message": "Log level set to " + lvl})
}

// buildInfo answers which program this is.
func buildInfo(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Version   string `json:"version"`
		Revision  string `json:"revision"`
		Branch    string `json:"branch"`
		BuildUser string `json:"buildUser"`
		BuildDate string `json:"buildDate"`
		GoVersion string `json:"goVersion"`
	}{programVersion(), version.GetRevision(), version.Branch, version.BuildUser, version.BuildDate, runtime.Version()})
}

// programVersion is what this was built from; a build without make does not know.
func programVersion() string { return cmp.Or(version.Version, "devel") }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
