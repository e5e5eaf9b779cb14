package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/skaldlogs/skald/clients/bench"
)

// benchCommands are the parts of a comparison of servers.
var benchCommands = []command{
	{
		"generate", "[flags]",
		"Writes the logs that the other commands push: to standard output, in order of time,\nor to a file for each stream.",
		generateFlags,
	},
	{
		"push", "-server SERVER [flags]",
		"Pushes the logs to one server after the other, and says what it took.",
		func(fs *flag.FlagSet) func(context.Context, []string, io.Writer, io.Writer) error {
			return measureFlags(fs, bench.Options{Push: true})
		},
	},
	{
		"query", "-server SERVER [flags]",
		"Puts the queries to servers that have the logs, one server after the other, and\ncompares the answers. Give it the flags that \"bench push\" had.",
		func(fs *flag.FlagSet) func(context.Context, []string, io.Writer, io.Writer) error {
			return measureFlags(fs, bench.Options{Query: true})
		},
	},
	{
		"run", "-server SERVER [flags]",
		"Does all of it, for one server after the other: pushes the logs, waits until the\nserver rests, puts the queries, and compares the answers.",
		func(fs *flag.FlagSet) func(context.Context, []string, io.Writer, io.Writer) error {
			return measureFlags(fs, bench.Options{Push: true, Query: true})
		},
	},
	{
		"compare", "FILE...",
		"Lays results side by side that -o has saved, of the same logs, and compares the\nanswers with those of the first.",
		compareFlags,
	},
}

// corpusFlags registers what logs are made. The function it returns reads them
// after the flags are parsed.
func corpusFlags(fs *flag.FlagSet) func() (bench.Corpus, error) {
	seed := fs.Uint64("seed", 1, "the same `number` makes the same logs")
	size := fs.String("size", "629MB", "how many `bytes` of lines to make, as 629MB or 10GB")
	streams := fs.Int("streams", bench.DefaultStreams, "how many streams they are in")
	start := fs.String("start", "", "`time` of the first entry, as 2026-05-01T06:00:00Z; the last is six hours later.\nDefault: the latest quarter of a day that is over")
	metadata := fs.Bool("metadata", false, "send trace ids as structured metadata, too")
	return func() (bench.Corpus, error) {
		c := bench.Corpus{Seed: *seed, Streams: *streams, Metadata: *metadata, Start: bench.DefaultStart(time.Now())}
		n, err := humanize.ParseBytes(*size)
		if err != nil || n > 1<<60 {
			return c, usageError(fmt.Sprintf("-size %q: want a number of bytes, as 629MB or 10GB", *size))
		}
		c.Size = int64(n)
		if *start != "" {
			if c.Start, err = time.Parse(time.RFC3339, *start); err != nil {
				return c, usageError(fmt.Sprintf("-start %q: want a time as 2026-05-01T06:00:00Z", *start))
			}
		}
		if err := c.Validate(); err != nil {
			return c, usageError(err.Error())
		}
		return c, nil
	}
}

// measureFlags registers what push, query and run share. What they do is in o.
func measureFlags(fs *flag.FlagSet, o bench.Options) func(context.Context, []string, io.Writer, io.Writer) error {
	corpus := corpusFlags(fs)
	var servers []bench.Server
	fs.Func("server", "`SERVER` to measure; give it once for each. It is the "+bench.ServerHelp, func(text string) error {
		s, err := bench.ParseServer(text)
		if err == nil && slices.ContainsFunc(servers, func(other bench.Server) bool { return other.Name == s.Name }) {
			err = fmt.Errorf("two servers have the name %s: give them as NAME=URL", s.Name)
		}
		servers = append(servers, s)
		return err
	})
	output := fs.String("o", "", "`file` to save the results in as JSON, for \"bench compare\"")
	if o.Push {
		fs.IntVar(&o.Concurrency, "concurrency", 2, "how many pushes are under way at once")
	}
	only := new(string)
	if o.Query {
		fs.IntVar(&o.Repeat, "repeat", 10, "how often to put each query after the first time; fewer if that takes ten seconds")
		only = fs.String("only", "", "`names` of the queries to put, with commas between them: "+strings.Join(queryNames(), ", "))
	}
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		c, err := corpus()
		if err != nil {
			return err
		}
		switch {
		case len(args) > 0:
			return usageError(fmt.Sprintf("no argument is expected, have %q", args[0]))
		case len(servers) == 0:
			return usageError("-server is missing: want the address of a server, as http://127.0.0.1:3100")
		case o.Push && (o.Concurrency < 1 || o.Concurrency > 256):
			return usageError(fmt.Sprintf("-concurrency %d: want 1 to 256", o.Concurrency))
		case o.Query && (o.Repeat < 1 || o.Repeat > 10_000):
			return usageError(fmt.Sprintf("-repeat %d: want 1 to 10000", o.Repeat))
		}
		if *only != "" {
			o.Only = strings.Split(*only, ",")
			for _, name := range o.Only {
				if !slices.Contains(queryNames(), name) {
					return usageError(fmt.Sprintf("-only: no query is called %q: there are %s", name, strings.Join(queryNames(), ", ")))
				}
			}
		}
		return measure(ctx, c, servers, o, *output, stdout, stderr)
	}
}

func queryNames() (names []string) {
	for _, q := range bench.Suite(bench.Plants{}) {
		names = append(names, q.Name)
	}
	return names
}

// measure runs one server after the other. What was measured before an error is
// saved and printed.
func measure(ctx context.Context, c bench.Corpus, servers []bench.Server, o bench.Options, output string, stdout, stderr io.Writer) error {
	for _, s := range servers {
		if err := s.Check(); err != nil {
			return err
		}
	}
	progress := newProgress(stderr)
	o.Progress = progress.tell
	report := bench.NewReport(c)
	var failed error
	for _, s := range servers {
		result, err := bench.Run(ctx, c, s, o)
		if result != nil {
			report.Results = append(report.Results, result)
		}
		if err != nil {
			failed = fmt.Errorf("server %s: %w", s.Name, err)
			break
		}
	}
	progress.done()
	if output != "" {
		if err := saveReport(report, output); err != nil {
			return errors.Join(failed, err)
		}
	}
	if failed != nil {
		return failed
	}
	fmt.Fprintf(stdout, "-seed=%d -size=%d -streams=%d -start=%s", c.Seed, c.Size, c.Streams, c.Start.UTC().Format(time.RFC3339))
	if c.Metadata {
		fmt.Fprint(stdout, " -metadata")
	}
	fmt.Fprint(stdout, "\n\n")
	return printReport(report, stdout)
}

func printReport(r *bench.Report, stdout io.Writer) error {
	if err := r.WriteMarkdown(stdout); err != nil {
		return err
	}
	if len(r.Differences()) > 0 {
		return errReported // the table says which answers differ
	}
	return nil
}

func saveReport(r *bench.Report, name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(r.Write(f), f.Close())
}

func compareFlags(*flag.FlagSet) func(context.Context, []string, io.Writer, io.Writer) error {
	return func(_ context.Context, args []string, stdout, _ io.Writer) error {
		if len(args) == 0 {
			return usageError("want files that -o has saved")
		}
		var all *bench.Report
		for _, name := range args {
			r, err := loadReport(name)
			if err != nil {
				return err
			}
			if all == nil {
				all = r
			} else if err := all.Merge(r); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return printReport(all, stdout)
	}
}

func loadReport(name string) (*bench.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := bench.ReadReport(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
