package skald

import (
	"errors"
	"reflect"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/ruler"
	"github.com/skaldlogs/skald/pkg/spell"
)

// A runtimeCheck judges the runtime file by the same ledger as the
// configuration: each tenant's overrides have the keys of limits_config.
type runtimeCheck struct {
	logger log.Logger
	ruler  *ruler.Config // what tenants may change parts of

	mu     sync.Mutex // guards warned
	warned map[string]bool
}

// check returns the file as [limits.Load] reads it. It is called every time the
// file is read, and warns about each key once.
func (r *runtimeCheck) check(text []byte) ([]byte, error) {
	t, err := parseTree("line", text)
	if err != nil {
		return nil, err
	}
	l := theLedger()
	var kept []*yaml.Node
	for i := 0; i+1 < len(t.root.Content); i += 2 {
		key, value := t.root.Content[i], t.root.Content[i+1]
		switch key.Value {
		case "overrides":
			for j := 1; j < len(value.Content); j += 2 {
				tenant := value.Content[j]
				if tenant.Kind != yaml.MappingNode {
					continue
				}
				for _, m := range t.judgeBlock(l, tenant, "limits_config") {
					t.warn(m.key.Line, m.from, "does not apply: one for the whole process")
				}
				t.conform(tenant, reflect.TypeFor[limits.Limits](), "overrides."+value.Content[j-1].Value)
				r.checkRuler(t, tenant)
			}
		case "multi_kv_config":
		case "configs":
			t.warn(key.Line, key.Value, notServed)
			continue
		default:
			hint := ""
			if near := spell.Nearest(key.Value, []string{"overrides", "configs", "multi_kv_config"}); near != "" {
				hint = ", perhaps \"" + near + "\""
			}
			t.wrong(key.Line, "unknown key %q%s", key.Value, hint)
		}
		kept = append(kept, key, value)
	}
	if len(t.errs) > 0 {
		return nil, errors.Join(t.errs...)
	}
	t.root.Content = kept
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range t.warnings {
		if !r.warned[w.What] {
			r.warned[w.What] = true
			level.Warn(r.logger).Log("msg", "setting is ignored", "setting", w.What, "why", w.Why, "file", "runtime", "line", w.Line)
		}
	}
	return yaml.Marshal(t.root)
}

// checkRuler finds what a tenant says about its Alertmanagers and remote write
// and the ruler could not take over.
func (r *runtimeCheck) checkRuler(t *tree, tenant *yaml.Node) {
	if r.ruler == nil {
		return
	}
	var l limits.Limits
	line := tenant.Line
	for key, block := range map[string]*limits.Block{
		"ruler_alertmanager_config": &l.RulerAlertmanagerConfig,
		"ruler_remote_write_config": &l.RulerRemoteWriteConfig,
	} {
		if n := find(tenant, key); n != nil {
			_ = block.UnmarshalYAML(n) // keeps it as it is
			line = n.Line
		}
	}
	if err := r.ruler.CheckLimits(&l); err != nil {
		t.wrong(line, "%w", err)
	}
}
