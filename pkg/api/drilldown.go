package api

import (
	"net/http"

	"github.com/prometheus/common/version"
	"go.yaml.in/yaml/v3"
)

// PublishedLimits are the limits that Grafana's Logs Drilldown asks for.
var PublishedLimits = []string{
	"discover_log_levels", "discover_service_name", "log_level_fields", "max_entries_limit_per_query",
	"max_line_size_truncate", "max_query_bytes_read", "max_query_length", "max_query_lookback",
	"max_query_range", "max_query_series", "metric_aggregation_enabled", "otlp_config",
	"pattern_persistence_enabled", "query_timeout", "retention_period", "volume_enabled", "volume_max_series",
}

// drilldownLimits serves /loki/api/v1/drilldown-limits.
func (a *API) drilldownLimits(w http.ResponseWriter, r *http.Request) {
	answer, err := a.publicLimits(r)
	if err != nil {
		a.fail(w, r, err, false)
		return
	}
	writeStatusJSON(w, http.StatusOK, answer)
}

func (a *API) publicLimits(r *http.Request) (map[string]any, error) {
	tenant, err := a.oneTenant(r)
	if err != nil {
		return nil, err
	}
	// The names and the form of limits are those of the configuration.
	text, err := yaml.Marshal(a.limits.For(tenant))
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	public := map[string]any{}
	for _, key := range a.cfg.PublishedLimits {
		if v, ok := all[key]; ok {
			public[key] = v
		}
	}
	return map[string]any{
		"limits":                   public,
		"pattern_ingester_enabled": a.cfg.Patterns,
		"version":                  version.Version,
	}, nil
}
