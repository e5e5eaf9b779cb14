package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

func dumpFlags(fs *flag.FlagSet) func(*segment.Reader, io.Writer, io.Writer) error {
	format := fs.String("o", "text", "`format` of the output: text (time, labels, line) or jsonl (an object for each entry, with metadata; bytes that are not UTF-8 become U+FFFD)")
	return func(r *segment.Reader, stdout, stderr io.Writer) error {
		var p printer
		switch *format {
		case "text":
			p = textPrinter{stdout}
		case "jsonl":
			p = jsonPrinter{json.NewEncoder(stdout)}
		default:
			return usageError(fmt.Sprintf("-o is %q, want text or jsonl", *format))
		}
		return dump(r, p, stderr)
	}
}

// A printer writes entries in one format.
type printer interface {
	print(lbls labels.Labels, e *model.Entry) error
}

func dump(r *segment.Reader, p printer, stderr io.Writer) error {
	damaged := false
	for i := range r.Blocks() {
		b, err := r.ReadBlock(context.Background(), i)
		if err != nil {
			fmt.Fprintf(stderr, "%v\n", err)
			damaged = true
			continue
		}
		for _, run := range b.Runs {
			lbls := r.Stream(uint32(run.Stream)).Labels
			for row := run.Start; row < run.End; row++ {
				e := model.Entry{Timestamp: b.Timestamps[row], Line: b.Lines[row]}
				if b.Metadata != nil {
					e.Metadata = b.Metadata[row]
				}
				if err := p.print(lbls, &e); err != nil {
					return err
				}
			}
		}
	}
	if damaged {
		return errReported
	}
	return nil
}

// A textPrinter writes time, labels and line of each entry, the line byte for byte.
type textPrinter struct{ w io.Writer }

func (p textPrinter) print(lbls labels.Labels, e *model.Entry) error {
	_, err := fmt.Fprintf(p.w, "%s %s %s\n", stamp(e.Timestamp), lbls, e.Line)
	return err
}

// A jsonPrinter writes an object for each entry.
type jsonPrinter struct{ enc *json.Encoder }

// jsonEntry is an entry in JSON. Metadata is a list of pairs, since names may occur twice.
type jsonEntry struct {
	Timestamp string            `json:"ts"` // nanoseconds since the Unix epoch
	Labels    map[string]string `json:"labels"`
	Line      string            `json:"line"`
	Metadata  [][2]string       `json:"metadata,omitempty"`
}

func (p jsonPrinter) print(lbls labels.Labels, e *model.Entry) error {
	out := jsonEntry{Timestamp: strconv.FormatInt(e.Timestamp, 10), Labels: lbls.Map(), Line: e.Line}
	for _, l := range e.Metadata {
		out.Metadata = append(out.Metadata, [2]string{l.Name, l.Value})
	}
	return p.enc.Encode(out)
}
