package rules

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 256 << 20

// errNotFound is a server's word for rules that it has not.
var errNotFound = errors.New("requested resource not found")

// A client asks one server in the name of one tenant.
type client struct {
	address                  string
	tenant                   string
	user, key, token         string
	legacy                   bool // /api/prom/rules
	caPath, crtPath, keyPath string

	http *http.Client
}

// connect checks the settings.
func (c *client) connect() error {
	u, err := url.Parse(c.address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--address: %q is not the URL of a server, as in http://localhost:3100", c.address)
	}
	c.address = strings.TrimSuffix(c.address, "/")
	if (c.user != "" || c.key != "") && c.token != "" {
		return errors.New("at most one of --user and --key, and --authToken, can be set")
	}
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.caPath != "" {
		pem, err := os.ReadFile(c.caPath)
		if err != nil {
			return fmt.Errorf("--tls-ca-path: %w", err)
		}
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("--tls-ca-path: %s has no certificate", c.caPath)
		}
	}
	if c.crtPath != "" || c.keyPath != "" {
		cert, err := tls.LoadX509KeyPair(c.crtPath, c.keyPath)
		if err != nil {
			return fmt.Errorf("--tls-cert-path and --tls-key-path: %w", err)
		}
		tlsConfig.Certificates = []tls.Certificate{cert}
	}
	c.http = &http.Client{Timeout: 10 * time.Minute, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig}}
	return nil
}

// do sends a request and returns the answer's body.
func (c *client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.tenant != "" {
		req.Header.Set("X-Scope-OrgID", c.tenant)
	}
	req.Header.Set("User-Agent", "skaldtool")
	switch {
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+c.token)
	case c.user != "":
		req.SetBasicAuth(c.user, c.key)
	case c.key != "":
		req.SetBasicAuth(c.tenant, c.key)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/yaml")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if resp.StatusCode/100 == 2 {
		return text, nil
	}
	if resp.StatusCode == http.StatusNotFound {
		return nil, errNotFound
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return nil, fmt.Errorf("server returned HTTP status %s: %s", resp.Status, line)
}

func (c *client) path(elements ...string) string {
	p := "/loki/api/v1/rules"
	if c.legacy {
		p = "/api/prom/rules"
	}
	for _, e := range elements {
		p += "/" + url.PathEscape(e)
	}
	return p
}

// namespaces returns what the server has; nothing where it has no rules.
func (c *client) namespaces(ctx context.Context) ([]rulefile.Namespace, error) {
	text, err := c.do(ctx, http.MethodGet, c.path(), nil)
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found map[string][]rulefile.Group
	if err := yaml.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("read the rules of the server: %w", err)
	}
	var out []rulefile.Namespace
	for name, groups := range found {
		out = append(out, rulefile.Namespace{Name: name, Groups: groups})
	}
	sortNamespaces(out)
	return out, nil
}

func (c *client) group(ctx context.Context, namespace, group string) (rulefile.Group, error) {
	text, err := c.do(ctx, http.MethodGet, c.path(namespace, group), nil)
	if err != nil {
		return rulefile.Group{}, err
	}
	return rulefile.ParseGroup(text)
}

func (c *client) set(ctx context.Context, namespace string, g rulefile.Group) error {
	body, err := yaml.Marshal(g)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPost, c.path(namespace), body)
	return err
}

// remove deletes a group; one that is not there is no error.
func (c *client) remove(ctx context.Context, namespace, group string) error {
	_, err := c.do(ctx, http.MethodDelete, c.path(namespace, group), nil)
	if errors.Is(err, errNotFound) {
		return nil
	}
	return err
}

// queryRange evaluates a metric query at from, from+step and so on up to to.
func (c *client) queryRange(ctx context.Context, query string, from, to time.Time, step time.Duration) (promql.Matrix, error) {
	form := url.Values{
		"query": {query},
		"start": {strconv.FormatInt(from.UnixNano(), 10)},
		"end":   {strconv.FormatInt(to.UnixNano(), 10)},
		"step":  {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}
	text, err := c.do(ctx, http.MethodGet, "/loki/api/v1/query_range?"+form.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Warnings []string `json:"warnings"`
		Data     struct {
			Type   string `json:"resultType"`
			Result []struct {
				Metric map[string]string    `json:"metric"`
				Values [][2]json.RawMessage `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read the answer to %s: %w", query, err)
	}
	if answer.Data.Type != "matrix" {
		return nil, fmt.Errorf("the answer to %s is a %s, not a matrix", query, answer.Data.Type)
	}
	var out promql.Matrix
	for _, s := range answer.Data.Result {
		series := promql.Series{Metric: labels.FromMap(s.Metric)}
		for _, v := range s.Values {
			var seconds float64
			var value string
			if err := errors.Join(json.Unmarshal(v[0], &seconds), json.Unmarshal(v[1], &value)); err != nil {
				return nil, fmt.Errorf("read the answer to %s: %w", query, err)
			}
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, fmt.Errorf("read the answer to %s: %w", query, err)
			}
			series.Floats = append(series.Floats, promql.FPoint{T: int64(seconds*1000 + 0.5), F: f})
		}
		out = append(out, series)
	}
	return out, nil
}
