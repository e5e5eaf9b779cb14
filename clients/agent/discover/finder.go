package discover

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"k8s.io/klog/v2"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// Reasons for which a target is not served.
const (
	Dropped   = "dropped"    // by relabelling
	WrongHost = "wrong_host" // its files are on another machine
	NoPath    = "no_path"    // it does not say which files
)

// A Job is a scrape config whose targets are to be found.
type Job struct {
	Name    string
	Configs discovery.Configs
	Relabel []*relabel.Config
}

// A Target is what was found.
type Target struct {
	Discovered labels.Labels // before relabelling
	// Dropped says why the target is not served; the rest is empty then.
	Dropped       string
	Labels        labels.Labels // those of its entries
	Path, Exclude string
}

// A Finder finds the targets of jobs.
type Finder struct {
	jobs    map[string]Job
	host    string
	manager func(ctx context.Context) (*discovery.Manager, error)
}

// kubernetesLogs is for the first finder's logger, which is the process's.
var kubernetesLogs sync.Once

// New returns a finder for files on a host. Metrics of discovery go to reg.
func New(jobs []Job, host string, logger *slog.Logger, reg prometheus.Registerer) (*Finder, error) {
	// The library has but one logger for the process, and reads it without a lock.
	kubernetesLogs.Do(func() { klog.SetSlogLogger(logger.With("component", "kubernetes")) })
	f := &Finder{jobs: map[string]Job{}, host: host}
	configs := map[string]discovery.Configs{}
	for _, j := range jobs {
		f.jobs[j.Name] = j
		for i, c := range j.Configs {
			if k, ok := c.(*kubernetes.SDConfig); ok {
				j.Configs[i] = onNode(k, host)
			}
		}
		configs[j.Name] = j.Configs
	}
	metrics, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	f.manager = func(ctx context.Context) (*discovery.Manager, error) {
		m := discovery.NewManager(ctx, logger.With("component", "discovery"), reg, metrics, discovery.Name("agent"), discovery.Updatert(500*time.Millisecond))
		if m == nil {
			return nil, fmt.Errorf("discovery: its metrics cannot be registered")
		}
		return m, m.ApplyConfig(configs)
	}
	return f, nil
}

// onNode keeps the discovery of pods to those of one node.
func onNode(c *kubernetes.SDConfig, node string) *kubernetes.SDConfig {
	if c.Role != kubernetes.RolePod {
		return c
	}
	field := "spec.nodeName=" + node
	own := *c
	own.Selectors = slices.Clone(c.Selectors)
	for i := range own.Selectors {
		switch s := &own.Selectors[i]; {
		case s.Role != kubernetes.RolePod:
		case strings.Contains(s.Field, "spec.nodeName"):
			return c
		case s.Field == "":
			s.Field = field
			return &own
		default:
			s.Field += "," + field
			return &own
		}
	}
	own.Selectors = append(own.Selectors, kubernetes.SelectorConfig{Role: kubernetes.RolePod, Field: field})
	return &own
}

// Run calls found with the targets of a job when they changed, until ctx is done.
func (f *Finder) Run(ctx context.Context, found func(job string, targets []Target)) error {
	m, err := f.manager(ctx)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = m.Run() // its error is that of ctx
	}()
	defer func() { <-done }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case all := <-m.SyncCh():
			for job, groups := range all {
				found(job, f.targets(f.jobs[job], groups))
			}
		}
	}
}

func (f *Finder) targets(job Job, groups []*targetgroup.Group) []Target {
	var out []Target
	for _, g := range groups {
		for _, t := range g.Targets {
			b := labels.NewBuilder(labels.EmptyLabels())
			for name, value := range g.Labels {
				b.Set(string(name), string(value))
			}
			for name, value := range t {
				b.Set(string(name), string(value))
			}
			out = append(out, f.target(job, b.Labels()))
		}
	}
	slices.SortStableFunc(out, func(a, b Target) int { return labels.Compare(a.Discovered, b.Discovered) })
	return out
}

func (f *Finder) target(job Job, discovered labels.Labels) Target {
	t := Target{Discovered: discovered}
	b := labels.NewBuilder(discovered)
	if !relabel.ProcessBuilder(b, job.Relabel...) {
		t.Dropped = Dropped
		return t
	}
	ls := b.Labels()
	t.Path, t.Exclude = ls.Get("__path__"), ls.Get("__path_exclude__")
	switch host := ls.Get("__host__"); {
	case host != "" && host != f.host:
		t.Dropped = WrongHost
	case t.Path == "":
		t.Dropped = NoPath
	}
	ls.Range(func(l labels.Label) {
		if strings.HasPrefix(l.Name, "__") && l.Name != entry.Reserved {
			b.Del(l.Name)
		}
	})
	t.Labels = b.Labels()
	return t
}
