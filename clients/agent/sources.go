package agent

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"

	"github.com/skaldlogs/skald/clients/agent/config"
	"github.com/skaldlogs/skald/clients/agent/discover"
	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/clients/agent/target/events"
	"github.com/skaldlogs/skald/clients/agent/target/journal"
	"github.com/skaldlogs/skald/clients/agent/target/push"
	"github.com/skaldlogs/skald/clients/agent/target/syslog"
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

// buildSources makes the sources that are not files.
func (in *instance) buildSources() error {
	for i := range in.cfg.Scrape {
		s := &in.cfg.Scrape[i]
		if s.Syslog != nil {
			src, err := syslog.Listen(*s.Syslog, in.targetOptions(s, position.NewTrack(in.ledger)))
			if err := in.add(s, src, err); err != nil {
				return err
			}
		}
		if s.Push != nil {
			src, err := push.Listen(*s.Push, in.targetOptions(s, position.NewTrack(in.ledger)))
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
		if s.Journal != nil {
			src, err := journal.New(*s.Journal, in.targetOptions(s, in.book.Keyed(journal.Key(s.JobName))))
			if err := in.add(s, src, err); err != nil {
				return err
			}
		}
	}
	return nil
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
