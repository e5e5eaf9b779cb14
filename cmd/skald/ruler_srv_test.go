package main_test

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/skaldlogs/skald/pkg/parts"
)

// TestAlertmanagersBySRV: the Alertmanagers that a DNS server names in SRV records
// get the alerts. The server of the test listens where resolvers look for one, and
// Skald runs with an /etc/resolv.conf of its own.
func TestAlertmanagersBySRV(t *testing.T) {
	const nameserver = "127.0.0.77"
	conn, err := net.ListenPacket("udp", nameserver+":53")
	if err != nil {
		t.Skipf("it needs the right to be a DNS server, on port 53: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver "+nameserver+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := []string{"unshare", "-m", "sh", "-c", `mount --bind ` + resolv + ` /etc/resolv.conf && exec "$@"`, "sh"}
	if out, err := exec.Command(in[0], append(in[1:], "true")...).CombinedOutput(); err != nil {
		t.Skipf("it needs the right to a mount namespace of its own: %v: %s", err, out)
	}

	am := startAlertmanager(t)
	go answerDNS(conn, "_http._tcp.am.test.", "am-0.test.", am.addr)
	s := rulerServer(t, "  alertmanager_url: http://_http._tcp.am.test\n  enable_alertmanager_discovery: true\n  alertmanager_refresh_interval: 1s\n")
	s.In = in
	s.start()
	s.setRules("shop", fires)
	parts.Await(t, "the alert fires", func() bool {
		s.pushNow(`{app="pay"}`, "error 42")
		return len(am.alerts(t, "PayErrors")) == 1
	})
}

// answerDNS answers questions about one service, which is at target, and about the
// address of that, until the connection is closed.
func answerDNS(conn net.PacketConn, service, target, addr string) {
	at := netip.MustParseAddrPort(addr)
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(buf[:n]); err != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		m.Header = dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true}
		m.Additionals = nil
		h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
		switch {
		case q.Name.String() == service && q.Type == dnsmessage.TypeSRV:
			m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.SRVResource{Target: dnsmessage.MustNewName(target), Port: at.Port()}}}
		case q.Name.String() == target && q.Type == dnsmessage.TypeA:
			m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: at.Addr().As4()}}}
		case q.Name.String() != target:
			m.RCode = dnsmessage.RCodeNameError
		}
		if answer, err := m.Pack(); err == nil {
			_, _ = conn.WriteTo(answer, from)
		}
	}
}
