package agent

import (
	"context"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/stage"
	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/clients/agent/target/stdin"
)

// readStdin sends the lines of standard input, to its end.
func (in *instance) readStdin(ctx context.Context) error {
	chain, ls, err := in.stdinChain()
	if err != nil {
		return err
	}
	return stdin.New(in.a.stdin, ls, target.Options{
		Job: "stdin", Chain: chain, Track: position.NewTrack(in.ledger), Clock: &in.clock, Logger: in.a.logger,
	}).Run(ctx)
}

// stdinChain is the stages and labels of lines from standard input: those of the
// first scrape config.
func (in *instance) stdinChain() (entry.Chain, *entry.Labels, error) {
	if len(in.cfg.Scrape) == 0 {
		p, err := stage.New(stage.Config{}, in.stageOptions("stdin"))
		if err != nil {
			return nil, nil, err
		}
		return p.Chain(in.sink), entry.NewLabels(labels.FromStrings("job", "stdin", "hostname", in.a.host)), nil
	}
	s := &in.cfg.Scrape[0]
	for _, other := range in.cfg.Scrape[1:] {
		level.Warn(in.a.logger).Log("msg", "with -stdin only the first scrape config is used", "ignored", other.JobName)
	}
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, c := range s.Static {
		for name, value := range c.Labels {
			b.Set(name, value)
		}
	}
	return in.chain(s.JobName), entry.NewLabels(b.Labels()), nil
}
