package ruler

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	dskittls "github.com/grafana/dskit/crypto/tls"
	"github.com/grafana/dskit/httpgrpc"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// FrontendConfig is the query frontend that evaluates queries with the mode
// [RemoteMode].
type FrontendConfig struct {
	// Address is a URL, http:// or https://, with user and password where the
	// server asks for them, or the host and port of its gRPC server, with dns:///
	// before it to spread queries over all of its addresses.
	Address    Address               `yaml:"address"`
	TLSEnabled bool                  `yaml:"tls_enabled"`
	TLS        dskittls.ClientConfig `yaml:",inline"`
}

// RegisterFlags adds the settings of c to f, with a prefix.
func (c *FrontendConfig) RegisterFlags(f *flag.FlagSet, prefix string) {
	f.Var(&c.Address, prefix+"address", "Query frontend of mode remote: an http:// or https:// URL, or host and port of its gRPC server, dns:///HOST:PORT to use all of its addresses in turn.")
	f.BoolVar(&c.TLSEnabled, prefix+"tls-enabled", false, "Speak TLS with its gRPC server.")
	c.TLS.RegisterFlagsWithPrefix(strings.TrimSuffix(prefix, "."), f)
}

func (c *FrontendConfig) isHTTP() bool {
	return strings.HasPrefix(string(c.Address), "http://") || strings.HasPrefix(string(c.Address), "https://")
}

// Validate reports settings that cannot work.
func (c *FrontendConfig) Validate() error {
	if c.Address == "" {
		return errors.New("address is empty: mode remote needs the address of a query frontend")
	}
	if u, err := url.Parse(string(c.Address)); c.isHTTP() && (err != nil || u.Host == "") {
		return errors.New("address is not the URL of a server, as in https://frontend:3100")
	}
	if c.TLSEnabled && strings.HasPrefix(string(c.Address), "http://") {
		return errors.New("tls_enabled: an address that begins with http:// speaks no TLS; let it begin with https://")
	}
	return nil
}

// errTooLarge says that an answer is larger than what was asked for.
var errTooLarge = errors.New("the answer is too large")

// A Frontend is the query frontend of another process, which evaluates queries of
// rules over the HTTP API, as it would those of anybody else. Over gRPC the
// requests and answers of that API travel in the messages of httpgrpc.
//
// Its methods may be called from any goroutine.
type Frontend struct {
	limits  *limits.Overrides
	metrics *frontendMetrics
	base    string
	do      func(*http.Request, int64) (int, []byte, error) // with the most bytes of an answer; 0 is any
	close   func() error
}

// NewFrontend returns the frontend that c names. No connection is made before the
// first query.
func NewFrontend(c *FrontendConfig, l *limits.Overrides, r prometheus.Registerer) (*Frontend, error) {
	f := &Frontend{limits: l, metrics: newFrontendMetrics(r)}
	config, err := c.TLS.GetTLSConfig()
	if err != nil {
		return nil, fmt.Errorf("ruler.evaluation.query_frontend: %w", err)
	}
	if c.isHTTP() {
		f.base = strings.TrimSuffix(string(c.Address), "/")
		f.overHTTP(config)
		return f, nil
	}
	return f, f.overGRPC(c, config)
}

func (f *Frontend) overHTTP(config *tls.Config) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	client := &http.Client{Transport: transport}
	f.do = func(req *http.Request, most int64) (int, []byte, error) {
		resp, err := client.Do(req)
		if err != nil {
			return 0, nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		var src io.Reader = resp.Body
		if most > 0 {
			src = io.LimitReader(src, most+1)
		}
		body, err := io.ReadAll(src)
		if most > 0 && int64(len(body)) > most {
			err = errTooLarge
		}
		return resp.StatusCode, body, err
	}
	f.close = func() error { client.CloseIdleConnections(); return nil }
}

func (f *Frontend) overGRPC(c *FrontendConfig, config *tls.Config) error {
	creds := insecure.NewCredentials()
	if c.TLSEnabled {
		creds = credentials.NewTLS(config)
	}
	const (
		anySize    = 1 << 30
		headerRoom = 64 << 10 // of a message, beside the body
	)
	conn, err := grpc.NewClient(string(c.Address), grpc.WithTransportCredentials(creds),
		grpc.WithDefaultServiceConfig(`{"loadBalancingPolicy":"round_robin"}`), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(anySize)))
	if err != nil {
		return fmt.Errorf("ruler.evaluation.query_frontend.address: %w", err)
	}
	client := httpgrpc.NewHTTPClient(conn)
	f.do = func(req *http.Request, most int64) (int, []byte, error) {
		req.RequestURI = req.URL.RequestURI() // the path in the message
		wrapped, err := httpgrpc.FromHTTPRequest(req)
		if err != nil {
			return 0, nil, err
		}
		room := int64(anySize)
		if most > 0 {
			room = min(most+headerRoom, room)
		}
		resp, err := client.Handle(req.Context(), wrapped, grpc.MaxCallRecvMsgSize(int(room)))
		if err != nil {
			var is bool
			if resp, is = httpgrpc.HTTPResponseFromError(err); !is { // 5xx come as errors
				if grpcstatus.Code(err) == codes.ResourceExhausted {
					// For this end, or for the other, which has a limit of its own.
					err = fmt.Errorf("%w: %w", errTooLarge, err)
				}
				return 0, nil, err
			}
		}
		if most > 0 && int64(len(resp.Body)) > most {
			return 0, resp.Body, errTooLarge
		}
		return int(resp.Code), resp.Body, nil
	}
	f.close = conn.Close
	return nil
}

