package distributor

import (
	"fmt"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

// defaultIndexAttributes are the attributes of a resource that become labels:
// where a program runs, and what it is called.
var defaultIndexAttributes = limits.Strings{
	"service.name", "service.namespace", "service.instance.id", "deployment.environment",
	"deployment.environment.name", "cloud.region", "cloud.availability_zone", "k8s.cluster.name",
	"k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "container.name",
	"k8s.replicaset.name", "k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name",
	"k8s.cronjob.name", "k8s.job.name",
}

// OTLPMapping says what becomes of the log records of a tenant's OpenTelemetry
// clients, as its limits are now.
func (d *Distributor) OTLPMapping(tenant string) *loghttp.OTLPMapping {
	return d.rulesOf(tenant).otlp
}

// otlpMapping builds the mapping of a tenant. The defaults come before the
// tenant's rules, which may leave them out.
func otlpMapping(defaults []string, c *limits.OTLPConfig) (*loghttp.OTLPMapping, error) {
	m := &loghttp.OTLPMapping{SeverityLabel: c.SeverityTextAsLabel}
	var resource []loghttp.AttributeRule
	if !c.ResourceAttributes.IgnoreDefaults {
		resource = append(resource, loghttp.AttributeRule{Place: loghttp.ToLabel, Names: defaults})
	}
	for _, part := range []struct {
		name  string
		to    *loghttp.AttributeMap
		first []loghttp.AttributeRule
		rules []limits.AttributeRule
	}{
		{"resource_attributes", &m.Resource, resource, c.ResourceAttributes.AttributesConfig},
		{"scope_attributes", &m.Scope, nil, c.ScopeAttributes},
		{"log_attributes", &m.Record, nil, c.LogAttributes},
	} {
		rules := part.first
		for _, r := range part.rules {
			rules = append(rules, loghttp.AttributeRule{Place: places[r.Action], Names: r.Attributes, Regex: r.Regex})
		}
		var err error
		if *part.to, err = loghttp.NewAttributeMap(rules); err != nil {
			return nil, fmt.Errorf("otlp_config.%s: %w", part.name, err)
		}
	}
	return m, nil
}

var places = map[limits.AttributeAction]loghttp.Place{
	limits.IndexLabel:         loghttp.ToLabel,
	limits.StructuredMetadata: loghttp.ToMetadata,
	limits.Drop:               loghttp.ToNowhere,
}
