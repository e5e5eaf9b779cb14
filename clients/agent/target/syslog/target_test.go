package syslog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target/targettest"
	"github.com/skaldlogs/skald/pkg/parts"
)

// keepMessage makes labels of what is known of a message.
const keepMessage = `
- {source_labels: [__syslog_message_severity], target_label: severity}
- {source_labels: [__syslog_message_facility], target_label: facility}
- {source_labels: [__syslog_message_hostname], target_label: host}
- {source_labels: [__syslog_message_app_name], target_label: app}
- {source_labels: [__syslog_connection_ip_address], target_label: from}
- {regex: __syslog_message_sd_(.+), action: labelmap}
`

// start runs a target that sends to a new collector.
func start(t *testing.T, cfg Config, relabel string) (*Target, *targettest.Collector) {
	t.Helper()
	c := targettest.New()
	if cfg.ListenAddress == "" {
		cfg.ListenAddress = "127.0.0.1:0"
	}
	target, err := Listen(cfg, c.Options(t, relabel))
	if err != nil {
		t.Fatal(err)
	}
	target.names.lookup = func(context.Context, string) ([]string, error) { return nil, errors.New("no names in tests") }
	targettest.Run(t, target)
	return target, c
}

func send(t *testing.T, network string, addr net.Addr, text string) {
	t.Helper()
	conn, err := net.Dial(network, addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

const theMessage = `<165>1 2024-06-10T07:06:40.5Z web evntslog 111 ID47 [ex@32473 iut="3"] text`

func TestTCP(t *testing.T) {
	target, c := start(t, Config{
		LabelStructuredData: true, UseIncomingTimestamp: true,
		Labels: map[string]string{"job": "syslog"},
	}, keepMessage)
	send(t, "tcp", target.Addr(), theMessage+"\n"+fmt.Sprintf("%d %s", len(theMessage), theMessage)+"not syslog\n")
	got := c.Wait(t, 2)
	want := `{app="evntslog", ex_32473_iut="3", facility="local4", from="127.0.0.1", host="web", job="syslog", severity="notice"} "text"`
	for _, e := range got {
		if e.String() != want {
			t.Errorf("got %s, want %s", e, want)
		}
		if ts := e.Timestamp.Format(time.RFC3339Nano); ts != "2024-06-10T07:06:40.5Z" {
			t.Errorf("time is %s", ts)
		}
	}
}

func TestWholeMessageAndOwnTime(t *testing.T) {
	before := time.Now()
	target, c := start(t, Config{UseRFC5424Message: true, Labels: map[string]string{"job": "s"}}, "")
	send(t, "tcp", target.Addr(), theMessage+"\n")
	e := c.Wait(t, 1)[0]
	if want := fmt.Sprintf(`{job="s"} %q`, theMessage); e.String() != want {
		t.Errorf("got %s, want %s", e, want)
	}
	if e.Timestamp.Before(before) {
		t.Errorf("the time is %s, before the message was sent at %s", e.Timestamp, before)
	}
}

func TestPeersAreNamedWhereSomebodyLooks(t *testing.T) {
	for relabel, want := range map[string]string{
		`[{source_labels: [__syslog_connection_hostname], target_label: from}]`: `{from="box.example", job="s"} "text"`,
		"": `{job="s"} "text"`,
	} {
		c := targettest.New()
		target, err := Listen(Config{ListenAddress: "127.0.0.1:0", Labels: map[string]string{"job": "s"}}, c.Options(t, relabel))
		if err != nil {
			t.Fatal(err)
		}
		var asked atomic.Int64 // each sender is asked for beside the others
		target.names.lookup = func(_ context.Context, address string) ([]string, error) {
			asked.Add(1)
			if address != "127.0.0.1" {
				return nil, errors.New("an unknown address")
			}
			return []string{"box.example."}, nil
		}
		stop := targettest.Run(t, target)
		send(t, "tcp", target.Addr(), theMessage+"\n"+theMessage+"\n")
		send(t, "tcp", target.Addr(), theMessage+"\n")
		for _, e := range c.Wait(t, 3) {
			if e.String() != want {
				t.Errorf("got %s, want %s", e, want)
			}
		}
		stop()
		if n := asked.Load(); relabel == "" && n > 0 {
			t.Errorf("asked for names %d times, though nobody looks", n)
		}
	}
}

func TestRelabellingDrops(t *testing.T) {
	target, c := start(t, Config{Labels: map[string]string{"job": "s"}},
		`[{source_labels: [__syslog_message_app_name], regex: noise, action: drop}]`)
	send(t, "tcp", target.Addr(), "<1>1 - h noise - - - a\n<1>1 - h signal - - - b\n")
	if got, want := c.Wait(t, 1)[0].String(), `{job="s"} "b"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUDP(t *testing.T) {
	target, c := start(t, Config{ListenProtocol: udp, SyslogFormat: rfc3164}, keepMessage)
	send(t, "udp", target.Addr(), "<34>Oct 11 22:14:15 mymachine su[7]: 'su root' failed\n")
	want := `{app="su", facility="auth", from="127.0.0.1", host="mymachine", severity="critical"} "'su root' failed"`
	if got := c.Wait(t, 1)[0].String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// full is a chain that has no room at first.
type full struct {
	*targettest.Collector
	left int
}

func (f *full) Put(ctx context.Context, entries []entry.Entry) error {
	if f.left--; f.left >= 0 {
		return syscall.ENOSPC
	}
	return f.Collector.Put(ctx, entries)
}

// TestFullDisk loses what cannot be kept, counts it, and takes what comes after.
func TestFullDisk(t *testing.T) {
	c := targettest.New()
	opts := c.Options(t, "")
	opts.Chain = &full{c, 2}
	target, err := Listen(Config{ListenAddress: "127.0.0.1:0", ListenProtocol: udp, Labels: map[string]string{"job": "s"}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	stop := targettest.Run(t, target)
	for i := range 3 {
		send(t, "udp", target.Addr(), fmt.Sprintf("<1>1 - h a - - - %d", i))
	}
	if got, want := c.Wait(t, 1)[0].String(), `{job="s"} "2"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	stop()
	if got := opts.Track.Count().Dropped["buffer"]; got != 2 {
		t.Errorf("%d were counted as dropped, want 2", got)
	}
}

func TestSilentConnectionIsClosed(t *testing.T) {
	target, _ := start(t, Config{IdleTimeout: model.Duration(20 * time.Millisecond)}, "")
	conn, err := net.Dial("tcp", target.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("reading from a silent connection gives %v, want the end", err)
	}
}

func TestLongMessageIsCut(t *testing.T) {
	target, c := start(t, Config{MaxMessageLength: 30, Labels: map[string]string{"job": "s"}}, "")
	send(t, "tcp", target.Addr(), "<1>1 - h a - - - "+strings.Repeat("x", 100)+"\n<1>1 - h a - - - y\n")
	got := c.Wait(t, 2)
	if want := `{job="s"} "` + strings.Repeat("x", 13) + `"`; got[0].String() != want {
		t.Errorf("got %s, want %s", got[0], want)
	}
}

// certificate writes a certificate that signs itself, and its key.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(crand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, text := range map[string][]byte{
		certFile: certPEM,
		keyFile:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

func TestTLS(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	target, c := start(t, Config{
		TLSConfig: config.TLSConfig{CertFile: certFile, KeyFile: keyFile, CAFile: certFile},
		Labels:    map[string]string{"job": "s"},
	}, "")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", target.Addr().String(), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, theMessage+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, want := c.Wait(t, 1)[0].String(), `{job="s"} "text"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	// One that shows no certificate is refused.
	bare, err := tls.Dial("tcp", target.Addr().String(), &tls.Config{RootCAs: pool})
	if err == nil {
		defer bare.Close()
		_, err = bare.Read(make([]byte, 1))
	}
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a sender without a certificate is served: %v", err)
	}
}

// A target that has stopped is done with what it had, and the next one, after a
// reload, has its port.
func TestStopFlushes(t *testing.T) {
	for _, protocol := range []string{tcp, udp} {
		addr := parts.Addr(t)
		for range 20 {
			c := targettest.New()
			target, err := Listen(Config{ListenAddress: addr, ListenProtocol: protocol}, c.Options(t, ""))
			if err != nil {
				t.Fatal(err)
			}
			targettest.Run(t, target)()
			if got := c.Flushed(); got != 1 {
				t.Errorf("flushed %d times, want once", got)
			}
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "listen_address is required"},
		{Config{ListenAddress: ":0", ListenProtocol: "http"}, `unknown protocol "http"`},
		{Config{ListenAddress: ":0", SyslogFormat: "rfc1"}, `unknown format "rfc1"`},
		{Config{ListenAddress: ":0", MaxMessageLength: -1}, "max_message_length"},
		{Config{ListenAddress: ":0", ListenProtocol: udp, TLSConfig: config.TLSConfig{CertFile: "c", KeyFile: "k"}}, "no TLS over udp"},
	} {
		if err := tc.cfg.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %s", tc.cfg, err, tc.want)
		}
	}
}