// Close ends the connections.
func (f *Frontend) Close() error { return f.close() }

// Query implements [Querier].
func (f *Frontend) Query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*engine.Result, error) {
	began := time.Now()
	reason := "error"
	res, size, err := f.query(ctx, tenants, expr, p, &reason)
	f.metrics.observe(strings.Join(tenants, "|"), time.Since(began), size, res, err, reason)
	if err != nil {
		return nil, fmt.Errorf("ask the query frontend: %w", err)
	}
	return res, nil
}

func (f *Frontend) query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, reason *string) (*engine.Result, int, error) {
	l := f.limits.For(tenants[0])
	timeout := time.Duration(l.RulerRemoteEvaluationTimeout)
	if timeout == 0 {
		timeout = time.Duration(l.QueryTimeout)
	}
	if timeout > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	req, err := f.request(ctx, tenants, expr, p)
	if err != nil {
		return nil, 0, err
	}
	most := l.RulerRemoteEvaluationMaxResponseSize
	status, body, err := f.do(req, most)
	switch {
	case ctx.Err() != nil, grpcstatus.Code(err) == codes.DeadlineExceeded:
		// A server by gRPC knows the deadline, and may be the first to give up.
		*reason = "timeout"
		return nil, 0, fmt.Errorf("no answer within %s (ruler_remote_evaluation_timeout, query_timeout): %w", timeout, cmp.Or(context.Cause(ctx), err))
	case errors.Is(err, errTooLarge):
		*reason = "max_size"
		if most > 0 { // else it was too large for the other end, which says so
			err = fmt.Errorf("%w: ruler_remote_evaluation_max_response_size is %d bytes", err, most)
		}
		return nil, len(body), err
	case err != nil:
		return nil, 0, err
	case status/100 != 2:
		*reason = "upstream_error"
		text, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
		return nil, len(body), fmt.Errorf("status %d: %.500s", status, text)
	}
	resp, err := loghttp.DecodeResponse(body)
	if err != nil {
		return nil, len(body), err
	}
	res, err := resultOf(resp)
	return res, len(body), err
}

// request is a query as the HTTP API takes it.
func (f *Frontend) request(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*http.Request, error) {
	form := url.Values{"query": {expr.String()}}
	path := "/loki/api/v1/query_range"
	if _, lines := expr.(*syntax.LogSelector); !lines && p.Start == p.End {
		path = "/loki/api/v1/query"
		form.Set("time", time.Unix(0, p.Start).UTC().Format(time.RFC3339Nano))
		form.Set("direction", "forward")
	} else {
		form.Set("start", strconv.FormatInt(p.Start, 10))
		form.Set("end", strconv.FormatInt(p.End, 10))
		form.Set("limit", strconv.Itoa(p.Limit))
		form.Set("direction", "backward")
		if p.Direction == engine.Forward {
			form.Set("direction", "forward")
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	h.Set("User-Agent", "skald-ruler/"+version.Version)
	h.Set("X-Scope-OrgID", strings.Join(tenants, "|"))
	h.Set("X-Query-Tags", tagsOf(rules.FromOriginContext(ctx)))
	if p.NoCache {
		h.Set("Cache-Control", "no-cache")
	}
	return req, nil
}

// tagsOf names the rule that asks, in the letters that tags may have.
func tagsOf(rule rules.RuleDetail) string {
	name := strings.Map(func(r rune) rune {
		if r == ',' || r == '=' || r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, rule.Name)
	return "source=ruler,rule_name=" + name + ",rule_type=" + rule.Kind
}

// resultOf is an answer of the API as the engine would have given it.
func resultOf(r *loghttp.Response) (*engine.Result, error) {
	out := &engine.Result{Warnings: r.Warnings}
	switch data := r.Result.(type) {
	case loghttp.Vector:
		v := make(promql.Vector, len(data))
		for i, s := range data {
			v[i] = promql.Sample{T: s.T, F: s.F, Metric: s.Metric}
		}
		out.Data = v
	case loghttp.Scalar:
		out.Data = promql.Scalar{T: data.T, V: data.F}
	case loghttp.Streams:
		streams := make(engine.Streams, len(data))
		for i, s := range data {
			streams[i].Labels = s.Labels
			for _, e := range s.Entries {
				streams[i].Entries = append(streams[i].Entries, engine.Entry{Timestamp: e.Timestamp, Line: e.Line})
			}
		}
		out.Data = streams
	default:
		return nil, fmt.Errorf("the answer is a %s", r.Result.Type())
	}
	return out, nil
}
