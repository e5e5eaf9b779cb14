package backend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/backoff"
	thanos "github.com/thanos-io/objstore"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// component is what the clients call themselves.
const component = "skald"

// A Choice is the store that a configuration asks for.
type Choice struct {
	// Kind is Filesystem, s3, gcs or azure.
	Kind string
	// Bucket, Endpoint and Prefix say where objects are, for people. None holds a secret.
	Bucket, Endpoint, Prefix string

	backoff backoff.Config
	open    func(log.Logger) (thanos.Bucket, error)
}

// Remote reports whether several processes can share the bucket.
func (c Choice) Remote() bool { return c.Kind != Filesystem }

func (c Choice) String() string {
	s := c.Kind + " " + c.Bucket
	if c.Prefix != "" {
		s += "/" + c.Prefix
	}
	if c.Endpoint != "" {
		s += " at " + c.Endpoint
	}
	return s
}

// Options are what [Choice.Open] needs beside the choice.
type Options struct {
	// Spool is where objects lie until their size is known.
	Spool  objstore.Spool
	Logger log.Logger
}

// Open makes the bucket of a remote store. Requests that fail are tried again. The
// caller closes what it returns second.
func (c Choice) Open(o Options) (objstore.Bucket, io.Closer, error) {
	if !c.Remote() {
		return nil, nil, errors.New("open bucket: a folder is no remote store")
	}
	// The library has nothing to say that we do not say ourselves.
	logger := level.NewFilter(o.Logger, level.AllowError())
	b, err := c.open(logger)
	if err != nil {
		return nil, nil, fmt.Errorf("open bucket %s: %w", c, err)
	}
	if c.Prefix != "" {
		b = thanos.NewPrefixedBucket(b, c.Prefix)
	}
	return objstore.NewRetrying(objstore.NewRemote(b), objstore.RetryOptions{Backoff: c.backoff, Spool: o.Spool}), b, nil
}

// timeout returns what bounds the requests of a client, nil for no bound.
func timeout(d time.Duration) func(http.RoundTripper) http.RoundTripper {
	if d <= 0 {
		return nil
	}
	return func(next http.RoundTripper) http.RoundTripper { return timedTransport{next, d} }
}

// A timedTransport ends requests that take too long, their answers included.
type timedTransport struct {
	next  http.RoundTripper
	limit time.Duration
}

func (t timedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), t.limit)
	resp, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = timedBody{resp.Body, cancel}
	return resp, nil
}

type timedBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b timedBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// decodeStrings reads a JSON object of strings.
func decodeStrings(text string, into *map[string]string) error {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return errors.New("it is no JSON object of strings")
	}
	return nil
}
