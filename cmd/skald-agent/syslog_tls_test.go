package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/parts"
)

// authority writes a certificate of an authority, ca.pem, and one each for
// servers and clients that it has signed, with their keys.
func authority(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		check(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	var parent *x509.Certificate
	var parentKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
		check(t, err)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		}
		if i == 0 {
			c.KeyUsage |= x509.KeyUsageCertSign
			parent, parentKey = c, key
		} else {
			c.DNSNames, c.IPAddresses = []string{name + ".test"}, []net.IP{net.IPv4(127, 0, 0, 1)}
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		}
		der, err := x509.CreateCertificate(crand.Reader, c, parent, &key.PublicKey, parentKey)
		check(t, err)
		keyDER, err := x509.MarshalECPrivateKey(key)
		check(t, err)
		write(name+".pem", "CERTIFICATE", der)
		write(name+".key", "EC PRIVATE KEY", keyDER)
	}
}

// TestSyslogTLS has rsyslogd, with each of its TLS drivers, and openssl send over
// TLS, in both formats; and a sender without a certificate refused.
func TestSyslogTLS(t *testing.T) {
	logger := parts.Need(t, "logger", "bsdutils")
	openssl := parts.Need(t, "openssl", "openssl")
	parts.Need(t, "rsyslogd", "rsyslog")
	parts.NeedFile(t, "/usr/lib/*/rsyslog/lmnsd_gtls.so", "rsyslog-gnutls")
	parts.NeedFile(t, "/usr/lib/*/rsyslog/lmnsd_ossl.so", "rsyslog-openssl")
	server, dir := startSkald(t), t.TempDir()
	authority(t, dir)
	modern, old := parts.Port(t), parts.Port(t)
	agent, pages, _ := run(t, dir, fmt.Sprintf(`
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 50ms}]
scrape_configs:
  - job_name: modern
    syslog: &tls
      listen_address: "127.0.0.1:%s"
      labels: {job: modern}
      tls_config: {cert_file: DIR/server.pem, key_file: DIR/server.key, ca_file: DIR/ca.pem}
    relabel_configs: &labels
      - {source_labels: [__syslog_message_app_name], target_label: app}
      - {source_labels: [__syslog_message_severity], target_label: level}
  - job_name: old
    syslog: {<<: *tls, listen_address: "127.0.0.1:%s", syslog_format: rfc3164, labels: {job: old}}
    relabel_configs: *labels
`, server, modern, old))
	agent.Await("ready", func() bool { status, _ := get(pages + "/ready"); return status == http.StatusOK })

	for _, tc := range []struct{ driver, format, port, framing, job string }{
		{"gtls", "RSYSLOG_SyslogProtocol23Format", modern, "octet-counted", "modern"},
		{"ossl", "RSYSLOG_SyslogProtocol23Format", modern, "octet-counted", "modern"},
		{"gtls", "RSYSLOG_TraditionalForwardFormat", old, "traditional", "old"},
		{"ossl", "RSYSLOG_ForwardFormat", old, "octet-counted", "old"},
	} {
		app := tc.driver + "-" + tc.job
		socket := runRsyslog(t, dir, fmt.Sprintf(`
global(DefaultNetstreamDriverCAFile="%[1]s/ca.pem" DefaultNetstreamDriverCertFile="%[1]s/client.pem" DefaultNetstreamDriverKeyFile="%[1]s/client.key")
action(type="omfwd" target="127.0.0.1" port=%[2]q protocol="tcp" TCP_Framing=%[3]q template=%[4]q
       StreamDriver=%[5]q StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="server.test")
`, dir, tc.port, tc.framing, tc.format, tc.driver))
		command(t, "one\ntwo\n", logger, "-u", socket, "-t", app, "-p", "daemon.err")
		// The space before a text of the old format is part of it to rsyslog.
		want := []string{" one", " two"}
		if tc.job == "old" {
			want = []string{"one", "two"}
		}
		has(t, agent, server, fmt.Sprintf(`{job=%q, app=%q, level="error"}`, tc.job, app), want...)
	}

	// s_client ends the connection with its input.
	sClient := func(text string, more ...string) error {
		cmd := exec.Command(openssl, append([]string{"s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-CAfile", filepath.Join(dir, "ca.pem"), "-connect", "127.0.0.1:" + modern}, more...)...)
		in, err := cmd.StdinPipe()
		check(t, err)
		check(t, cmd.Start())
		_, err = io.WriteString(in, text)
		check(t, err)
		if len(more) > 0 {
			has(t, agent, server, `{job="modern", app="openssl"}`, "by openssl")
		}
		check(t, in.Close())
		return cmd.Wait()
	}
	if err := sClient("<11>1 - h openssl - - - by openssl\n", "-cert", filepath.Join(dir, "client.pem"), "-key", filepath.Join(dir, "client.key")); err != nil {
		t.Errorf("openssl with a certificate: %v", err)
	}
	_ = sClient("<11>1 - h stranger - - - not to be taken\n")
	agent.Await("refusing", func() bool {
		return metrics(pages + "/metrics")["promtail_syslog_target_parsing_errors_total"] > 0
	})
	agent.Stop()
	if got := query(t, server, `{app="stranger"}`, time.Now().Add(-time.Hour)); len(got) > 0 {
		t.Errorf("a sender without a certificate was heard: %v", got)
	}
}
