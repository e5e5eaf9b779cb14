package canary

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/version"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/api"
)

// Config of a [Canary].
type Config struct {
	Address                   string // host:port
	TLS                       bool
	CertFile, KeyFile, CAFile string
	InsecureSkipVerify        bool
	User, Password, Tenant    string
	Push                      bool
	LabelName, LabelValue     string
	StreamName, StreamValue   string
	Labels                    string
	QueryAppend               string
	Port                      int
	Interval                  time.Duration
	Size                      int
	Wait, MaxWait             time.Duration
	PruneInterval             time.Duration
	Buckets                   int
	QueryTimeout              time.Duration

	OutOfOrderPercentage         int
	OutOfOrderMin, OutOfOrderMax time.Duration

	MetricTestInterval, MetricTestRange            time.Duration
	CacheTestInterval, CacheTestRange              time.Duration
	CacheTestNow                                   time.Duration
	SpotCheckInterval, SpotCheckMax                time.Duration
	SpotCheckQueryRate, SpotCheckInitialWait       time.Duration
	WriteTimeout, WriteMinBackoff, WriteMaxBackoff time.Duration
	WriteMaxRetries                                int
	BatchSize, BatchSizeMax                        int
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.StringVar(&c.Address, "addr", "", "Host and port of the server, as in loki:3100. The default is $LOKI_ADDRESS.")
	f.BoolVar(&c.TLS, "tls", false, "Use https and wss.")
	f.StringVar(&c.CertFile, "cert-file", "", "File of the certificate to show to the server.")
	f.StringVar(&c.KeyFile, "key-file", "", "File of its key.")
	f.StringVar(&c.CAFile, "ca-file", "", "File of certificates that the server's is checked by.")
	f.BoolVar(&c.InsecureSkipVerify, "insecure", false, "Do not check the server's certificate.")
	f.StringVar(&c.User, "user", "", "User for basic authentication.")
	f.StringVar(&c.Password, "pass", "", "Password for basic authentication.")
	f.StringVar(&c.Tenant, "tenant-id", "", "The tenant (X-Scope-OrgID).")
	f.BoolVar(&c.Push, "push", false, "Push entries to the server, instead of writing them to stdout for an agent.")
	f.StringVar(&c.LabelName, "labelname", "name", "Name of the label that this canary's entries have.")
	f.StringVar(&c.LabelValue, "labelvalue", "loki-canary", "Its value, which no other canary has.")
	f.StringVar(&c.StreamName, "streamname", "stream", "Name of another label of its entries.")
	f.StringVar(&c.StreamValue, "streamvalue", "stdout", "Its value.")
	f.StringVar(&c.Labels, "labels", "", "Labels to use instead of those two, as in app=canary,env=prod.")
	f.StringVar(&c.QueryAppend, "query-append", "", "What log queries end with, as in '| json | line_format \"{{.log}}\"'.")
	f.IntVar(&c.Port, "port", 3500, "Port of /metrics, /suspend and /resume.")
	f.DurationVar(&c.Interval, "interval", time.Second, "Time between entries.")
	f.IntVar(&c.Size, "size", 100, "Bytes of a line.")
	f.DurationVar(&c.Wait, "wait", time.Minute, "How long a tail may take to bring an entry before it is asked for.")
	f.DurationVar(&c.MaxWait, "max-wait", 5*time.Minute, "How long an entry is asked for before it is reported missing.")
	f.DurationVar(&c.PruneInterval, "pruneinterval", time.Minute, "How often to compare what was sent with what was received.")
	f.IntVar(&c.Buckets, "buckets", 10, "Buckets of the histogram of latencies.")
	f.DurationVar(&c.QueryTimeout, "query-timeout", 10*time.Second, "How long a query may take.")
	f.IntVar(&c.OutOfOrderPercentage, "out-of-order-percentage", 0, "How many of 100 entries are written with a time in the past.")
	f.DurationVar(&c.OutOfOrderMin, "out-of-order-min", 30*time.Second, "How far in the past at least.")
	f.DurationVar(&c.OutOfOrderMax, "out-of-order-max", time.Minute, "How far in the past at most.")
	f.DurationVar(&c.MetricTestInterval, "metric-test-interval", time.Hour, "How often to compare a count over time.")
	f.DurationVar(&c.MetricTestRange, "metric-test-range", 24*time.Hour, "The range of that count; the time since the start while that is less.")
	f.DurationVar(&c.CacheTestInterval, "cache-test-interval", 15*time.Minute, "How often to compare answers with and without caches.")
	f.DurationVar(&c.CacheTestRange, "cache-test-range", 24*time.Hour, "The range of that query.")
	f.DurationVar(&c.CacheTestNow, "cache-test-now", time.Hour, "How far in the past that query is evaluated.")
	f.DurationVar(&c.SpotCheckInterval, "spot-check-interval", 15*time.Minute, "How often an entry is remembered for spot checks.")
	f.DurationVar(&c.SpotCheckMax, "spot-check-max", 4*time.Hour, "How long it is remembered.")
	f.DurationVar(&c.SpotCheckQueryRate, "spot-check-query-rate", time.Minute, "How often remembered entries are asked for.")
	f.DurationVar(&c.SpotCheckInitialWait, "spot-check-initial-wait", 10*time.Second, "How old an entry is before it is asked for.")
	f.DurationVar(&c.WriteTimeout, "write-timeout", 10*time.Second, "How long a push may take.")
	f.DurationVar(&c.WriteMinBackoff, "write-min-backoff", 500*time.Millisecond, "Wait before a push is tried again.")
	f.DurationVar(&c.WriteMaxBackoff, "write-max-backoff", 5*time.Minute, "Longest wait before a push is tried again.")
	f.IntVar(&c.WriteMaxRetries, "write-max-retries", 10, "How often a push is tried.")
	f.IntVar(&c.BatchSize, "logs-batch-size", 1, "Entries in a push; 0 or 1 pushes each alone.")
	f.IntVar(&c.BatchSizeMax, "logs-batch-size-max", 20, "The largest -logs-batch-size that is allowed.")
}

