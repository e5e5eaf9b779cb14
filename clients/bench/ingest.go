package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang/snappy"

	"github.com/skaldlogs/skald/pkg/logproto"
)

// ingest pushes the corpus, waits until it is at rest, and says what that took.
func (r *runner) ingest(ctx context.Context) error {
	switch n, err := r.count(ctx); {
	case err != nil:
		return err
	case n > 0:
		return errNotAlone
	}
	in := &Ingest{}
	r.result.Ingest = in
	before, err := r.usage()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := r.push(ctx, in); err != nil {
		return err
	}
	in.Seconds = time.Since(began).Seconds()
	acked, err := r.usage()
	if err != nil {
		return err
	}
	in.CPUSeconds, in.RSSBytes = (acked.cpu - before.cpu).Seconds(), acked.rss

	r.options.tell("%s: flush", r.result.Server)
	if err := r.client.flush(ctx); err != nil {
		return err
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	in.RestSeconds = time.Since(began).Seconds()
	rest, err := r.usage()
	if err != nil {
		return err
	}
	in.RestCPUSeconds, in.RestRSSBytes, in.PeakBytes = (rest.cpu - before.cpu).Seconds(), rest.rss, rest.peak
	if dir := r.client.server.Disk; dir != "" {
		if in.DiskBytes, err = folderSize(dir); err != nil {
			return fmt.Errorf("size of %s: %w", dir, err)
		}
	}
	return r.verify(ctx, in)
}

// push sends all slices, in order, as many at once as the options say.
func (r *runner) push(ctx context.Context, in *Ingest) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wg                          sync.WaitGroup
		lines, bytes, sent, retries atomic.Int64
	)
	order := newOrder(r.gen.Slices())
	defer context.AfterFunc(ctx, order.stop)()
	for range r.options.Concurrency {
		wg.Go(func() {
			var raw, body []byte
			for n, ok := order.next(); ok; n, ok = order.next() {
				b := r.gen.Slice(n)
				raw = logproto.AppendPush(raw[:0], b)
				body = snappy.Encode(body[:cap(body)], raw)
				again, err := r.client.push(ctx, body)
				if err != nil {
					cancel(fmt.Errorf("push %d of %d: %w", n+1, r.gen.Slices(), err))
					return
				}
				order.done(n)
				retries.Add(int64(again))
				lines.Add(int64(b.Entries()))
				sent.Add(int64(len(body)))
				size := 0
				for _, s := range b.Streams {
					for i := range s.Entries {
						size += len(s.Entries[i].Line)
					}
				}
				r.options.tell("%s: push %d MB of %d MB", r.result.Server, bytes.Add(int64(size))/1e6, r.gen.corpus.Size/1e6)
			}
		})
	}
	wg.Wait()
	in.Entries, in.Bytes, in.SentBytes, in.Retries = lines.Load(), bytes.Load(), sent.Load(), retries.Load()
	return context.Cause(ctx)
}

// rest waits until the server's process does next to nothing for a while. Without
// a process to look at, the flush was all there is to wait for.
func (r *runner) rest(ctx context.Context) error {
	const (
		look    = 500 * time.Millisecond
		quiet   = 30 // looks in a row: longer than servers wait before they write what is left
		longest = 3 * time.Minute
		idle    = 0.08 // of one core
	)
	if r.client.server.PID == 0 {
		return nil
	}
	last, err := r.usage()
	if err != nil {
		return err
	}
	still := 0
	for range int(longest / look) {
		if err := r.client.pause(ctx, look); err != nil {
			return err
		}
		now, err := r.usage()
		if err != nil {
			return err
		}
		if (now.cpu - last.cpu).Seconds() < idle*look.Seconds() {
			still++
		} else {
			still = 0
		}
		last = now
		if still == quiet {
			return nil
		}
		r.options.tell("%s: waiting until it rests", r.result.Server)
	}
	return nil
}

// verify waits a while until the server counts all entries, and notes how many
// are missing then.
func (r *runner) verify(ctx context.Context, in *Ingest) error {
	r.options.tell("%s: count", r.result.Server)
	for wait := 500 * time.Millisecond; ; wait *= 2 {
		n, err := r.count(ctx)
		if err != nil {
			return err
		}
		in.Missing = in.Entries - int64(n)
		if in.Missing == 0 || wait > time.Minute {
			return nil
		}
		if err := r.client.pause(ctx, wait); err != nil {
			return err
		}
	}
}
