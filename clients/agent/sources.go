package agent

import (
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"

	"github.com/skaldlogs/skald/clients/agent/buffer"
	"github.com/skaldlogs/skald/clients/agent/config"
	"github.com/skaldlogs/skald/clients/agent/discover"
	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/clients/agent/target/events"
	"github.com/skaldlogs/skald/clients/agent/target/journal"
	"github.com/skaldlogs/skald/clients/agent/target/push"
	"github.com/skaldlogs/skald/clients/agent/target/syslog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// jobs are the scrape configs whose files have to be found.
func (in *instance) jobs() []discover.Job {
	var out []discover.Job
	for i := range in.cfg.Scrape {
		s := &in.cfg.Scrape[i]
		j := discover.Job{Name: s.JobName, Relabel: s.Relabel}
		if len(s.Static) > 0 {
			j.Configs = append(j.Configs, static(s.Static))
		}
		for _, c := range s.Files {
			j.Configs = append(j.Configs, c)
		}
		for _, c := range s.Kubernetes {
			j.Configs = append(j.Configs, c)
		}
		if len(j.Configs) > 0 {
			out = append(out, j)
		}
	}
	return out
}

func static(configs []config.Static) discovery.StaticConfig {
	var out discovery.StaticConfig
	for i, c := range configs {
		g := &targetgroup.Group{Labels: model.LabelSet{}, Source: fmt.Sprint(i)}
		for name, value := range c.Labels {
			g.Labels[model.LabelName(name)] = model.LabelValue(value)
		}
		for _, t := range c.Targets {
			g.Targets = append(g.Targets, model.LabelSet{model.AddressLabel: model.LabelValue(t)})
		}
		if len(c.Targets) == 0 {
			g.Targets = []model.LabelSet{{model.AddressLabel: "localhost"}}
		}
		out = append(out, g)
	}
	return out
}

// buildSources makes the sources that are not files. Those that cannot be read
// again have a buffer on disk behind them.
func (in *instance) buildSources() error {
	for i := range in.cfg.Scrape {
		s := &in.cfg.Scrape[i]
		if s.Syslog != nil {
			o, err := in.buffered(s, "syslog")
			if err != nil {
				return err
			}
			src, err := syslog.Listen(*s.Syslog, o)
			if err := in.add(s, src, err); err != nil {
				return err
			}
		}
		if s.Push != nil {
			o, err := in.buffered(s, "push")
			if err != nil {
				return err
			}
			src, err := push.Listen(*s.Push, o)
			if err := in.add(s, src, err); err != nil {
				return err
			}
		}
		if s.Journal != nil {
			src, err := journal.New(*s.Journal, in.targetOptions(s, in.book.Keyed(journal.Key(s.JobName))))
			if err := in.add(s, src, err); err != nil {
				return err
			}
		}
		if s.Events != nil {
			track := position.NewTrack(in.ledger) // its position is in the lease
			if s.Events.Lease.Disable {
				track = in.book.Keyed(events.Key(s.JobName))
			}
			src, err := events.New(*s.Events, in.targetOptions(s, track))
			if err := in.add(s, src, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncEvery is how often buffers are synced that are not synced for each sender.
const syncEvery = time.Second

// buffered makes the buffer of a source that cannot wait, and the options that
// have the source put into it.
func (in *instance) buffered(s *config.Scrape, kind string) (target.Options, error) {
	o := in.targetOptions(s, position.NewTrack(in.ledger))
	if in.loaded.Flags.DryRun {
		return o, nil
	}
	key := "buffer-" + kind + "-" + s.JobName
	dir := in.cfg.Positions.Filename + "." + url.PathEscape(key)
	opts := buffer.Options{Bytes: in.cfg.Target.BufferBytes, Logger: in.a.logger}
	policy := in.cfg.Target.BufferSync
	always := policy == config.SyncAlways || policy == config.SyncAuto && kind == "push"
	if !always && policy != config.SyncNever {
		opts.SyncEvery = syncEvery
	}
	b, err := buffer.Open(vfs.OS, dir, in.book.Keyed(key), opts)
	if err != nil {
		return o, fmt.Errorf("scrape_configs: job %s: %w", s.JobName, err)
	}
	if always {
		o.Safe = b
	}
	in.buffers = append(in.buffers, runningBuffer{b, o.Chain})
	o.Chain = b
	return o, nil
}

// runningBuffer is a buffer and the stages that follow it.
type runningBuffer struct {
	*buffer.Buffer
	chain entry.Chain
}

func (in *instance) add(s *config.Scrape, src entry.Source, err error) error {
	if err != nil {
		return fmt.Errorf("scrape_configs: job %s: %w", s.JobName, err)
	}
	in.sources = append(in.sources, src)
	return nil
}

func (in *instance) targetOptions(s *config.Scrape, track *position.Track) target.Options {
	return target.Options{
		Job: s.JobName, Relabel: s.Relabel, Chain: in.chain(s.JobName), Track: track,
		Clock: &in.clock, Logger: in.a.logger,
		// Two jobs may have sources of one kind.
		Registerer: prometheus.WrapRegistererWith(prometheus.Labels{"job": s.JobName}, in.reg),
	}
}
