// Package stdin reads lines from standard input, or whatever else can be read
// once.
//
// A Target ends with its input: Run then passes on what stages hold back and
// returns. Line ends are cut off, and empty lines are none.
package stdin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
)

// A Target reads lines; it is an entry.Source.
type Target struct {
	in     io.Reader
	labels *entry.Labels
	opts   target.Options
}

// New returns a target that gives each line of in the same labels. They are not
// relabelled.
func New(in io.Reader, ls *entry.Labels, opts target.Options) *Target {
	return &Target{in: in, labels: ls, opts: opts}
}

// Status tells the labels.
func (t *Target) Status() []entry.Status {
	return []entry.Status{{
		Job: t.opts.Job, Type: "Stdin", Ready: true,
		Discovered: t.labels.All(), Labels: t.labels.All(),
	}}
}

const (
	// maxLineBytes is where a line is cut: what comes behind it is another.
	maxLineBytes = 4 << 20
	// maxBatch is how many lines are passed on at once, if there are more.
	maxBatch = 1000
)

// Run reads to the end of the input. A read that has begun when ctx is done goes
// on in its goroutine, as nothing can stop it.
func (t *Target) Run(ctx context.Context) error {
	feed := target.NewFeed(ctx, t.opts)
	in := bufio.NewReaderSize(t.in, 64<<10)
	lines := make(chan []string)
	failed := make(chan error, 1)
	go func() {
		failed <- read(ctx, in, lines)
		close(lines)
	}()
	for {
		select {
		case batch, more := <-lines:
			if !more {
				err := <-failed
				if closed := feed.Close(); err == nil {
					err = closed
				}
				return err
			}
			if err := t.put(ctx, feed, batch); err != nil {
				return err
			}
		case <-ctx.Done():
			return feed.Close()
		}
	}
}

func (t *Target) put(ctx context.Context, feed *target.Feed, lines []string) error {
	entries := make([]entry.Entry, len(lines))
	for i, line := range lines {
		entries[i] = entry.Entry{Labels: t.labels, Timestamp: t.opts.Clock.Next(1), Line: line, Mark: feed.Next()}
	}
	return feed.Put(ctx, entries)
}

// read sends the lines of in, as many at once as have come.
func read(ctx context.Context, in *bufio.Reader, lines chan<- []string) error {
	var batch []string
	for {
		line, err := readLine(in)
		if line != "" {
			batch = append(batch, line)
		}
		if len(batch) > 0 && (err != nil || in.Buffered() == 0 || len(batch) >= maxBatch) {
			select {
			case lines <- batch:
			case <-ctx.Done():
				return nil
			}
			batch = nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read standard input: %w", err)
		}
	}
}

// readLine reads a line without its end. An error may come with the last one.
func readLine(in *bufio.Reader) (string, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) && len(long)+len(part) < maxLineBytes {
			long = append(long, part...)
			continue
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		return strings.TrimRight(string(append(long, part...)), "\r\n"), err
	}
}
