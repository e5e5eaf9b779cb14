package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/stage"
	"github.com/skaldlogs/skald/pkg/model"
)

// readStdin sends the lines of standard input, to its end.
func (in *instance) readStdin(ctx context.Context) error {
	chain, ls, err := in.stdinChain()
	if err != nil {
		return err
	}
	track := position.NewTrack(in.ledger)
	lines := make(chan []byte)
	failed := make(chan error, 1)
	// Nothing ends a read of standard input but its end.
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(in.a.stdin, 64<<10)
		for {
			line, err := r.ReadBytes('\n')
			if line = bytes.Trim(line, "\r\n"); len(line) > 0 {
				select {
				case lines <- line:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					failed <- err
				}
				return
			}
		}
	}()
	next := int64(0)
	timer := time.NewTicker(250 * time.Millisecond)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			if due := chain.Due(); !due.IsZero() && !due.After(time.Now()) {
				if err := chain.Flush(ctx, time.Now()); err != nil {
					return err
				}
			}
		case line, ok := <-lines:
			if !ok {
				select {
				case err := <-failed:
					return errors.Join(err, chain.Flush(ctx, time.Time{}))
				default:
					return chain.Flush(ctx, time.Time{})
				}
			}
			track.Read(1)
			e := entry.Entry{
				Labels: ls, Timestamp: in.clock.Next(1), Line: model.Borrow(line),
				Mark: entry.Mark{Track: track, Range: position.Range{Start: next, End: next + 1}, Lines: 1},
			}
			next++
			if err := chain.Put(ctx, []entry.Entry{e}); err != nil {
				return err
			}
		}
	}
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
