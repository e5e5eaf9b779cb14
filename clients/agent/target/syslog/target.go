package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
)

// A Target listens for messages; it is an entry.Source.
type Target struct {
	cfg     Config
	opts    target.Options
	labeler *target.Labeler
	names   *names
	tls     *tls.Config // nil without TLS

	listener net.Listener   // of tcp
	packets  net.PacketConn // of udp
	metrics  metrics
}

type metrics struct {
	entries, empty, errors prometheus.Counter
}

// Listen opens the port of a target. Messages are taken once it runs.
func Listen(cfg Config, opts target.Options) (*Target, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	factory := promauto.With(opts.Registerer)
	t := &Target{
		cfg:     cfg,
		opts:    opts,
		labeler: target.NewLabeler(cfg.Labels, opts.Relabel),
		names:   newNames(),
		metrics: metrics{
			entries: factory.NewCounter(prometheus.CounterOpts{
				Name: "promtail_syslog_target_entries_total", Help: "Messages that syslog targets took.",
			}),
			empty: factory.NewCounter(prometheus.CounterOpts{
				Name: "promtail_syslog_empty_messages_total", Help: "Messages without a text, which syslog targets left out.",
			}),
			errors: factory.NewCounter(prometheus.CounterOpts{
				Name: "promtail_syslog_target_parsing_errors_total", Help: "Messages that syslog targets could not read.",
			}),
		},
	}
	var err error
	if cfg.usesTLS() {
		if t.tls, err = newServerTLS(&cfg.TLSConfig); err != nil {
			return nil, fmt.Errorf("syslog on %s: %w", cfg.ListenAddress, err)
		}
	}
	if cfg.ListenProtocol == udp {
		t.packets, err = net.ListenPacket("udp", cfg.ListenAddress)
	} else {
		t.listener, err = net.Listen("tcp", cfg.ListenAddress)
	}
	if err != nil {
		return nil, fmt.Errorf("syslog: %w", err)
	}
	return t, nil
}

// Addr is where the target listens.
func (t *Target) Addr() net.Addr {
	if t.packets != nil {
		return t.packets.LocalAddr()
	}
	return t.listener.Addr()
}

// Close closes the port of a target that never ran.
func (t *Target) Close() error {
	if t.packets != nil {
		return t.packets.Close()
	}
	return t.listener.Close()
}

// Run takes messages until ctx is done, and then lets what it has go on.
func (t *Target) Run(ctx context.Context) error {
	feed := target.NewFeed(ctx, t.opts)
	var err error
	if t.packets != nil {
		err = t.receive(ctx, feed)
	} else {
		err = t.accept(ctx, feed)
	}
	if closed := feed.Close(); err == nil {
		err = closed
	}
	return err
}

// Status tells where the target listens.
func (t *Target) Status() []entry.Status {
	return []entry.Status{{
		Job: t.opts.Job, Type: "Syslog", Ready: true,
		Discovered: t.labeler.Base(), Labels: t.labeler.Base(),
		Details: []entry.Detail{{Name: "address", Value: t.Addr().String()}, {Name: "protocol", Value: t.cfg.ListenProtocol}},
	}}
}

// maxConnections is how many senders may be connected at once.
const maxConnections = 4096

// accept serves connections, and waits for all of them at the end.
func (t *Target) accept(ctx context.Context, feed *target.Feed) error {
	defer closeWhenDone(ctx, t.listener)()
	var serving sync.WaitGroup
	defer serving.Wait()
	free := make(chan struct{}, maxConnections)
	for {
		conn, err := t.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("syslog on %s: %w", t.Addr(), err)
		case err != nil:
			// Out of descriptors, most likely: some connection will end.
			level.Warn(t.opts.Logger).Log("msg", "a connection was not accepted", "err", err, "job", t.opts.Job)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		select {
		case free <- struct{}{}:
		default:
			level.Warn(t.opts.Logger).Log("msg", "a connection was closed: too many senders", "peer", conn.RemoteAddr(), "max", maxConnections)
			_ = conn.Close()
			continue
		}
		serving.Go(func() {
			defer func() { <-free }()
			t.serve(ctx, conn, feed)
		})
	}
}

