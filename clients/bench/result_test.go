package bench

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func sample() *Report {
	r := NewReport(small())
	r.Results = []*Result{
		{
			Server: "skald", Kind: "loki", PeakBytes: 300e6,
			Ingest: &Ingest{Entries: 10, Bytes: 4e6, Seconds: 2, CPUSeconds: 0.5, RestCPUSeconds: 1, RSSBytes: 100e6, DiskBytes: 5e5},
			Queries: []*Timing{
				{Name: "needle", First: 9.99, Median: 2.345, Runs: 3, Answer: &Answer{}},
				{Name: "absent", First: 1, Median: 1, Runs: 3, Answer: &Answer{}},
				{Name: "count", First: 100, Median: 12.6, CPU: 7, Runs: 3, Answer: &Answer{Series: map[string]Points{`app="edge"`: {60: 2}}}},
			},
		},
		{
			Server: "other", Kind: "victorialogs",
			Queries: []*Timing{
				{Name: "needle", Error: "the server answers 500:\nno"},
				{Name: "count", First: 1, Median: 1, Runs: 3, Answer: &Answer{Series: map[string]Points{`app="edge"`: {60: 3}}}},
			},
		},
	}
	return r
}

func TestMarkdown(t *testing.T) {
	const want = `|  | skald | other |
|---|---:|---:|
| pushed, MB of lines | 4 |  |
| ingest, MB/s, with the making of the lines | 2 |  |
| ingest, MB per CPU-second, to the last acknowledgement | 8 |  |
| ingest, MB per CPU-second, until stored and at rest | 4 |  |
| disk, MB | 0.5 |  |
| RSS at the last acknowledgement, MB | 100 |  |
| peak RSS with queries, MB | 300 |  |
| needle over all streams, ms | 2.3 (10.0) | failed |
| absent needle, ms | 1.0 (1.0) |  |
| count all by app, 1 m steps, ms | 13 (100) | 1.0 (1.0) |

| CPU time of the server for each run | skald | other |
|---|---:|---:|
| count all by app, 1 m steps, ms | 7.0 |  |

Differences:

- needle: skald: the answer is empty
- needle: other: the server answers 500: no
- count: skald against other: {app="edge"} at 1970-01-01T00:01:00Z: 2 against 3
`
	var b strings.Builder
	if err := sample().WriteMarkdown(&b); err != nil || b.String() != want {
		t.Errorf("%v\n%s\nwant\n%s", err, b.String(), want)
	}
}

func TestReportsTravel(t *testing.T) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := ReadReport(&b)
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("%v, %+v", err, got)
	}
	for _, tc := range []struct{ body, want string }{
		{"", "EOF"},
		{"{}", "a report of version 0: this program knows 1"},
		{`{"version":1}`, "a size of 0 bytes"},
		{`{"version":1,"corpus":{"size":4000000,"streams":132,"start":"2026-05-01T06:00:00Z"},"results":[null]}`, "result 0 has no server"},
	} {
		if _, err := ReadReport(strings.NewReader(tc.body)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: error %v, want %s", tc.body, err, tc.want)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ReadReport(bytes.NewReader(body))
		if err != nil {
			return
		}
		var out strings.Builder
		if err := r.WriteMarkdown(&out); err != nil {
			t.Error(err)
		}
	})
}

func TestMerge(t *testing.T) {
	other := small()
	other.Seed = 9
	for _, tc := range []struct {
		name  string
		other *Report
		want  string // error, or the servers
	}{
		{"another server", &Report{Corpus: small(), Results: []*Result{{Server: "loki"}}}, "skald other loki"},
		{"the ingest of one that has been asked", &Report{Corpus: small(), Results: []*Result{{Server: "other", Ingest: &Ingest{}}}}, "skald other"},
		{"the same server again", sample(), "server skald is in two reports: give servers names of their own"},
		{"other logs", NewReport(other), "the reports are of different logs: size, streams, seed, start and metadata must be the same"},
	} {
		r := sample()
		got := ""
		if err := r.Merge(tc.other); err != nil {
			got = err.Error()
		} else {
			var names []string
			for _, result := range r.Results {
				names = append(names, result.Server)
			}
			got = strings.Join(names, " ")
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
