package push

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// A Target serves pushes; it is an entry.Source.
type Target struct {
	cfg      Config
	opts     target.Options
	labeler  *target.Labeler
	listener net.Listener
	limits   loghttp.PushLimits
	feed     *target.Feed // while it runs
}

// Listen opens the port of a target. Pushes are taken once it runs.
func Listen(cfg Config, opts target.Options) (*Target, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	for _, key := range cfg.Server.unused {
		level.Warn(opts.Logger).Log("msg", "setting is ignored", "setting", "loki_push_api.server."+key.Name, "why", "pushes have no use for it", "line", key.Line, "job", opts.Job)
	}
	l, err := cfg.Server.Listen()
	if err != nil {
		return nil, fmt.Errorf("loki_push_api: %w", err)
	}
	return &Target{
		cfg: cfg, opts: opts, listener: l, labeler: target.NewLabeler(cfg.Labels, opts.Relabel),
		limits: loghttp.PushLimits{
			Received: cfg.MaxSendMsgSize, Decompressed: cfg.MaxSendMsgSize,
			Budget: loghttp.NewBudget(max(minBudget, pushesAtOnce*cfg.MaxSendMsgSize)),
		},
	}, nil
}

// Addr is where the target listens.
func (t *Target) Addr() net.Addr { return t.listener.Addr() }

// Close closes the port of a target that never ran.
func (t *Target) Close() error { return t.listener.Close() }

// Status tells where the target listens.
func (t *Target) Status() []entry.Status {
	return []entry.Status{{
		Job: t.opts.Job, Type: "Push", Ready: true,
		Discovered: t.labeler.Base(), Labels: t.labeler.Base(),
		Details: []entry.Detail{{Name: "address", Value: t.Addr().String()}},
	}}
}

// Run serves until ctx is done, and then answers the requests that are there.
func (t *Target) Run(ctx context.Context) error {
	t.feed = target.NewFeed(ctx, t.opts)
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+t.cfg.route("/loki/api/v1/push"), t.push)
	mux.HandleFunc("POST "+t.cfg.route("/promtail/api/v1/raw"), t.raw)
	mux.HandleFunc("GET "+t.cfg.route("/ready"), func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ready"))
	})
	s := t.cfg.Server.Server(mux)
	// Those that wait for room are told to come again.
	s.BaseContext = func(net.Listener) context.Context { return ctx }
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(t.listener) }()
	var err error
	select {
	case err = <-ended:
		err = fmt.Errorf("loki_push_api on %s: %w", t.Addr(), err)
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.cfg.Server.ShutdownTimeout)
		defer cancel()
		if s.Shutdown(grace) != nil {
			_ = s.Close()
		}
		<-ended
	}
	if closed := t.feed.Close(); err == nil {
		err = closed
	}
	return err
}

// push takes a body of the push API.
func (t *Target) push(w http.ResponseWriter, r *http.Request) {
	p, err := loghttp.ReadPush(loghttp.PushBody{
		Reader: r.Body, ContentType: r.Header.Get("Content-Type"), ContentEncoding: r.Header.Get("Content-Encoding"),
	}, t.limits)
	if err == nil {
		defer p.Release()
		err = t.take(r.Context(), &p.Batch)
	}
	t.answer(w, r, err)
}

// take passes on the entries of a push.
func (t *Target) take(ctx context.Context, b *model.Batch) error {
	type labelled struct {
		labels *entry.Labels // nil when relabelling drops the stream
		stream *model.Stream
	}
	// All labels are looked at first: a push is taken whole or not at all.
	streams := make([]labelled, len(b.Streams))
	for i := range b.Streams {
		s := &b.Streams[i]
		ls, err := logproto.ParseLabels(s.Labels)
		if err != nil {
			return err
		}
		streams[i].stream = s
		if to, kept := t.labeler.Labels(t.own(ls)); kept {
			streams[i].labels = to
		}
	}
	out := newBatch(t.feed)
	for _, s := range streams {
		for i := range s.stream.Entries {
			if s.labels == nil {
				t.feed.Drop(target.ReasonRelabel)
				continue
			}
			e := &s.stream.Entries[i]
			ts := e.Timestamp
			if !t.cfg.UseIncomingTimestamp {
				ts = t.opts.Clock.Next(1)
			}
			if err := out.add(ctx, entry.Entry{Labels: s.labels, Timestamp: ts, Line: e.Line, Metadata: e.Metadata}); err != nil {
				return err
			}
		}
	}
	return out.end(ctx)
}

// own are the labels of a stream without those that the config sets.
func (t *Target) own(ls labels.Labels) []labels.Label {
	var own []labels.Label
	ls.Range(func(l labels.Label) {
		if _, ok := t.cfg.Labels[l.Name]; !ok {
			own = append(own, l)
		}
	})
	return own
}

// answer tells a client what became of its request.
func (t *Target) answer(w http.ResponseWriter, r *http.Request, err error) {
	var status int
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	case errors.Is(err, loghttp.ErrBusy):
		status = http.StatusServiceUnavailable
	case errors.Is(err, loghttp.ErrTooLarge), errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, loghttp.ErrMalformed), errors.Is(err, loghttp.ErrUnsupported):
		status = http.StatusBadRequest
	case r.Context().Err() != nil:
		// The agent stops, or the client has gone.
		status = http.StatusServiceUnavailable
	default:
		status = http.StatusInternalServerError
	}
	level.Warn(t.opts.Logger).Log("msg", "a push was not taken", "err", err, "status", status, "peer", r.RemoteAddr, "job", t.opts.Job)
	http.Error(w, err.Error(), status)
}