// closeWhenDone closes a port when ctx is done. What it returns closes it too, and
// returns when that is done: the port may then be taken again.
func closeWhenDone(ctx context.Context, port io.Closer) (closed func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = port.Close()
	})
	return func() {
		if stop() {
			_ = port.Close()
			return
		}
		<-done
	}
}

// serve takes the messages of a connection.
func (t *Target) serve(ctx context.Context, conn net.Conn, feed *target.Feed) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	peer := t.newPeer(conn.RemoteAddr())
	idle := &idleConn{conn, time.Duration(t.cfg.IdleTimeout)}
	var in io.Reader = idle
	if t.tls != nil {
		in = tls.Server(idle, t.tls)
	}
	f := newFramer(in, t.cfg.MaxMessageLength)
	b := batch{target: t, peer: peer, feed: feed}
	for {
		message, cut, err := f.next()
		if err != nil {
			if putErr := b.put(ctx); putErr == nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
				t.metrics.errors.Inc()
				level.Warn(t.opts.Logger).Log("msg", "a connection ended early", "err", err, "peer", peer.address, "job", t.opts.Job)
			}
			return
		}
		b.add(message, cut)
		// What has come is passed on before the next is waited for.
		if f.in.Buffered() == 0 || b.full() {
			if b.put(ctx) != nil {
				return
			}
		}
	}
}

// receive takes datagrams, a message each.
func (t *Target) receive(ctx context.Context, feed *target.Feed) error {
	defer closeWhenDone(ctx, t.packets)()
	buf := make([]byte, 64<<10)
	for {
		n, addr, err := t.packets.ReadFrom(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("syslog on %s: %w", t.Addr(), err)
		case err != nil:
			continue
		}
		message := trimEnd(buf[:n])
		if len(message) == 0 {
			continue
		}
		kept := min(len(message), t.cfg.MaxMessageLength)
		b := batch{target: t, peer: t.newPeer(addr), feed: feed}
		b.add(message[:kept], len(message)-kept)
		_ = b.put(ctx) // the next may fare better
	}
}

// trimEnd cuts line ends and zeros off the end of a datagram.
func trimEnd(b []byte) []byte {
	for len(b) > 0 && strings.IndexByte("\r\n\x00", b[len(b)-1]) >= 0 {
		b = b[:len(b)-1]
	}
	return b
}

// idleConn gives each read so much time.
type idleConn struct {
	net.Conn
	timeout time.Duration
}

func (c *idleConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// A peer is who sends.
type peer struct{ address, hostname string }

const hostnameLabel = "__syslog_connection_hostname"

// newPeer names the sender. Its host name is what it has in the hosts' files or
// in DNS, if anything.
func (t *Target) newPeer(addr net.Addr) peer {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return peer{address: addr.String()}
	}
	p := peer{address: host}
	if t.labeler.Looks(hostnameLabel) {
		p.hostname = t.names.of(host)
	}
	return p
}

// label appends what is known of a message as meta labels.
func (t *Target) label(own []labels.Label, m *message, p peer) []labels.Label {
	own = append(own,
		labels.Label{Name: "__syslog_connection_ip_address", Value: p.address},
		labels.Label{Name: hostnameLabel, Value: p.hostname},
		labels.Label{Name: "__syslog_message_severity", Value: severities[m.severity]},
		labels.Label{Name: "__syslog_message_facility", Value: facilities[m.facility]},
		labels.Label{Name: "__syslog_message_hostname", Value: m.hostname},
		labels.Label{Name: "__syslog_message_app_name", Value: m.appName},
		labels.Label{Name: "__syslog_message_proc_id", Value: m.procID},
		labels.Label{Name: "__syslog_message_msg_id", Value: m.msgID},
	)
	if t.cfg.LabelStructuredData {
		for _, p := range m.params {
			own = append(own, labels.Label{
				Name:  "__syslog_message_sd_" + labelName(p.id) + "_" + labelName(p.name),
				Value: p.value,
			})
		}
	}
	return own
}

// labelName is name with an underscore for what a label's name may not have.
func labelName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, name)
}
