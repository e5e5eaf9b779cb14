package send

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/common/version"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// maxWords is how much of a server's answer is read for the log.
const maxWords = 1024

// deliver sends a flight until its end is known: taken, dropped, or left in the
// journal for the next process, when ctx is done and the last try failed. Then it
// returns false: what follows must not arrive before.
func (c *Client) deliver(ctx, stopping context.Context, f *position.Flight, again bool) bool {
	if !again {
		c.ledger.Sent.Add(f.Lines())
	}
	failing := false
	defer func() { c.fails(&failing, false) }()
	for try := 1; ; try++ {
		status, wait, err := c.post(stopping, f)
		if err == nil {
			c.metrics.sentBytes.WithLabelValues(c.cfg.host()).Add(float64(len(f.Body)))
			c.metrics.sentEntries.WithLabelValues(c.cfg.host()).Add(float64(f.Entries))
			c.ledger.Acknowledged.Add(f.Lines())
			f.Done()
			return true
		}
		reason := reasonIngester
		if status == http.StatusTooManyRequests {
			reason = reasonRateLimited
		}
		final := status > 0 && status/100 != 5 && (status != http.StatusTooManyRequests || c.cfg.DropRateLimited)
		if m := c.cfg.Backoff.MaxRetries; m > 0 && try >= m && ctx.Err() == nil {
			final = true
		}
		if final {
			level.Error(c.logger).Log("msg", "batch dropped", "err", err, "tenant", f.Tenant, "status", status, "tries", try, "entries", f.Entries)
			c.drop(f, reason)
			return true
		}
		if ctx.Err() != nil {
			level.Warn(c.logger).Log("msg", "batch not sent before the end; the next start sends it", "err", err, "tenant", f.Tenant, "status", status, "entries", f.Entries)
			return false
		}
		c.fails(&failing, true)
		level.Warn(c.logger).Log("msg", "batch not sent, will try again", "err", err, "tenant", f.Tenant, "status", status, "try", try, "entries", f.Entries)
		c.metrics.retries.WithLabelValues(c.cfg.host(), f.Tenant).Inc()
		c.pause(ctx, max(wait, c.backoff(try)))
	}
}

func (c *Client) drop(f *position.Flight, reason string) {
	c.metrics.droppedBytes.WithLabelValues(c.cfg.host(), f.Tenant, reason).Add(float64(len(f.Body)))
	c.metrics.droppedEntries.WithLabelValues(c.cfg.host(), f.Tenant, reason).Add(float64(f.Entries))
	c.ledger.Drop(reason, f.Lines())
	f.GiveUp()
}

// backoff is how long to wait after a number of tries: twice as long each time,
// and up to half of that less by chance, so that agents do not come in step.
func (c *Client) backoff(tries int) time.Duration {
	d := c.cfg.Backoff.MaxPeriod
	if shift := tries - 1; shift < 30 {
		d = min(d, c.cfg.Backoff.MinPeriod<<shift)
	}
	return d - rand.N(d/2+1)
}

func (c *Client) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(min(d, c.cfg.Backoff.MaxPeriod))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// post makes one request. A status of 0 means that there was no answer; wait is
// what the server asked for.
func (c *Client) post(ctx context.Context, f *position.Flight) (status int, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL.String(), bytes.NewReader(f.Body))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "skald-agent/"+version.Version)
	if f.Tenant != "" {
		req.Header.Set("X-Scope-OrgID", f.Tenant)
	}
	for name, value := range c.cfg.Headers {
		if req.Header.Get(name) == "" {
			req.Header.Set(name, value)
		}
	}
	began := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		c.metrics.duration.WithLabelValues("failed", c.cfg.host()).Observe(time.Since(began).Seconds())
		return 0, 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	c.metrics.duration.WithLabelValues(strconv.Itoa(resp.StatusCode), c.cfg.host()).Observe(time.Since(began).Seconds())
	if resp.StatusCode/100 == 2 {
		// Read to its end, a connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, maxWords)
		return resp.StatusCode, 0, nil
	}
	line, _ := bufio.NewReader(io.LimitReader(resp.Body, maxWords)).ReadString('\n')
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 && s < 1<<20 {
		wait = time.Duration(s) * time.Second
	}
	err = fmt.Errorf("server answered %s: %s", resp.Status, trimLine(line))
	if resp.StatusCode/100 < 4 {
		err = errors.Join(err, errors.New("the address in url is not one that takes pushes"))
	}
	return resp.StatusCode, wait, err
}

func trimLine(s string) string { return string(bytes.TrimSpace([]byte(s))) }
