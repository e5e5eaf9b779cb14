package bench

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// small is a corpus that is made in a moment.
func small() Corpus {
	return Corpus{Seed: 1, Size: 4_000_000, Streams: DefaultStreams, Start: time.Date(2026, 5, 1, 6, 0, 0, 0, time.UTC)}
}

func generator(tb testing.TB, c Corpus) *Generator {
	tb.Helper()
	g, err := NewGenerator(c)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// hash is of all that a batch says.
func hash(batches ...*model.Batch) string {
	h := sha256.New()
	text := func(s string) {
		_ = binary.Write(h, binary.LittleEndian, uint64(len(s)))
		h.Write([]byte(s))
	}
	for _, b := range batches {
		for _, s := range b.Streams {
			text(s.Labels)
			for _, e := range s.Entries {
				_ = binary.Write(h, binary.LittleEndian, e.Timestamp)
				text(e.Line)
				for _, m := range e.Metadata {
					text(m.Name)
					text(m.Value)
				}
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func slicesOf(g *Generator) (out []*model.Batch) {
	for n := range g.Slices() {
		out = append(out, g.Slice(n))
	}
	return out
}

// Figures that were measured on a corpus are worth nothing once it changes: this
// is noticed here.
func TestCorpusStaysTheSame(t *testing.T) {
	withMetadata := small()
	withMetadata.Metadata = true
	other := small()
	other.Seed = 2
	for _, tc := range []struct {
		name   string
		corpus Corpus
		want   string
	}{
		{"as it is", small(), "5064b2625280c7f9"},
		{"with metadata", withMetadata, "c655fd26595d36ab"},
		{"another seed", other, "6e54afa24dd8f79d"},
	} {
		if got := hash(slicesOf(generator(t, tc.corpus))...); got != tc.want {
			t.Errorf("%s: the corpus has the hash %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestSlicesDependOnNothingElse(t *testing.T) {
	want := slicesOf(generator(t, small()))
	g := generator(t, small())
	var wg sync.WaitGroup
	for n := range want {
		n = len(want) - 1 - n
		for range 2 {
			wg.Go(func() {
				if got := g.Slice(n); hash(got) != hash(want[n]) {
					t.Errorf("slice %d is not the same when it is made by several at once", n)
				}
			})
		}
	}
	wg.Wait()
}

func TestCorpusIsWhatItSays(t *testing.T) {
	for _, c := range []Corpus{
		small(),
		{Seed: 7, Size: 2_300_000, Streams: len(apps), Start: small().Start},
		{Seed: 8, Size: 3_000_000, Streams: 1000, Start: small().Start},
	} {
		g := generator(t, c)
		streams, pods := map[string]bool{}, map[string]bool{}
		bytes, last := int64(0), c.Start.UnixNano()-1
		for _, b := range slicesOf(g) {
			for _, s := range b.Streams {
				at := int64(0)
				for _, e := range s.Entries {
					if e.Timestamp <= at {
						t.Fatalf("%+v: %s: an entry at %d after one at %d", c, s.Labels, e.Timestamp, at)
					}
					at = e.Timestamp
					bytes += int64(len(e.Line))
				}
				streams[s.Labels] = true
			}
			entries, _ := Ordered(b)
			for _, e := range entries {
				if e.Timestamp <= last || e.Timestamp%int64(time.Second) == 0 {
					t.Fatalf("%+v: an entry at %d after one at %d", c, e.Timestamp, last)
				}
				last = e.Timestamp
			}
		}
		if last >= c.End().UnixNano() || last < c.End().Add(-time.Minute).UnixNano() {
			t.Errorf("%+v: the last entry is at %s, want it just before %s", c, time.Unix(0, last).UTC(), c.End())
		}
		if math.Abs(float64(bytes-c.Size)) > float64(c.Size)/100 {
			t.Errorf("%+v: %d bytes of lines", c, bytes)
		}
		for _, s := range g.sources {
			l, err := logproto.ParseLabels(s.labels)
			if err != nil {
				t.Fatalf("%s: %v", s.labels, err)
			}
			pods[l.Get("pod")] = true
			delete(streams, s.labels)
		}
		if len(g.sources) != c.Streams || len(pods) != c.Streams || len(streams) != 0 {
			t.Errorf("%+v: %d streams, %d pods, %d strangers", c, len(g.sources), len(pods), len(streams))
		}
	}
}

func TestCorpusThatCannotBe(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Corpus)
		want   string
	}{
		{"too small", func(c *Corpus) { c.Size = 1000 }, "a size of 1000 bytes: want 1 MB to 1 TB"},
		{"too few streams", func(c *Corpus) { c.Streams = 3 }, "3 streams: want 17 to 1048576, at least one for each app"},
		{"not a minute", func(c *Corpus) { c.Start = c.Start.Add(time.Second) }, "a start at 2026-05-01T06:00:01Z: want a whole minute"},
		{"no start", func(c *Corpus) { c.Start = time.Time{} }, "a start at 0001-01-01T00:00:00Z: want a whole minute"},
	} {
		c := small()
		tc.change(&c)
		if _, err := NewGenerator(c); err == nil || err.Error() != tc.want {
			t.Errorf("%s: error %v, want %s", tc.name, err, tc.want)
		}
	}
}

func TestDefaultStart(t *testing.T) {
	now := time.Date(2026, 5, 1, 13, 7, 0, 0, time.UTC)
	if got, want := DefaultStart(now), time.Date(2026, 5, 1, 6, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("the corpus starts at %s, want %s", got, want)
	}
}

// What the queries rely on.
func TestFamilies(t *testing.T) {
	looks := map[*family]*regexp.Regexp{
		&logfmtApp:   regexp.MustCompile(`^ts=\S+ level=\w+ caller=\S+ component=\w+ msg="[^"]+"( \w+=("[^"]*"|\S+))+$`),
		&nginxAccess: regexp.MustCompile(`^[\d.]+ - \S+ \[[^\]]+\] "[A-Z]+ \S+ HTTP/2.0" \d{3} \d+ "[^"]+" "[^"]+" rt=[\d.]+ uct=[\d.]+ upstream=[\d.]+:8080$`),
		&javaApp:     regexp.MustCompile(`^[\d-]+ [\d:.]+ +[A-Z]+ +\[pool-\d-thread-\d+\] \S+ - .+`),
		&hdfsDaemon:  regexp.MustCompile(`^\d{6} \d{6} \d+ (INFO|WARN) dfs\.\S+: .*blk_-?\d+`),
		&sshdAuth:    regexp.MustCompile(`^May  1 [\d:]+ bastion-\d+ sshd\[\d+\]: \S`),
		&klogDaemon:  regexp.MustCompile(`^[IWE]0501 [\d:.]+ +\d+ \w+\.go:\d+\] "`),
	}
	broken := regexp.MustCompile(`(?i)connection (refused|reset)`)
	g := generator(t, small())
	bytes, brokenLines, traces, lines := map[*family]int{}, 0, 0, 0
	for _, b := range slicesOf(g) {
		for _, s := range b.Streams {
			l, _ := logproto.ParseLabels(s.Labels)
			f := appByName(l.Get("app")).family
			for _, e := range s.Entries {
				lines++
				bytes[f] += len(e.Line)
				if broken.MatchString(e.Line) {
					brokenLines++
					if f == &jsonApp {
						t.Errorf("a JSON line that the regex query would find: %s", e.Line)
					}
				}
				if f == &javaApp && strings.Contains(e.Line, "\n\tat ") {
					traces++
				}
				if f != &jsonApp {
					if !looks[f].MatchString(e.Line) {
						t.Errorf("no %s line: %s", f.name, e.Line)
					}
					continue
				}
				var fields struct {
					Level    string
					Status   int
					Duration float64 `json:"duration_ms"`
					Trace    string  `json:"trace_id"`
				}
				if err := json.Unmarshal([]byte(e.Line), &fields); err != nil {
					t.Errorf("no JSON: %v: %s", err, e.Line)
				}
				isError := fields.Level == "error"
				if isError != strings.Contains(e.Line, "error") || isError != (fields.Status >= 500) || len(fields.Trace) != 32 {
					t.Errorf("a JSON line that does not fit: %s", e.Line)
				}
			}
		}
	}
	for _, f := range families {
		want := 0.0
		for _, a := range apps {
			if a.family == f {
				want += a.share / 100
			}
		}
		if got := float64(bytes[f]) / float64(g.corpus.Size); math.Abs(got-want) > want/10 {
			t.Errorf("%s: %.3f of all bytes, want about %.3f", f.name, got, want)
		}
	}
	if brokenLines < lines/4000 || brokenLines > lines/200 || traces < 20 {
		t.Errorf("%d of %d lines tell of broken connections, %d have a stack trace", brokenLines, lines, traces)
	}
}

func TestPlants(t *testing.T) {
	sizes := []int64{1_000_000, 3_000_000, 12_000_000}
	for _, size := range sizes {
		c := small()
		c.Size = size
		g := generator(t, c)
		found := map[string]int{}
		for _, b := range slicesOf(g) {
			for _, s := range b.Streams {
				l, _ := logproto.ParseLabels(s.Labels)
				for _, e := range s.Entries {
					for _, p := range []string{g.Plants.Needle, g.Plants.Absent, g.Plants.Rare} {
						if strings.Contains(e.Line, p) {
							found[p]++
						}
					}
					if strings.Contains(e.Line, g.Plants.Rare) && l.Get("app") != "kubelet" {
						t.Errorf("the rare text is in a line of %s", l.Get("app"))
					}
				}
			}
		}
		if found[g.Plants.Needle] != 5 || found[g.Plants.Rare] != 6 || found[g.Plants.Absent] != 0 {
			t.Errorf("%d bytes: needle %d times, rare text %d times, absent needle %d times; want 5, 6, 0",
				size, found[g.Plants.Needle], found[g.Plants.Rare], found[g.Plants.Absent])
		}
	}
}

// How fast are bodies made? A server that takes them faster than this is not
// what limits a push.
func BenchmarkSlice(b *testing.B) {
	c := small()
	c.Size = 100 * maxSlice
	g := generator(b, c)
	b.SetBytes(maxSlice)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		g.Slice(n % g.Slices())
		n++
	}
}
