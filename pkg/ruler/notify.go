package ruler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/dns"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/notifier"
)

// discoveryEvery is how soon after they were found Alertmanagers are known.
const discoveryEvery = 100 * time.Millisecond

// urls are the Alertmanagers that alertmanager_url names.
func (c *AlertmanagerConfig) urls() ([]*url.URL, error) {
	var out []*url.URL
	for text := range strings.SplitSeq(string(c.URL), ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		u, err := url.Parse(text)
		if wrong := (*url.Error)(nil); errors.As(err, &wrong) {
			return nil, fmt.Errorf("alertmanager_url: not the URL of an HTTP server, as in http://alertmanager:9093: %w", wrong.Err) // without a password
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("alertmanager_url: %q is not the URL of an HTTP server, as in http://alertmanager:9093", u.Redacted())
		}
		out = append(out, u)
	}
	return out, nil
}

// config is the same in Prometheus' words: each URL is a group of Alertmanagers,
// and each group gets every alert.
func (c *AlertmanagerConfig) config() (*config.Config, error) {
	urls, err := c.urls()
	if err != nil {
		return nil, err
	}
	out := &config.Config{}
	add := func(u *url.URL, sd discovery.Config) {
		am := config.DefaultAlertmanagerConfig
		am.Scheme, am.PathPrefix = u.Scheme, u.Path
		am.Timeout = model.Duration(c.Timeout)
		am.HTTPClientConfig = c.Client.http(u)
		am.ServiceDiscoveryConfigs = discovery.Configs{sd}
		out.AlertingConfig.AlertmanagerConfigs = append(out.AlertingConfig.AlertmanagerConfigs, &am)
	}
	for _, u := range urls {
		if c.Discovery {
			add(u, &dns.SDConfig{Names: []string{u.Host}, RefreshInterval: model.Duration(c.RefreshInterval), Type: "SRV"})
			continue
		}
		add(u, discovery.StaticConfig{{
			Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(u.Host)}},
			Source:  u.String(),
		}})
	}
	if len(c.Files) > 0 {
		add(&url.URL{Scheme: "http"}, &file.SDConfig{Files: c.Files, RefreshInterval: model.Duration(c.RefreshInterval)})
	}
	out.AlertingConfig.AlertRelabelConfigs = c.AlertRelabelConfigs
	return out, nil
}

// A sender sends the alerts of one tenant to every Alertmanager.
type sender struct {
	external labels.Labels
	notifier *notifier.Manager
	found    *discovery.Manager
	stopped  chan struct{}
	cancel   context.CancelFunc
}

// newSender starts one. Stop must follow.
func newSender(external labels.Labels, cfg *AlertmanagerConfig, tenant string, logger *slog.Logger, reg prometheus.Registerer) (*sender, error) {
	n := notifier.NewManager(&notifier.Options{
		QueueCapacity:   cfg.QueueCapacity,
		DrainOnShutdown: true,
		Registerer:      reg,
		Do: func(ctx context.Context, client *http.Client, req *http.Request) (*http.Response, error) {
			req.Header.Set("X-Scope-OrgID", tenant)
			return client.Do(req.WithContext(ctx))
		},
	}, model.LegacyValidation, logger)
	sdMetrics, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("discovery of alertmanagers: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	found := discovery.NewManager(ctx, logger, reg, sdMetrics, discovery.Name("notify"), discovery.Updatert(discoveryEvery))
	s := &sender{external: external, notifier: n, found: found, cancel: cancel, stopped: make(chan struct{})}
	go func() { _ = found.Run() }()
	go func() {
		defer close(s.stopped)
		n.Run(found.SyncCh())
	}()
	if err := s.apply(cfg); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// apply makes these the Alertmanagers. The capacity of queues stays as it was.
func (s *sender) apply(cfg *AlertmanagerConfig) error {
	conf, err := cfg.config()
	if err != nil {
		return err
	}
	conf.GlobalConfig.ExternalLabels = s.external
	if err := s.notifier.ApplyConfig(conf); err != nil {
		return fmt.Errorf("alertmanagers: %w", err)
	}
	providers := map[string]discovery.Configs{}
	for name, am := range conf.AlertingConfig.AlertmanagerConfigs.ToMap() {
		providers[name] = am.ServiceDiscoveryConfigs
	}
	if err := s.found.ApplyConfig(providers); err != nil {
		return fmt.Errorf("discovery of alertmanagers: %w", err)
	}
	return nil
}

// stop waits until the alerts that are queued were sent, or could not be.
func (s *sender) stop() {
	s.notifier.Stop()
	<-s.stopped
	s.cancel()
}

// generatorURL is the link of an alert: Grafana's page that shows its expression.
func (c *Config) generatorURL(expr string) string {
	type source struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	type query struct {
		Expr       string `json:"expr"`
		QueryType  string `json:"queryType"`
		Datasource source `json:"datasource"`
	}
	left, err := json.Marshal(map[string]any{"queries": []query{{expr, "range", source{"loki", c.DatasourceUID}}}})
	if err != nil {
		return c.ExternalURL // an expression is text, and text can be marshalled
	}
	return strings.TrimSuffix(c.ExternalURL, "/") + "/explore?left=" + url.QueryEscape(string(left))
}
