package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Text is the query for a person, a tree of lines.
func (q *Query) Text() string {
	var b strings.Builder
	line := func(depth int, format string, args ...any) {
		b.WriteString(strings.Repeat("  ", depth))
		fmt.Fprintf(&b, format, args...)
		b.WriteByte('\n')
	}
	line(0, "%s", q.Query)
	at := "from " + stamp(q.Start) + " to " + stamp(q.End)
	if q.Start.Equal(q.End) {
		at = "at " + stamp(q.Start)
	}
	if q.Step > 0 {
		at += ", every " + time.Duration(q.Step).String()
	}
	line(1, "%s, tenant %s", at, strings.Join(q.Tenants, ", "))
	if t := q.Total; t != nil {
		line(1, "took %s, of which parts waited %s: %s of %s kept, %s read and %s decoded, %s",
			t.Seconds, t.QueueSeconds, humanize.Comma(t.RowsKept), count(t.Rows, "row"), size(t.ReadBytes), size(t.DecodedBytes), count(t.Results, "result"))
		if t.Duplicates > 0 {
			line(1, "%s left out", count(t.Duplicates, "duplicate"))
		}
	}
	if s := q.Split; s != nil {
		line(1, "cut into %s of %s: %d answered by what was kept, %d may be kept",
			count(int64(s.Extents), "extent"), time.Duration(s.ExtentSeconds), s.Kept, s.Keepable)
	}
	for _, s := range q.Scans {
		s.text(q.Analyzed, line)
	}
	for _, w := range q.Warnings {
		line(1, "warning: %s", w)
	}
	return b.String()
}

func (s *Step) text(analyzed bool, line func(depth int, format string, args ...any)) {
	runs := ""
	if s.Runs > 1 {
		runs = fmt.Sprintf(", in %d parts", s.Runs)
	}
	line(1, "scan %s%s", s.Query, runs)
	line(2, "rows of %s from %s to %s", s.Selector, stamp(s.Start), stamp(s.End))
	for _, part := range []struct {
		what string
		list []string
	}{{"storage filters lines", s.LineFilters}, {"storage answers fields", s.Fields}, {"stages on rows", s.Stages}} {
		if len(part.list) > 0 {
			line(2, "%s: %s", part.what, strings.Join(part.list, " "))
		}
	}
	line(2, "open: %s in %s, %s", count(int64(s.Blocks), "block"), count(int64(s.Streams), "stream"), s.OpenSeconds)
	for _, src := range s.Sources {
		segments := ""
		if src.Segments > 0 {
			segments = " in " + count(int64(src.Segments), "segment")
		}
		line(3, "%s: %s%s, %s", src.Name, count(int64(src.Blocks), "block"), segments, src.Seconds)
	}
	for _, k := range s.Skipped {
		var what []string
		if k.Segments > 0 {
			what = append(what, count(k.Segments, "segment"))
		}
		if k.Blocks > 0 {
			what = append(what, count(k.Blocks, "block"))
		}
		if k.Rows > 0 {
			what = append(what, count(k.Rows, "row"))
		}
		line(2, "not read: %s: %s", strings.Join(what, ", "), k.Why)
	}
	for i := range s.Reads {
		r := &s.Reads[i]
		fields := ""
		if r.Fields {
			fields = ", fields asked"
		}
		if !analyzed {
			line(2, "to read: %s of %s (%s%s)", count(r.Blocks, "block"), count(r.Rows, "row"), r.Columns, fields)
			continue
		}
		line(2, "read: %s (%s%s), decided %d by header, %d by columns, %d by rows", count(r.Blocks, "block"), r.Columns, fields, r.Header, r.ByColumns, r.ByRows)
		line(3, "%s, %s selected, %s read, %s decoded, %s", count(r.Rows, "row"), humanize.Comma(r.Selected), size(r.ReadBytes), size(r.DecodedBytes), r.Seconds)
	}
	if analyzed {
		line(2, "run: %s", s.RunSeconds)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999999Z") }

func count(n int64, of string) string {
	if n != 1 {
		of += "s"
	}
	return humanize.Comma(n) + " " + of
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