// Validate reports what is missing or cannot work together.
func (c *Config) Validate() error {
	switch {
	case c.Address == "":
		return errors.New("-addr or $LOKI_ADDRESS must name the server, as in loki:3100")
	case strings.Contains(c.Address, "://"):
		return fmt.Errorf("-addr %s: it is a host and port without a scheme; -tls chooses https", c.Address)
	case !c.TLS && (c.CertFile != "" || c.KeyFile != "" || c.CAFile != "" || c.InsecureSkipVerify):
		return errors.New("-cert-file, -key-file, -ca-file and -insecure go with -tls")
	case c.OutOfOrderPercentage < 0 || c.OutOfOrderPercentage > 100:
		return errors.New("-out-of-order-percentage must be 0 to 100")
	case c.OutOfOrderMin < 0 || c.OutOfOrderMax < c.OutOfOrderMin:
		return errors.New("-out-of-order-max must not be less than -out-of-order-min")
	case c.BatchSize < 0 || c.BatchSize > c.BatchSizeMax:
		return fmt.Errorf("-logs-batch-size must be 0 to %d (-logs-batch-size-max)", c.BatchSizeMax)
	case c.Buckets < 1 || c.Buckets > 64:
		return errors.New("-buckets must be 1 to 64")
	case c.MaxWait < c.Wait:
		return errors.New("-max-wait must not be less than -wait")
	case c.MetricTestRange < time.Second:
		return errors.New("-metric-test-range must be a second or more")
	case c.CacheTestRange < time.Second:
		return errors.New("-cache-test-range must be a second or more")
	}
	for name, d := range map[string]time.Duration{
		"interval": c.Interval, "pruneinterval": c.PruneInterval, "wait": c.Wait, "metric-test-interval": c.MetricTestInterval,
		"cache-test-interval": c.CacheTestInterval, "spot-check-interval": c.SpotCheckInterval, "spot-check-query-rate": c.SpotCheckQueryRate,
	} {
		if d <= 0 {
			return fmt.Errorf("-%s must be more than 0", name)
		}
	}
	_, err := c.labels()
	return err
}

// labels returns what the canary's stream is named by.
func (c *Config) labels() (labels.Labels, error) {
	if c.Labels == "" {
		return labels.FromStrings(c.LabelName, c.LabelValue, c.StreamName, c.StreamValue), nil
	}
	m := map[string]string{}
	for pair := range strings.SplitSeq(c.Labels, ",") {
		name, value, ok := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return labels.EmptyLabels(), fmt.Errorf("-labels: %q is not of the form name=value", pair)
		}
		m[name] = strings.TrimSpace(value)
	}
	return labels.FromMap(m), nil
}

// client returns a client of the server.
func (c *Config) client(agent string, timeout time.Duration, noCache bool) (*api.Client, error) {
	scheme := "http"
	if c.TLS {
		scheme = "https"
	}
	return api.New(api.Config{
		Address: scheme + "://" + c.Address, Username: c.User, Password: c.Password, Tenant: c.Tenant,
		UserAgent: agent + "/" + version.Version, NoCache: noCache, Timeout: timeout,
		CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, InsecureSkipVerify: c.InsecureSkipVerify,
	})
}
