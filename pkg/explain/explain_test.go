package explain

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestNobodyAsks: where a query is not explained, nothing is noted, and nothing breaks.
func TestNobodyAsks(t *testing.T) {
	ctx := context.Background()
	trace := From(ctx)
	trace.SetSplit(Split{Extents: 3})
	s := trace.Scan(Step{Query: "q"})
	s.AddSource(Source{Name: "store"})
	s.Opened(1, 2, time.Second)
	s.Skip(Skip{Why: Enough, Blocks: 1})
	s.AddRead(Read{Blocks: 1})
	s.Ran(time.Second)
	if trace != nil || s != nil || trace.Dry() || s.Dry() || ScanFrom(WithScan(ctx, s)) != nil {
		t.Error("there is a trace that nobody asked for")
	}
}

// TestPartsAreOne: the parts of a query are told as one, and equal reads too.
func TestPartsAreOne(t *testing.T) {
	trace := New(false)
	ctx := With(context.Background(), trace)
	From(ctx).SetSplit(Split{ExtentSeconds: Seconds(time.Hour), Extents: 2, Kept: 0, Keepable: 1})
	for part := range 2 {
		s := From(ctx).Scan(Step{
			Query: `rate({a="b"} |= "x" [1m])`, Selector: `{a="b"}`, LineFilters: []string{`|= "x"`},
			Start: time.Unix(int64(1000-part*100), 0), End: time.Unix(int64(2000-part*100), 0),
		})
		ScanFrom(WithScan(ctx, s)).AddSource(Source{Name: "store", Segments: 1, Blocks: 3, Seconds: Seconds(time.Millisecond)})
		s.Opened(7, 3, 2*time.Millisecond)
		s.Skip(Skip{Why: OtherTimes, Segments: 1})
		s.Skip(Skip{Why: RuledOut, Blocks: 1})
		s.AddRead(Read{Columns: "times", Blocks: 1, Header: 1})
		s.AddRead(Read{Columns: "times", Blocks: 1, ByColumns: 1, Rows: 10, Selected: 4, ReadBytes: 512, DecodedBytes: 2048, Seconds: Seconds(time.Millisecond)})
		s.AddRead(Read{Columns: "times", Fields: true, Blocks: 1, ByRows: 1, Rows: 1})
		s.Ran(1234567 * time.Nanosecond)
	}
	q := trace.Query()
	q.Query, q.Tenants, q.Step = `sum(rate({a="b"} |= "x" [1m]))`, []string{"t"}, Seconds(time.Minute)
	q.Start, q.End = time.Unix(960, 0), time.Unix(1980, 0)
	q.Total = &Total{Seconds: Seconds(time.Second), Parts: 2, Rows: 22, RowsKept: 8, ReadBytes: 1024, Results: 1}
	q.Warnings = []string{"a block is damaged"}
	want := strings.Join([]string{
		`sum(rate({a="b"} |= "x" [1m]))`,
		`  from 1970-01-01T00:16:00Z to 1970-01-01T00:33:00Z, every 1m0s, tenant t`,
		`  took 1s, of which parts waited 0s: 8 of 22 rows kept, 1.0 KiB read and 0 B decoded, 1 result`,
		`  cut into 2 extents of 1h0m0s: 0 answered by what was kept, 1 may be kept`,
		`  scan rate({a="b"} |= "x" [1m]), in 2 parts`,
		`    rows of {a="b"} from 1970-01-01T00:15:00Z to 1970-01-01T00:33:20Z`,
		`    storage filters lines: |= "x"`,
		`    open: 6 blocks in 7 streams, 4ms`,
		`      store: 6 blocks in 2 segments, 2ms`,
		`    not read: 2 segments: the segment has no rows of this time`,
		`    not read: 2 blocks: what is known of the whole block rules all rows out`,
		`    read: 4 blocks (times), decided 2 by header, 2 by columns, 0 by rows`,
		`      20 rows, 8 selected, 1.0 KiB read, 4.0 KiB decoded, 2ms`,
		`    read: 2 blocks (times, fields asked), decided 0 by header, 0 by columns, 2 by rows`,
		`      2 rows, 0 selected, 0 B read, 0 B decoded, 0s`,
		`    run: 2.47ms`,
		`  warning: a block is damaged`,
		``,
	}, "\n")
	if got := q.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var back map[string]any
	text, err := json.Marshal(q)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil || back["stepSeconds"] != 60.0 {
		t.Errorf("in JSON: %s, %v", text, err)
	}
}
