package events

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/skaldlogs/skald/clients/agent/entry"
	positions "github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/target"
)

// leaseTime is how long a lease is held without being renewed.
const leaseTime = 15 * time.Second

// Key is the name of the position of a job's events, which counts where there is
// no lease.
func Key(job string) string { return "events-" + job }

// A Target ships events; it is an entry.Source.
type Target struct {
	cfg     Config
	opts    target.Options
	labeler *target.Labeler
	events  coreclient.EventsGetter
	lease   *lease // nil without one

	reading atomic.Bool
}

// New returns a target that reads once it runs, when it is its turn.
func New(cfg Config, opts target.Options) (*Target, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rc, err := cfg.client()
	if err != nil {
		return nil, err
	}
	core, err := coreclient.NewForConfig(rc)
	if err != nil {
		return nil, fmt.Errorf("kubernetes_events: %w", err)
	}
	t := &Target{cfg: cfg, opts: opts, labeler: target.NewLabeler(cfg.Labels, opts.Relabel), events: core}
	if cfg.Lease.Disable {
		return t, nil
	}
	leases, err := coordinationclient.NewForConfig(rc)
	if err != nil {
		return nil, fmt.Errorf("kubernetes_events: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("kubernetes_events: name of this machine: %w", err)
	}
	t.lease = &lease{
		client: leases.Leases(cfg.Lease.Namespace), name: cfg.Lease.Name, leaseTime: leaseTime,
		// A name of its own for each process: one that was replaced in its pod must
		// not take the lease of its predecessor for its own.
		identity: host + "_" + strconv.Itoa(os.Getpid()) + "_" + strconv.FormatInt(time.Now().UnixNano(), 36),
	}
	return t, nil
}

// Status tells whether it is this replica's turn.
func (t *Target) Status() []entry.Status {
	turn := "another replica"
	if t.reading.Load() {
		turn = "this replica"
	}
	_, position := t.opts.Track.Resume()
	return []entry.Status{{
		Job: t.opts.Job, Type: "KubernetesEvents", Ready: true,
		Discovered: t.labeler.Base(), Labels: t.labeler.Base(),
		Details: []entry.Detail{{Name: "read by", Value: turn}, {Name: "position", Value: position}},
	}}
}

// Run reads whenever it is this replica's turn, until ctx is done.
func (t *Target) Run(ctx context.Context) error {
	feed := target.NewFeed(ctx, t.opts)
	defer feed.Stop()
	if t.lease == nil {
		_, position := t.opts.Track.Resume()
		t.read(ctx, feed, position)
		return nil
	}
	for ctx.Err() == nil {
		held, position := t.try(ctx, "")
		if held {
			t.hold(ctx, feed, position)
			continue
		}
		t.pause(ctx, t.lease.leaseTime/3)
	}
	return nil
}

// try takes or renews the lease.
func (t *Target) try(ctx context.Context, position string) (held bool, before string) {
	ctx, cancel := context.WithTimeout(ctx, min(requestTime, t.lease.leaseTime/3))
	defer cancel()
	held, before, err := t.lease.acquire(ctx, position)
	if err != nil && ctx.Err() == nil {
		level.Warn(t.opts.Logger).Log("msg", "the lease is out of reach", "err", err, "job", t.opts.Job)
	}
	return held, before
}

// hold reads while the lease is held, and writes the position into it.
func (t *Target) hold(ctx context.Context, feed *target.Feed, position string) {
	// What this replica read in an earlier turn, and never saw acknowledged, is read
	// again from the lease's position on, by whoever has the turn.
	begun := turn{position: position, offset: feed.Offset()}
	t.opts.Track.Skip(positions.Range{Start: 0, End: begun.offset})
	reading, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.read(reading, feed, position)
	}()
	level.Info(t.opts.Logger).Log("msg", "this replica ships the events now", "position", position, "job", t.opts.Job)
	renewed := time.Now()
	for {
		t.pause(reading, t.lease.leaseTime/3)
		if ctx.Err() != nil {
			break
		}
		at := time.Now()
		if held, _ := t.try(ctx, t.position(begun)); held {
			renewed = at
		} else if time.Since(renewed) > t.lease.leaseTime*2/3 {
			level.Warn(t.opts.Logger).Log("msg", "the lease is lost; another replica ships the events", "job", t.opts.Job)
			break
		}
	}
	cancel()
	<-done
	if ctx.Err() != nil {
		last, stop := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
		defer stop()
		if err := t.lease.release(last, t.position(begun)); err != nil {
			level.Warn(t.opts.Logger).Log("msg", "the lease was not given up; others wait for its end", "err", err, "job", t.opts.Job)
		}
	}
}

// A turn is where the reading of a replica began.
type turn struct {
	position string
	offset   int64 // on the track
}

// position is the version up to which all is acknowledged, not less than that
// with which the turn began.
func (t *Target) position(begun turn) string {
	if offset, p := t.opts.Track.Resume(); offset > begun.offset && version(p) > version(begun.position) {
		return p
	}
	return begun.position
}

// pause waits.
func (t *Target) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
