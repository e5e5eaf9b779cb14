package syslog

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/common/config"
)

// newServerTLS returns what a listener needs of a tls_config. The certificate is
// read anew for each connection, so that a renewed one serves without a restart.
func newServerTLS(c *config.TLSConfig) (*tls.Config, error) {
	if (c.CertFile == "" && c.Cert == "") || (c.KeyFile == "" && c.Key == "") {
		return nil, errors.New("tls_config: a listener needs cert_file and key_file")
	}
	load := func() (*tls.Certificate, error) {
		cert, err := textOrFile(c.Cert, c.CertFile)
		if err != nil {
			return nil, err
		}
		key, err := textOrFile(string(c.Key), c.KeyFile)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		return &pair, err
	}
	if _, err := load(); err != nil {
		return nil, fmt.Errorf("tls_config: %w", err)
	}
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() },
	}
	if c.MinVersion != 0 {
		t.MinVersion = uint16(c.MinVersion)
	}
	if c.MaxVersion != 0 {
		t.MaxVersion = uint16(c.MaxVersion)
	}
	if c.CAFile != "" || c.CA != "" {
		ca, err := textOrFile(c.CA, c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls_config: ca: %w", err)
		}
		t.ClientCAs = x509.NewCertPool()
		if !t.ClientCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("tls_config: ca: no certificate in it")
		}
		t.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return t, nil
}

func textOrFile(text, file string) ([]byte, error) {
	if text != "" {
		return []byte(text), nil
	}
	return os.ReadFile(file)
}
