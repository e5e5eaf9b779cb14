package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/skaldlogs/skald/clients/bench"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

func generateFlags(fs *flag.FlagSet) func(context.Context, []string, io.Writer, io.Writer) error {
	corpus := corpusFlags(fs)
	dir := fs.String("o", "", "`folder` to write a file for each stream to, POD.log or POD.jsonl")
	format := fs.String("format", "text", "text, the lines alone, or jsonl, with their times and labels: `text|jsonl`")
	return func(ctx context.Context, args []string, stdout, _ io.Writer) error {
		c, err := corpus()
		if err != nil {
			return err
		}
		switch {
		case len(args) > 0:
			return usageError(fmt.Sprintf("no argument is expected, have %q", args[0]))
		case *format != "text" && *format != "jsonl":
			return usageError(fmt.Sprintf("-format is %q, want text or jsonl", *format))
		}
		g, err := bench.NewGenerator(c)
		if err != nil {
			return err
		}
		if *dir == "" {
			return generateTo(ctx, g, stdout, *format == "jsonl")
		}
		return generateFiles(ctx, g, *dir, *format == "jsonl")
	}
}

// generateTo writes all entries in order of time.
func generateTo(ctx context.Context, g *bench.Generator, w io.Writer, asJSON bool) error {
	out := bufio.NewWriterSize(w, 1<<16)
	for n := range g.Slices() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		entries, streams := bench.Ordered(g.Slice(n))
		for i := range entries {
			if err := writeLine(out, streams[i], &entries[i], asJSON); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// generateFiles writes the entries of each stream to a file.
func generateFiles(ctx context.Context, g *bench.Generator, dir string, asJSON bool) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	suffix := ".log"
	if asJSON {
		suffix = ".jsonl"
	}
	files := map[string]*os.File{}
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	for n := range g.Slices() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		for _, s := range g.Slice(n).Streams {
			f := files[s.Labels]
			if f == nil {
				l, err := logproto.ParseLabels(s.Labels)
				if err != nil {
					return err
				}
				if f, err = os.Create(filepath.Join(dir, l.Get("pod")+suffix)); err != nil {
					return err
				}
				files[s.Labels] = f
			}
			out := bufio.NewWriter(f)
			for i := range s.Entries {
				if err := writeLine(out, s.Labels, &s.Entries[i], asJSON); err != nil {
					return err
				}
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeLine(w *bufio.Writer, stream string, e *model.Entry, asJSON bool) error {
	if !asJSON {
		_, _ = w.WriteString(e.Line)
		return w.WriteByte('\n')
	}
	row := struct {
		Timestamp string            `json:"ts"`
		Stream    string            `json:"stream"`
		Line      string            `json:"line"`
		Metadata  map[string]string `json:"metadata,omitempty"`
	}{Timestamp: strconv.FormatInt(e.Timestamp, 10), Stream: stream, Line: e.Line}
	for _, m := range e.Metadata {
		if row.Metadata == nil {
			row.Metadata = map[string]string{}
		}
		row.Metadata[m.Name] = m.Value
	}
	text, err := json.Marshal(row)
	if err != nil {
		return err
	}
	_, _ = w.Write(text)
	return w.WriteByte('\n')
}
