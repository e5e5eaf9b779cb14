package ruler

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dskittls "github.com/grafana/dskit/crypto/tls"
	"github.com/grafana/dskit/httpgrpc"
	httpgrpcserver "github.com/grafana/dskit/httpgrpc/server"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
)

// An authority signs certificates of tests.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	a.key, der = a.create(&template, nil, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

// create makes a certificate with a key of its own, by itself where there is no parent.
func (a *authority) create(template, parent *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, der
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue writes a certificate for a name, and its key.
func (a *authority) issue(name string) (certPath, keyPath string) {
	a.t.Helper()
	key, der := a.create(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, a.key)
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", keyDER)
}

// A frontend that shows a certificate and wants one is asked by who trusts it and has
// one, over HTTP and over gRPC, and by nobody else.
func TestFrontendOverTLS(t *testing.T) {
	a := newAuthority(t)
	certPath, keyPath := a.issue("frontend.test")
	pair, err := tls.LoadX509KeyPair(certPath, keyPath)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	serving := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(anAnswer)) })

	web := httptest.NewUnstartedServer(h)
	web.TLS = serving.Clone()
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	web.StartTLS()
	t.Cleanup(web.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.Creds(credentials.NewTLS(serving)))
	httpgrpc.RegisterHTTPServer(srv, httpgrpcserver.NewServer(h))
	go func() { _ = srv.Serve(listener) }()
	t.Cleanup(srv.Stop)

	ca := filepath.Join(a.dir, "ca.pem")
	client, clientKey := a.issue("ruler.test")
	for _, tc := range []struct {
		name string
		tls  dskittls.ClientConfig
		want string // in the error; empty where there is none
	}{
		{"as it should be", dskittls.ClientConfig{CAPath: ca, ServerName: "frontend.test", CertPath: client, KeyPath: clientKey}, ""},
		{"trusting anybody", dskittls.ClientConfig{InsecureSkipVerify: true, CertPath: client, KeyPath: clientKey}, ""},
		{"trusting others", dskittls.ClientConfig{ServerName: "frontend.test", CertPath: client, KeyPath: clientKey}, "unknown authority"},
		{"another name", dskittls.ClientConfig{CAPath: ca, ServerName: "other.test", CertPath: client, KeyPath: clientKey}, "not other.test"},
		{"no certificate of its own", dskittls.ClientConfig{CAPath: ca, ServerName: "frontend.test"}, "ask the query frontend"}, // the connection is closed, which is seen in several ways
	} {
		for way, address := range map[string]string{"HTTP": web.URL, "gRPC": listener.Addr().String()} {
			cfg := &FrontendConfig{Address: Address(address), TLSEnabled: true, TLS: tc.tls}
			if err := cfg.Validate(); err != nil {
				t.Errorf("%s over %s: %v", tc.name, way, err)
			}
			f, err := NewFrontend(cfg, limits.NewOverrides(&limits.Limits{}, nil), prometheus.NewRegistry())
			if err != nil {
				t.Fatalf("%s over %s: %v", tc.name, way, err)
			}
			_, err = f.Query(t.Context(), []string{"t"}, parsed(t, "vector(1)"), engine.Params{Start: 1, End: 1})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s over %s: %v, want %q", tc.name, way, err, tc.want)
			}
			_ = f.Close()
		}
	}

	for _, tc := range []struct {
		name string
		cfg  FrontendConfig
		want string
	}{
		{"a certificate without its key", FrontendConfig{Address: Address(web.URL), TLS: dskittls.ClientConfig{CertPath: client}}, "no key configured"},
		{"no such file", FrontendConfig{Address: Address(web.URL), TLS: dskittls.ClientConfig{CAPath: ca + "x"}}, "no such file"},
	} {
		if _, err := NewFrontend(&tc.cfg, nil, prometheus.NewRegistry()); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "ruler.evaluation.query_frontend") {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if err := (&FrontendConfig{Address: "http://frontend", TLSEnabled: true}).Validate(); err == nil || !strings.Contains(err.Error(), "https://") {
		t.Errorf("TLS with http://: %v", err)
	}
}

// User and password of the URL are sent, and are in no error.
func TestFrontendWithPassword(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ruler" || password != "secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(anAnswer))
	}))
	t.Cleanup(web.Close)
	ask := func(as string) error {
		f, err := NewFrontend(&FrontendConfig{Address: Address(strings.Replace(web.URL, "://", "://"+as, 1))}, limits.NewOverrides(&limits.Limits{}, nil), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, err = f.Query(t.Context(), []string{"t"}, parsed(t, "vector(1)"), engine.Params{Start: 1, End: 1})
		return err
	}
	if err := ask("ruler:secret@"); err != nil {
		t.Error(err)
	}
	if err := ask(""); err == nil || !strings.Contains(err.Error(), "status 401: who are you?") {
		t.Errorf("without a password: %v", err)
	}
	web.Close()
	if err := ask("ruler:secret@"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an error with the password in it, or none: %v", err)
	}
	text, err := yaml.Marshal(Config{
		Evaluation:   EvaluationConfig{Frontend: FrontendConfig{Address: "https://ruler:secret@frontend:3100"}},
		Alertmanager: AlertmanagerConfig{URL: "http://am-0:9093, http://ruler:secret@am-1:9093"},
	})
	if err != nil || strings.Contains(string(text), "secret") || !strings.Contains(string(text), "@frontend:3100") || !strings.Contains(string(text), "http://am-0:9093,http://ruler:xxxxx@am-1:9093") {
		t.Errorf("the configuration is shown as %s, %v", text, err)
	}
}
