package limits_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/flagext"
	"github.com/grafana/dskit/runtimeconfig"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/limits"
)

func defaults(t *testing.T, args ...string) *limits.Limits {
	t.Helper()
	var l limits.Limits
	f := flag.NewFlagSet("", flag.ContinueOnError)
	l.RegisterFlags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return &l
}

func TestDefaultsAreValidAndSurviveYAML(t *testing.T) {
	l := defaults(t)
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var again limits.Limits
	if err := yaml.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	second, err := yaml.Marshal(&again)
	if err != nil || string(second) != string(text) {
		t.Errorf("printed and read again, the limits are\n%s\n(%v), want\n%s", second, err, text)
	}
	for _, want := range []string{
		"max_query_length: 30d1h\n", "reject_old_samples_max_age: 1w\n", "max_line_size: 256KB\n",
		"desired_rate: 1536KB\n", "max_query_bytes_read: 0B\n", "block_ingestion_until: \"0\"\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the printed limits lack %q", want)
		}
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	for _, tc := range []struct{ yaml, want string }{
		{"ingestion_rate_strategy: wild", `ingestion_rate_strategy: "wild" is none of`},
		{"deletion_mode: maybe", "deletion_mode"},
		{"retention_period: 59s", "less than 1m"},
		{"retention_stream: [{selector: '{a=\"b\"}', period: 59s}]", "retention_stream, rule 1"},
		{"blocked_queries: [{pattern: '(', regex: true}]", "blocked_queries, rule 1"},
		{"blocked_queries: [{types: [odd]}]", "blocked_queries, rule 1: types"},
		{"block_ingestion_status_code: 99", "block_ingestion_status_code"},
		{"otlp_config: {scope_attributes: [{action: index_label, attributes: [a]}]}", "not for scope attributes"},
		{"{max_line_size: 2B, max_line_size_truncate: true, max_line_size_truncate_identifier: '...'}", "longer than max_line_size"},
	} {
		l := defaults(t)
		if err := yaml.Unmarshal([]byte(tc.yaml), l); err != nil {
			t.Errorf("%s: %v", tc.yaml, err)
			continue
		}
		if err := l.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Validate gives %v, want it to say %q", tc.yaml, err, tc.want)
		}
	}
}

func TestFile(t *testing.T) {
	l := defaults(t, "-validation.max-label-names-per-series=7")
	l.DiscoverGenericFields.Fields = map[string][]string{"trace": {"trace_id"}}
	f, err := limits.Load(strings.NewReader(`
overrides:
  blue:
    max_line_size: 2kb
    discover_service_name: []
    reject_old_samples_max_age: 1.5h
    discover_generic_fields: {fields: {org: [org_id]}}
  silent:
multi_kv_config: {primary: memberlist}
`), l)
	if err != nil {
		t.Fatal(err)
	}
	o := limits.NewOverrides(l, func() *limits.File { return f })

	if got := o.For("blue").MaxLineSize; got != 2048 {
		t.Errorf("blue: max_line_size = %d, want 2048", got)
	}
	if got := o.For("blue").MaxLabelNamesPerSeries; got != 7 {
		t.Errorf("blue: max_label_names_per_series = %d, want the default 7", got)
	}
	if got := time.Duration(o.For("blue").RejectOldSamplesMaxAge); got != 90*time.Minute {
		t.Errorf("blue: reject_old_samples_max_age = %s, want 1h30m", got)
	}
	if got := o.For("blue").DiscoverServiceName; got == nil || len(got) != 0 {
		t.Errorf("blue: discover_service_name = %#v, want an empty list", got)
	}
	if got := o.For("blue").DiscoverGenericFields.Fields; len(got) != 1 || !slices.Equal(got["org"], []string{"org_id"}) {
		t.Errorf("blue: discover_generic_fields = %v, want org alone", got)
	}
	if got := l.DiscoverGenericFields.Fields; len(got) != 1 || got["trace"] == nil {
		t.Errorf("the tenant's map changed the default to %v", got)
	}
	if o.For("green") != l || o.For("silent").MaxLineSize != 256<<10 {
		t.Error("a tenant without values does not have the defaults")
	}
	if f.MultiKV.PrimaryStore != "memberlist" {
		t.Errorf("multi_kv_config = %+v, want primary memberlist", f.MultiKV)
	}

	for _, bad := range []string{
		"overrides: {a: {max_lime_size: 1}}",
		"configs: {a: {}}",
		"overides: {}",
		"overrides: {a: {max_line_size: big}}",
		"overrides: {a: {deletion_mode: never}}",
		"overrides: [a]",
		"\tx",
	} {
		if _, err := limits.Load(strings.NewReader(bad), l); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if _, err := limits.Load(strings.NewReader(""), l); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

// TestRuntimeStart checks the start only: what a later reload does is Load's
// business, and the period is dskit's.
func TestRuntimeStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runtime.yaml")
	start := func(text string) (*limits.Runtime, *prometheus.Registry, error) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		reg := prometheus.NewRegistry()
		cfg := runtimeconfig.Config{ReloadPeriod: time.Hour, LoadPath: flagext.StringSliceCSV{file}}
		r, err := limits.NewRuntime(cfg, defaults(t), log.NewNopLogger(), reg)
		if err != nil {
			t.Fatal(err)
		}
		return r, reg, services.StartAndAwaitRunning(t.Context(), r)
	}

	r, _, err := start("overrides: {a: {max_line_size: 5}}")
	if err != nil {
		t.Fatal(err)
	}
	if got := limits.NewOverrides(defaults(t), r.Current).For("a").MaxLineSize; got != 5 {
		t.Errorf("max_line_size = %d, want 5", got)
	}
	if err := services.StopAndAwaitTerminated(t.Context(), r); err != nil {
		t.Error(err)
	}

	_, reg, err := start("overrides: {a: {max_lime_size: 5}}")
	if err == nil || !strings.Contains(err.Error(), "max_lime_size") {
		t.Errorf("started with a bad file: %v, want an error that names the key", err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families {
		if m.GetName() == "runtime_config_reload_failures_total" {
			if got := m.GetMetric()[0].GetCounter().GetValue(); got != 1 {
				t.Errorf("%v failures are counted, want 1", got)
			}
			return
		}
	}
	t.Error("failures are not counted")
}

func FuzzLoad(f *testing.F) {
	f.Add("overrides: {a: {max_line_size: 5KB, retention_stream: [{selector: '{}', period: 1d}]}}")
	f.Add("multi_kv_config: {primary: consul}")
	var l limits.Limits
	l.RegisterFlags(flag.NewFlagSet("", flag.ContinueOnError))
	f.Fuzz(func(t *testing.T, text string) {
		if file, err := limits.Load(strings.NewReader(text), &l); err == nil {
			for tenant, tl := range file.Overrides {
				if err := tl.Validate(); err != nil {
					t.Errorf("tenant %s has invalid values: %v", tenant, err)
				}
			}
		}
	})
}
