package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// A Config says which server to ask, and how.
type Config struct {
	// Address is the URL of the server; a path in it stands before those of the API.
	Address string

	// At most one of Username (with Password), BearerToken and BearerTokenFile is
	// the credential. AuthHeader carries it; the default is Authorization.
	Username, Password           string
	BearerToken, BearerTokenFile string
	AuthHeader                   string

	Tenant    string // X-Scope-OrgID
	QueryTags string // X-Query-Tags
	UserAgent string
	NoCache   bool        // ask for answers that are computed anew
	Header    http.Header // sent with every request

	CAFile, CertFile, KeyFile string
	InsecureSkipVerify        bool

	ProxyURL             string
	ProxyFromEnvironment bool // HTTP_PROXY and its siblings
	Compress             bool // ask for compressed answers

	// Retries is how often a request is sent again after an answer that is no
	// success, or none. In between is a wait that doubles from MinBackoff up to
	// MaxBackoff; without them there is none.
	Retries                int
	MinBackoff, MaxBackoff time.Duration
	// Timeout bounds one attempt. 0 is no bound.
	Timeout time.Duration

	// Asked is told each URL that is asked, before it is. Failed is told of each
	// attempt that failed and how many remain, Waiting of how long it is until the
	// next, Answered of each that did not fail, with the headers of the answer. All
	// may be nil.
	Asked    func(url string)
	Failed   func(err error, remaining int)
	Waiting  func(d time.Duration)
	Answered func(took time.Duration, bytes int, header http.Header)
}

// base checks the address and returns it as a URL.
func (c *Config) base() (*url.URL, error) {
	u, err := url.Parse(c.Address)
	if err != nil {
		return nil, fmt.Errorf("address of the server: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("address of the server: %q is no URL such as http://localhost:3100", c.Address)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

func (c *Config) checkAuth() error {
	n := 0
	for _, set := range []bool{c.Username != "" || c.Password != "", c.BearerToken != "", c.BearerTokenFile != ""} {
		if set {
			n++
		}
	}
	if n > 1 {
		return errors.New("at most one of user and password, bearer token and bearer token file may be set")
	}
	return nil
}

func (c *Config) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificate authority: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authority: %s has no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		if c.CertFile == "" || c.KeyFile == "" {
			return nil, errors.New("client certificate: the certificate and its key go together")
		}
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}

func (c *Config) proxy() (func(*http.Request) (*url.URL, error), error) {
	if c.ProxyURL != "" {
		u, err := url.Parse(c.ProxyURL)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("proxy: %q is no URL", c.ProxyURL)
		}
		return http.ProxyURL(u), nil
	}
	if c.ProxyFromEnvironment {
		return http.ProxyFromEnvironment, nil
	}
	return nil, nil
}

// header returns what goes with a request. The token is read each time, since
// the file may be replaced while a tail goes on.
func (c *Config) header() (http.Header, error) {
	h := c.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	set("User-Agent", c.UserAgent)
	set("X-Scope-OrgID", c.Tenant)
	set("X-Query-Tags", c.QueryTags)
	if c.NoCache {
		h.Set("Cache-Control", "no-cache")
	}
	name := c.AuthHeader
	if name == "" {
		name = "Authorization"
	}
	token := c.BearerToken
	if c.BearerTokenFile != "" {
		text, err := os.ReadFile(c.BearerTokenFile)
		if err != nil {
			return nil, fmt.Errorf("bearer token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	switch {
	case token != "":
		h.Set(name, "Bearer "+token)
	case c.Username != "" || c.Password != "":
		var r http.Request
		r.Header = http.Header{}
		r.SetBasicAuth(c.Username, c.Password)
		h.Set(name, r.Header.Get("Authorization"))
	}
	return h, nil
}
