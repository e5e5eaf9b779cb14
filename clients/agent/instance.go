package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/clients/agent/config"
	"github.com/skaldlogs/skald/clients/agent/discover"
	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/send"
	"github.com/skaldlogs/skald/clients/agent/stage"
	"github.com/skaldlogs/skald/clients/agent/tail"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// An instance is what one configuration makes.
type instance struct {
	a      *Agent
	loaded *config.Loaded
	cfg    *config.Config
	reg    *prometheus.Registry // of what does not outlive the instance
	clock  entry.Clock

	ledger    *position.Ledger
	book      *position.Book
	clients   send.Fan
	sink      entry.Sink
	pipelines map[string]*stage.Pipeline // by job
	tailer    *tail.Tailer
	finder    *discover.Finder // nil without jobs that need one
	sources   []entry.Source
	buffers   []runningBuffer
	saved     string // what was last said of trouble with positions
	// behind receives when a client that was behind needs sources read again.
	behind chan struct{}

	mu    sync.Mutex
	found map[string][]discover.Target // by job
}

func (a *Agent) newInstance(loaded *config.Loaded) (*instance, error) {
	in := &instance{
		a: a, loaded: loaded, cfg: &loaded.Config, reg: prometheus.NewRegistry(),
		pipelines: map[string]*stage.Pipeline{}, found: map[string][]discover.Target{},
		behind: make(chan struct{}, 1),
	}
	if err := in.build(); err != nil {
		return nil, errors.Join(err, in.close())
	}
	return in, nil
}

func (in *instance) build() error {
	flags := &in.loaded.Flags
	if len(in.cfg.Clients) == 0 && !flags.DryRun {
		return errors.New("no client is configured: say in clients where to push to, or use -dry-run")
	}
	names := make([]string, len(in.cfg.Clients))
	for i := range names {
		names[i] = in.cfg.Clients[i].Name
	}
	if flags.DryRun {
		names = []string{"dry-run"}
	}
	in.ledger = position.NewLedger(names...)
	var err error
	in.book, err = position.Open(vfs.OS, in.cfg.Positions.Filename, in.ledger, position.Options{
		Clients: names, IgnoreInvalid: in.cfg.Positions.IgnoreInvalidYAML,
		ReadOnly: flags.DryRun || flags.Stdin, NoSync: !in.cfg.Positions.JournalSync,
		QueueBytes: in.cfg.Target.QueueBytes, Unjournaled: in.cfg.Positions.WhenUnwritable == config.UnwritableSend,
	})
	if err != nil {
		return err
	}
	in.reg.MustRegister(ledgerMetrics{in.ledger, in.book})
	for _, dir := range in.book.StrayQueues() {
		level.Error(in.a.logger).Log("msg", "batches wait on disk for a client that is not configured: give it its name back, or remove the folder", "folder", dir)
	}
	if err := in.buildSink(names); err != nil {
		return err
	}
	for i := range in.cfg.Scrape {
		s := &in.cfg.Scrape[i]
		if in.pipelines[s.JobName], err = stage.New(s.Pipeline, in.stageOptions(s.JobName)); err != nil {
			return fmt.Errorf("scrape_configs: job %s: %w", s.JobName, err)
		}
	}
	if flags.Stdin {
		return nil
	}
	in.tailer = tail.New(tail.Options{
		Poll: in.cfg.Global.FileWatch.MinPollFrequency, Sync: in.cfg.Target.SyncPeriod,
		Book: in.book, Clock: &in.clock, Logger: in.a.logger, Metrics: in.a.shared.tail,
	})
	in.reg.MustRegister(in.tailer)
	if err := in.buildSources(); err != nil {
		return err
	}
	if jobs := in.jobs(); len(jobs) > 0 {
		in.finder, err = discover.New(jobs, in.a.host, slog.New(slogHandler{to: in.a.logger}), in.reg)
	}
	return err
}

func (in *instance) stageOptions(job string) stage.Options {
	o := stage.Options{Job: job, Metrics: in.a.shared.stages, Clock: &in.clock, Logger: in.a.logger}
	if in.loaded.Flags.Inspect {
		o.Observe = newInspector(in.a.stderr).observe
	}
	return o
}

func (in *instance) buildSink(names []string) error {
	if in.loaded.Flags.DryRun {
		in.sink = &dryRun{to: in.a.stdout, ledger: in.ledger}
		return nil
	}
	var clients []*send.Client
	for i := range names {
		c, err := send.New(in.cfg.Clients[i], i, in.book, in.a.logger, in.a.shared.send)
		if err != nil {
			return err
		}
		clients = append(clients, c)
		retries := "no end: files are not read further while a server is away"
		if m := in.cfg.Clients[i].Backoff.MaxRetries; m > 0 {
			retries = fmt.Sprintf("%d, then the batch is dropped", m)
		}
		level.Info(in.a.logger).Log("msg", "entries are pushed", "client", c.Name(), "url", in.cfg.Clients[i].URL.Redacted(), "retries", retries)
	}
	in.clients = send.NewFan(clients...)
	in.sink = send.NewGate(in.cfg.Limits, in.clients, func(reason string) { in.a.shared.stages.Drop(reason, 1) })
	return nil
}

// chain is the stages of a job, for one source.
func (in *instance) chain(job string) entry.Chain { return in.pipelines[job].Chain(in.sink) }

