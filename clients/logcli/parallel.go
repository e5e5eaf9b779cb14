package logcli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skaldlogs/skald/clients/api"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

// maxJobs bounds the jobs that a range is cut into.
const maxJobs = 1 << 20

// A job is a part of the range, and the file for its entries, if there is one.
type job struct {
	start, end int64 // nanoseconds
	file       string
	done       chan struct{} // closed when all of it was fetched
}

// jobsOf cuts a range, in the order in which entries are wanted.
func jobsOf(start, end int64, length time.Duration, forward bool, prefix string) []*job {
	var jobs []*job
	add := func(from, to int64) {
		j := &job{start: from, end: to, done: make(chan struct{})}
		if prefix != "" {
			const layout = "20060102T150405"
			j.file = fmt.Sprintf("%s_%s_%s.part", prefix, time.Unix(0, from).UTC().Format(layout), time.Unix(0, to).UTC().Format(layout))
		}
		jobs = append(jobs, j)
	}
	step := int64(length)
	if forward {
		for from := start; from < end; from += step {
			add(from, min(from+step, end))
		}
		return jobs
	}
	for to := end; to > start; to -= step {
		add(max(to-step, start), to)
	}
	return jobs
}

// runParallel fetches a range by several workers, all entries of it.
func (c *cli) runParallel(ctx context.Context, start, end int64) error {
	f := &c.flags
	switch {
	case isMetric(f.query):
		return usageError("the range of a metric query is not cut into parts: leave --parallel-max-workers and --part-path-prefix out")
	case f.mergeParts && f.partPrefix == "":
		return usageError("--merge-parts goes with --part-path-prefix")
	case f.parallelWorkers < 1:
		return usageError("--parallel-max-workers must be 1 or more")
	case f.parallelDuration < time.Second:
		return usageError("--parallel-duration must be a second or more")
	case (end-start)/int64(f.parallelDuration) >= maxJobs:
		return usageError(fmt.Sprintf("a --parallel-duration of %s cuts the range into more than %d parts", f.parallelDuration, maxJobs))
	}
	jobs := jobsOf(start, end, f.parallelDuration, f.forward, f.partPrefix)
	c.jobs.Store(int64(len(jobs)))
	queue := make(chan *job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	g, ctx := errgroup.WithContext(ctx)
	for range min(f.parallelWorkers, len(jobs)) {
		g.Go(func() error {
			for j := range queue {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := c.runJob(ctx, j); err != nil {
					return err
				}
				c.jobsDone.Add(1)
				close(j.done)
			}
			return nil
		})
	}
	if f.mergeParts {
		g.Go(func() error { return c.mergeParts(ctx, jobs) })
	}
	return g.Wait()
}

func (c *cli) runJob(ctx context.Context, j *job) error {
	if j.file == "" {
		return c.newDownload(j, c.printPage).run(ctx)
	}
	if _, err := os.Stat(j.file); err == nil && !c.flags.overwriteParts {
		c.infof("%s is there already", j.file)
		return nil
	}
	p, err := newPart(j.file)
	if err != nil {
		return err
	}
	plain := c.print
	plain.colours = false // it is a file, whatever stdout is
	err = c.newDownload(j, func(streams loghttp.Streams, entries []entry) error {
		if len(entries) == 0 {
			return nil
		}
		common := commonLabels(streams)
		c.tellLabels(common)
		_, err := p.Write(plain.append(nil, entries, common))
		return err
	}).run(ctx)
	if err != nil {
		p.abandon()
		return err
	}
	return p.complete()
}

func (c *cli) newDownload(j *job, entries func(loghttp.Streams, []entry) error) *download {
	f := &c.flags
	return &download{
		ask: c.client.QueryRange, told: c.infof, entries: entries, result: c.printResult,
		query: api.Range{Query: f.query, Start: j.start, End: j.end, Forward: f.forward, Step: f.step, Interval: f.interval},
		batch: f.batch,
	}
}

// mergeParts prints the files of jobs in order, each when it is complete.
func (c *cli) mergeParts(ctx context.Context, jobs []*job) error {
	for _, j := range jobs {
		select {
		case <-j.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := c.printPart(j.file); err != nil {
			return fmt.Errorf("merge parts: %w", err)
		}
		if c.flags.keepParts {
			continue
		}
		if err := os.Remove(j.file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("merge parts: %w", err)
		}
	}
	return nil
}

func (c *cli) printPart(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(writerFunc(c.write), f)
	return err
}

type writerFunc func([]byte) error

func (w writerFunc) Write(p []byte) (int, error) { return len(p), w(p) }

// A part is a file that gets its name when it is complete.
type part struct {
	name string
	file *os.File
	*bufio.Writer
}

func newPart(name string) (*part, error) {
	f, err := os.Create(name + ".tmp")
	if err != nil {
		return nil, fmt.Errorf("part of the range: %w", err)
	}
	return &part{name: name, file: f, Writer: bufio.NewWriterSize(f, 64<<10)}, nil
}

// complete gives the file its name. What has it is whole, whatever happens next.
func (p *part) complete() error {
	err := p.Flush()
	if err == nil {
		err = p.file.Sync()
	}
	if closed := p.file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(p.name+".tmp", p.name)
	}
	if err != nil {
		return fmt.Errorf("part of the range: %w", err)
	}
	return nil
}

func (p *part) abandon() {
	p.file.Close()
	os.Remove(p.name + ".tmp")
}