// TestRsyslog lets the real rsyslog forward what programs log, in each way that
// it frames and formats.
func TestRsyslog(t *testing.T) {
	rsyslogd := parts.Need(t, "rsyslogd", "rsyslog")
	for _, tc := range []struct {
		name, action string
		cfg          Config
	}{
		{"octet counted", `protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`, Config{}},
		{"lines", `protocol="tcp" template="RSYSLOG_SyslogProtocol23Format"`, Config{}},
		{"BSD", `protocol="tcp" template="RSYSLOG_TraditionalForwardFormat"`, Config{SyslogFormat: rfc3164}},
		{"modern BSD", `protocol="tcp" template="RSYSLOG_ForwardFormat"`, Config{SyslogFormat: rfc3164}},
		{"UDP", `protocol="udp" template="RSYSLOG_SyslogProtocol23Format"`, Config{ListenProtocol: udp}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.UseIncomingTimestamp = true
			target, c := start(t, tc.cfg, keepMessage)
			before := time.Now().Add(-time.Second)
			socket := runRsyslog(t, rsyslogd, target.Addr().(interface{ String() string }).String(), tc.action)
			conn, err := net.Dial("unixgram", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			const n = 50
			for i := range n {
				if _, err := fmt.Fprintf(conn, "<86>%s prog[42]: line %d of many", time.Now().Format(time.Stamp), i); err != nil {
					t.Fatal(err)
				}
			}
			for i, e := range c.Wait(t, n) {
				if want := fmt.Sprintf("line %d of many", i); strings.TrimSpace(e.Line) != want {
					t.Fatalf("line %q, want %q", e.Line, want)
				}
				for _, want := range []string{`app="prog"`, `facility="authpriv"`, `severity="informational"`, `host="`} {
					if !strings.Contains(e.Labels, want) {
						t.Fatalf("labels %s, want %s", e.Labels, want)
					}
				}
				if e.Timestamp.Before(before) || e.Timestamp.After(time.Now().Add(time.Second)) {
					t.Fatalf("time %s is not that of the message", e.Timestamp)
				}
			}
		})
	}
}

// runRsyslog runs rsyslog with one forwarding action, and returns the socket on
// which it takes messages.
func runRsyslog(t *testing.T, program, to, action string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rsyslog") // short, as paths of sockets must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	host, port, _ := net.SplitHostPort(to)
	socket = filepath.Join(dir, "log")
	conf := filepath.Join(dir, "rsyslog.conf")
	text := fmt.Sprintf(`
global(workDirectory="%s")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%s" RateLimit.Interval="0" UseSysTimeStamp="off")
action(type="omfwd" target="%s" port="%s" %s)
`, dir, socket, host, port, action)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := parts.NewProcess(t, program, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	p.Start()
	p.Await("listening", func() bool {
		conn, err := net.Dial("unixgram", socket)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	return socket
}