// run runs until ctx is done, then stops: sources first, clients when they have
// sent what they hold, positions last.
func (in *instance) run(ctx, stopping context.Context) error {
	var sources, clients, saver sync.WaitGroup
	stopping, giveUp := context.WithCancel(stopping)
	defer giveUp()
	clientsCtx, stopClients := context.WithCancel(context.WithoutCancel(ctx))
	defer stopClients()
	saverCtx, stopSaver := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSaver()
	for _, c := range in.clients {
		clients.Go(func() { c.Run(clientsCtx, stopping) })
		clients.Go(func() { in.catchUp(clientsCtx, c) })
	}
	saver.Go(func() { in.saves(saverCtx) })

	if in.loaded.Flags.Stdin {
		if err := in.readStdin(ctx); err != nil {
			level.Error(in.a.logger).Log("msg", "standard input", "err", err)
		}
		for _, c := range in.clients {
			c.Drain(ctx)
		}
	} else {
		in.startSources(ctx, &sources)
		<-ctx.Done()
		sources.Wait()
	}
	// The last batches have one try each, which ends in time.
	timer := time.AfterFunc(in.cfg.Server.ShutdownTimeout, func() {
		level.Warn(in.a.logger).Log("msg", "the last batches take longer than graceful_shutdown_timeout; they are sent after the next start")
		giveUp()
	})
	defer timer.Stop()
	stopClients()
	clients.Wait()
	stopSaver()
	saver.Wait()
	return in.close()
}

func (in *instance) startSources(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { _ = in.tailer.Run(ctx) }) // it has no errors
	for _, b := range in.buffers {
		wg.Go(func() {
			if err := b.Run(ctx, b.chain); err != nil {
				level.Error(in.a.logger).Log("msg", "a buffer cannot be read", "err", err)
			}
		})
	}
	for _, s := range in.sources {
		wg.Go(func() {
			if err := s.Run(ctx); err != nil {
				level.Error(in.a.logger).Log("msg", "a source cannot go on", "err", err)
			}
		})
	}
	if in.finder != nil {
		wg.Go(func() {
			if err := in.finder.Run(ctx, in.sync); err != nil {
				level.Error(in.a.logger).Log("msg", "targets are not discovered", "err", err)
			}
		})
	}
}

// catchUp waits until a client can be given what was put off for it.
func (in *instance) catchUp(ctx context.Context, c *send.Client) {
	select {
	case <-c.Behind():
	case <-ctx.Done():
		return
	}
	level.Info(in.a.logger).Log("msg", "files are read again for a client that was away", "client", c.Name())
	select {
	case in.behind <- struct{}{}:
	default:
	}
}

// saves saves positions in time.
func (in *instance) saves(ctx context.Context) {
	period := in.cfg.Positions.SyncPeriod
	timer := time.NewTimer(period)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-in.book.Full():
		}
		began := time.Now()
		in.report(in.book.Save())
		// Many positions take long to write: no more than a part of the time goes there.
		took := time.Since(began)
		timer.Reset(max(period, 20*took))
		select {
		case <-ctx.Done():
			return
		case <-time.After(took):
		}
	}
}

// report logs trouble with positions, once for each kind.
func (in *instance) report(err error) {
	journal := in.book.JournalError()
	if err == nil {
		err = journal
	}
	trouble := ""
	switch {
	case err == nil:
	case journal == nil:
		trouble = "positions are not saved; the journal beside them grows instead"
	case in.cfg.Positions.WhenUnwritable == config.UnwritableSend:
		trouble = "positions are not saved; after a crash now, entries would be sent again"
	default:
		trouble = "positions cannot be written, and nothing new is sent until they can be; make room on their disk, or set positions.when_unwritable to send"
	}
	if err != nil {
		in.a.shared.saveFailures.Inc()
	}
	if trouble == in.saved {
		return
	}
	if in.saved = trouble; err != nil {
		level.Error(in.a.logger).Log("msg", trouble, "err", err)
		return
	}
	level.Info(in.a.logger).Log("msg", "positions are saved again")
}

// close releases what build made.
func (in *instance) close() error {
	for _, p := range in.pipelines {
		if p != nil {
			p.Close()
		}
	}
	var errs []error
	for _, s := range in.sources {
		// One that was made and never ran holds its port.
		if c, ok := s.(io.Closer); ok {
			_ = c.Close()
		}
	}
	for _, b := range in.buffers {
		errs = append(errs, b.Close())
	}
	if in.book != nil {
		errs = append(errs, in.book.Close())
	}
	return errors.Join(errs...)
}

// sync tells the tailer which files a job has.
func (in *instance) sync(job string, targets []discover.Target) {
	in.mu.Lock()
	in.found[job] = targets
	in.mu.Unlock()
	i := slices.IndexFunc(in.cfg.Scrape, func(s config.Scrape) bool { return s.JobName == job })
	s := &in.cfg.Scrape[i]
	encoding, _ := tail.ParseEncoding(s.Encoding) // the configuration was validated
	var files []*tail.Target
	for _, t := range targets {
		if t.Dropped != "" {
			continue
		}
		f := &tail.Target{
			Job: job, Path: t.Path, Exclude: t.Exclude, Labels: t.Labels, Discovered: t.Discovered,
			Chain: func() entry.Chain { return in.chain(job) }, Encoding: encoding,
		}
		if s.Decompression.Enabled {
			f.Format, f.Delay = s.Decompression.Format, s.Decompression.InitialDelay
		}
		files = append(files, f)
	}
	in.tailer.Sync(job, files)
	in.countTargets()
}

// countTargets brings the metrics of targets up to date.
func (in *instance) countTargets() {
	in.mu.Lock()
	defer in.mu.Unlock()
	active := len(in.sources)
	failed := map[string]int{}
	for _, targets := range in.found {
		for _, t := range targets {
			if t.Dropped == "" {
				active++
			} else {
				failed[t.Dropped]++
			}
		}
	}
	in.a.shared.active.Set(float64(active))
	in.a.shared.tail.SetFailed(failed)
}
