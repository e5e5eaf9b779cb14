package limits

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/kv"
	"github.com/grafana/dskit/runtimeconfig"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.yaml.in/yaml/v3"
)

// A File is what the runtime file holds. It does not change once it is loaded.
type File struct {
	// Overrides are the values of the tenants named, complete: what the file does
	// not say is taken from the defaults.
	Overrides map[string]*Limits
	// MultiKV moves rings from one store to another while running.
	MultiKV kv.MultiRuntimeConfig
}

// fileOnDisk is a File before the defaults are filled in.
type fileOnDisk struct {
	Overrides map[string]yaml.Node  `yaml:"overrides"`
	MultiKV   kv.MultiRuntimeConfig `yaml:"multi_kv_config"`
}

// Runtime is the runtime file and its reloading.
//
// Its life: Starting reads the file and fails if it is bad, Running reads it
// again every period, and keeps what it has if it is bad then.
type Runtime struct {
	*runtimeconfig.Manager
}

// NewRuntime returns a Runtime that has not read its file yet. cfg must name a
// file. The tenants' values start from defaults.
func NewRuntime(cfg runtimeconfig.Config, defaults *Limits, logger log.Logger, reg prometheus.Registerer) (*Runtime, error) {
	failures := promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "runtime_config_reload_failures_total",
		Help: "Times the runtime file was changed and could not be taken over.",
	})
	cfg.Loader = func(r io.Reader) (any, error) {
		f, err := Load(r, defaults)
		if err != nil {
			failures.Inc()
			return nil, err
		}
		return f, nil
	}
	if check := cfg.Preprocessor; check != nil {
		cfg.Preprocessor = func(b []byte) ([]byte, error) {
			b, err := check(b)
			if err != nil {
				failures.Inc()
			}
			return b, err
		}
	}
	m, err := runtimeconfig.New(cfg, "runtime", reg, log.With(logger, "component", "runtime-config"))
	if err != nil {
		return nil, err
	}
	return &Runtime{Manager: m}, nil
}

// Current returns the file as it was last read, nil before the first time.
func (r *Runtime) Current() *File {
	f, _ := r.GetConfig().(*File)
	return f
}

// MultiKV returns a channel of changes to multi_kv_config.
func (r *Runtime) MultiKV() <-chan kv.MultiRuntimeConfig {
	out := make(chan kv.MultiRuntimeConfig, 1)
	if f := r.Current(); f != nil {
		out <- f.MultiKV
	}
	in := r.CreateListenerChannel(1)
	go func() {
		// The manager closes its channels when it stops.
		defer close(out)
		for v := range in {
			if f, ok := v.(*File); ok {
				select {
				case out <- f.MultiKV:
				default: // the one before is not taken yet, and the next reload brings it again
				}
			}
		}
	}()
	return out
}

// Load reads a runtime file. Unknown keys are errors, and so are values that do
// not pass [Limits.Validate]. An empty file is one without tenants.
func Load(r io.Reader, defaults *Limits) (*File, error) {
	var disk fileOnDisk
	if err := decodeStrict(r, &disk); err != nil {
		return nil, err
	}
	f := &File{
		Overrides: make(map[string]*Limits, len(disk.Overrides)),
		MultiKV:   disk.MultiKV,
	}
	for tenant, node := range disk.Overrides {
		l := *defaults
		forgetMaps(reflect.ValueOf(&l).Elem(), &node)
		if err := overlay(&node, &l); err != nil {
			return nil, fmt.Errorf("overrides of tenant %s: %w", tenant, err)
		}
		if err := l.Validate(); err != nil {
			return nil, fmt.Errorf("overrides of tenant %s: %w", tenant, err)
		}
		f.Overrides[tenant] = &l
	}
	return f, nil
}

// overlay decodes node over what v holds already. A null node changes nothing.
func overlay(node *yaml.Node, v any) error {
	if node.Tag == "!!null" {
		return nil
	}
	text, err := yaml.Marshal(node) // a node alone cannot be decoded strictly
	if err != nil {
		return err
	}
	return decodeStrict(strings.NewReader(string(text)), v)
}

func decodeStrict(r io.Reader, v any) error {
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && err != io.EOF {
		return err
	}
	return nil
}

// forgetMaps empties those maps of l that node has values for: decoding would
// add to a map that it shares with the defaults instead of replacing it.
func forgetMaps(l reflect.Value, node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := range l.NumField() {
		key := l.Type().Field(i).Tag.Get("yaml")
		for at := 0; at+1 < len(node.Content); at += 2 {
			if node.Content[at].Value != key {
				continue
			}
			switch field := l.Field(i); field.Kind() {
			case reflect.Map:
				field.SetZero()
			case reflect.Struct:
				forgetMaps(field, node.Content[at+1])
			}
		}
	}
}
