package ruler

import (
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/limits"
)

// A RemoteWriteClient is a place that samples go to, in Prometheus' words.
type RemoteWriteClient struct {
	config.RemoteWriteConfig
	node *yaml.Node // as it was written, for tenants that change parts of it
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (c *RemoteWriteClient) UnmarshalYAML(n *yaml.Node) error {
	c.node = n
	return n.Decode(&c.RemoteWriteConfig)
}

// MarshalYAML implements [yaml.Marshaler], without secrets.
func (c RemoteWriteClient) MarshalYAML() (any, error) { return c.RemoteWriteConfig, nil }

// places are all clients by id.
func (c *RemoteWriteConfig) places() map[string]RemoteWriteClient {
	out := maps.Clone(c.Clients)
	if c.Client != nil {
		if out == nil {
			out = map[string]RemoteWriteClient{}
		}
		out[clientID] = *c.Client
	}
	return out
}

// settings are where the alerts and samples of one tenant go.
type settings struct {
	alertmanager AlertmanagerConfig
	clients      map[string]config.RemoteWriteConfig // none: samples go nowhere
	version      string                              // the same for equal settings
}

// forTenant returns the settings of a tenant with these limits.
func (c *Config) forTenant(l *limits.Limits) (*settings, error) {
	s := &settings{
		alertmanager: c.Alertmanager,
		clients:      map[string]config.RemoteWriteConfig{},
		version:      fmt.Sprint(l.RulerRemoteWriteDisabled, "\x00", l.RulerAlertmanagerConfig.Text(), "\x00", l.RulerRemoteWriteConfig.Text()),
	}
	if err := l.RulerAlertmanagerConfig.Over(&s.alertmanager); err != nil {
		return nil, fmt.Errorf("ruler_alertmanager_config: %w", err)
	}
	if err := s.alertmanager.Validate(); err != nil && l.RulerAlertmanagerConfig.Node() != nil {
		return nil, fmt.Errorf("ruler_alertmanager_config: %w", err)
	}
	places := c.RemoteWrite.places()
	for id, p := range places {
		s.clients[id] = p.RemoteWriteConfig
	}
	own := map[string]yaml.Node{}
	if err := l.RulerRemoteWriteConfig.Over(&own); err != nil {
		return nil, fmt.Errorf("ruler_remote_write_config: want places by their id: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(own)) {
		node := own[id]
		var merged RemoteWriteClient
		if err := overlaid(places[id].node, &node).Decode(&merged); err != nil {
			return nil, fmt.Errorf("ruler_remote_write_config.%s: %w", id, err)
		}
		s.clients[id] = merged.RemoteWriteConfig
	}
	if !c.RemoteWrite.Enabled || l.RulerRemoteWriteDisabled {
		s.clients = nil
	}
	return s, nil
}

// CheckLimits reports limits of a tenant that cannot work with c.
func (c *Config) CheckLimits(l *limits.Limits) error {
	_, err := c.forTenant(l)
	return err
}

// overlaid is base with what over says in its place: blocks are merged key by
// key, lists and headers are replaced.
func overlaid(base, over *yaml.Node) *yaml.Node {
	if base == nil || base.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode {
		return over
	}
	out := *base
	out.Content = slices.Clone(base.Content)
next:
	for i := 0; i+1 < len(over.Content); i += 2 {
		key, value := over.Content[i], over.Content[i+1]
		for at := 0; at+1 < len(out.Content); at += 2 {
			if out.Content[at].Value != key.Value {
				continue
			}
			if key.Value != "headers" {
				value = overlaid(out.Content[at+1], value)
			}
			out.Content[at+1] = value
			continue next
		}
		out.Content = append(out.Content, key, value)
	}
	return &out
}
