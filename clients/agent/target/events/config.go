package events

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	build "github.com/prometheus/common/version"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A Config is the kubernetes_events block of a scrape config. Zero values stand
// for the defaults.
type Config struct {
	// APIServer is the address of the API server; that of the cluster in which
	// the agent runs by default.
	APIServer string `yaml:"api_server,omitempty"`
	// KubeconfigFile is a file of kubectl to take the address and credentials from.
	KubeconfigFile string `yaml:"kubeconfig_file,omitempty"`
	// Namespaces are those whose events are shipped; all by default.
	Namespaces []string `yaml:"namespaces,omitempty"`
	// Format of lines is logfmt, the default, or json.
	Format string `yaml:"format,omitempty"`
	// Labels are added to each entry.
	Labels map[string]string `yaml:"labels,omitempty"`
	// Lease says which Lease the replicas share.
	Lease LeaseConfig `yaml:"lease,omitempty"`
}

// LeaseConfig names a Lease.
type LeaseConfig struct {
	// Disable reads without a lease, as a single replica may.
	Disable bool `yaml:"disable,omitempty"`
	// Namespace is that of the agent by default, or else "default".
	Namespace string `yaml:"namespace,omitempty"`
	// Name is skald-agent-events by default.
	Name string `yaml:"name,omitempty"`
}

const (
	logfmt = "logfmt"
	asJSON = "json"
)

// Validate checks the config and fills in its defaults.
func (c *Config) Validate() error {
	if c.APIServer != "" && c.KubeconfigFile != "" {
		return errors.New("kubernetes_events: want one of api_server and kubeconfig_file, not both")
	}
	c.Format = cmp.Or(c.Format, logfmt)
	if c.Format != logfmt && c.Format != asJSON {
		return fmt.Errorf("kubernetes_events: format: unknown format %q, want logfmt or json", c.Format)
	}
	for _, n := range c.Namespaces {
		if n == "" || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("kubernetes_events: namespaces: %q is no name of a namespace", n)
		}
	}
	c.Lease.Name = cmp.Or(c.Lease.Name, "skald-agent-events")
	c.Lease.Namespace = cmp.Or(c.Lease.Namespace, ownNamespace(), "default")
	return nil
}

// namespaceFile is where a pod finds the name of its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func ownNamespace() string {
	text, err := os.ReadFile(namespaceFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// requestTime bounds requests that are not watches.
const requestTime = 15 * time.Second

// client says how to reach the API server.
func (c *Config) client() (*rest.Config, error) {
	var r *rest.Config
	var err error
	switch {
	case c.KubeconfigFile != "":
		r, err = clientcmd.BuildConfigFromFlags("", c.KubeconfigFile)
	case c.APIServer != "":
		r = &rest.Config{Host: c.APIServer}
	default:
		r, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("kubernetes_events: %w", err)
	}
	r.ContentType = runtime.ContentTypeJSON // which servers in between understand as well
	r.UserAgent = "skald-agent/" + build.Version
	return r, nil
}
