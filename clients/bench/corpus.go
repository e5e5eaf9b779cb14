package bench

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
)

// The corpus by default: six hours of 132 streams.
const (
	DefaultSize    = 629_000_000
	DefaultStreams = 132
	Span           = 6 * time.Hour
)

// A slice, and so a push, has about maxSlice bytes of lines. A small corpus has
// leastSlices of fewer bytes: servers take lines that are late by minutes, not
// by hours.
const (
	maxSlice    = 1_000_000
	leastSlices = 72
)

// A Corpus says what logs to make. Equal ones make equal logs.
type Corpus struct {
	Seed    uint64 `json:"seed"`
	Size    int64  `json:"size"` // bytes of lines, about
	Streams int    `json:"streams"`
	// Start is the time of the first entry, a whole minute. The last entry is
	// less than Span later.
	Start time.Time `json:"start"`
	// Metadata adds a trace_id as structured metadata to some entries.
	Metadata bool `json:"metadata,omitempty"`
}

// DefaultStart is the latest start, by the quarter of a day, of a corpus that is
// over by now.
func DefaultStart(now time.Time) time.Time {
	return now.UTC().Add(-Span).Truncate(Span)
}

// Validate reports what cannot be made.
func (c Corpus) Validate() error {
	switch {
	case c.Size < maxSlice || c.Size > 1<<40:
		return fmt.Errorf("a size of %d bytes: want 1 MB to 1 TB", c.Size)
	case c.Streams < len(apps) || c.Streams > 1<<20:
		return fmt.Errorf("%d streams: want %d to %d, at least one for each app", c.Streams, len(apps), 1<<20)
	case c.Start.IsZero() || !c.Start.Equal(c.Start.Truncate(time.Minute)):
		return fmt.Errorf("a start at %s: want a whole minute", c.Start.Format(time.RFC3339Nano))
	}
	return nil
}

// End is the first instant after the corpus.
func (c Corpus) End() time.Time { return c.Start.Add(Span) }

// An app is a program of which several pods log, each into a stream.
type app struct {
	name, namespace string
	family          *family
	pods            int     // of DefaultStreams
	share           float64 // of all bytes, in percent
}

// apps add up to DefaultStreams pods and a hundred percent.
var apps = []app{
	{"gateway", "shop", &jsonApp, 12, 15},
	{"orders", "shop", &jsonApp, 8, 9},
	{"catalog", "shop", &jsonApp, 8, 6},
	{"payments", "shop", &jsonApp, 8, 5},
	{"search", "platform", &logfmtApp, 10, 8},
	{"scheduler", "platform", &logfmtApp, 8, 4},
	{"mailer", "platform", &logfmtApp, 6, 3},
	{"edge", "ingress", &nginxAccess, 12, 13},
	{"static", "ingress", &nginxAccess, 8, 6},
	{"invoices", "billing", &javaApp, 8, 7},
	{"reports", "billing", &javaApp, 6, 4},
	{"datanode", "hadoop", &hdfsDaemon, 12, 7},
	{"namenode", "hadoop", &hdfsDaemon, 2, 2},
	{"bastion", "access", &sshdAuth, 6, 4},
	{"kubelet", "kube-system", &klogDaemon, 10, 4},
	{"kube-scheduler", "kube-system", &klogDaemon, 4, 1.5},
	{"kube-controller", "kube-system", &klogDaemon, 4, 1.5},
}

// appByName returns nil for a name that no app has.
func appByName(name string) *app {
	for i := range apps {
		if apps[i].name == name {
			return &apps[i]
		}
	}
	return nil
}

// A family is a kind of lines.
type family struct {
	name string
	mean float64 // bytes of a line, about
	line func(*slice, *source)
}

// families are all there are, in the order of the docs.
var families = []*family{&jsonApp, &logfmtApp, &nginxAccess, &javaApp, &hdfsDaemon, &sshdAuth, &klogDaemon}

// A source is what one stream's lines come from.
type source struct {
	app    *app
	labels string // {app="gateway", …}
	pod    string
	node   int
	pid    int
}

// A Generator makes the lines of a corpus. It is not changed by that: any number
// of goroutines may ask for slices.
type Generator struct {
	corpus  Corpus
	sources []source
	upTo    []float64 // by source: the share of all lines up to and including it
	vocab   vocabulary
	Plants  Plants
}

// NewGenerator prepares what all slices share. It returns an error for a corpus
// that does not validate.
func NewGenerator(c Corpus) (*Generator, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Start = c.Start.UTC()
	g := &Generator{corpus: c}
	rnd := rand.New(rand.NewPCG(c.Seed, math.MaxUint64))
	g.vocab = newVocabulary(rnd)
	g.Plants = newPlants(rnd)
	total := 0.0
	for i := range apps {
		a := &apps[i]
		pods := podsOf(i, c.Streams)
		weights := 0.0
		for k := range pods {
			weights += podWeight(k)
		}
		hash := hexDigits(rnd, 9)
		for k := range pods {
			s := source{app: a, node: rnd.IntN(24), pid: 300 + rnd.IntN(30_000)}
			s.pod = fmt.Sprintf("%s-%s-%s", a.name, hash, hexDigits(rnd, 5))
			s.labels = fmt.Sprintf(`{app=%q, cluster="bench", container=%q, namespace=%q, node="node-%02d", pod=%q}`,
				a.name, a.name, a.namespace, s.node, s.pod)
			total += a.share / a.family.mean * podWeight(k) / weights
			g.sources = append(g.sources, s)
			g.upTo = append(g.upTo, total)
		}
	}
	for i := range g.upTo {
		g.upTo[i] /= total
	}
	return g, nil
}

// podWeight says that some pods log more than others.
func podWeight(k int) float64 { return 1 / math.Sqrt(float64(k+1)) }

// podsOf shares streams out to the apps: one each, the others in proportion.
func podsOf(i, streams int) int {
	before := 0
	for _, a := range apps[:i] {
		before += a.pods - 1
	}
	spare, all := streams-len(apps), DefaultStreams-len(apps)
	return 1 + (before+apps[i].pods-1)*spare/all - before*spare/all
}

// Corpus is what is made.
func (g *Generator) Corpus() Corpus { return g.corpus }

// Slices is how many slices there are.
func (g *Generator) Slices() int {
	return max(int((g.corpus.Size+maxSlice-1)/maxSlice), leastSlices)
}

// Slice makes the n-th slice: entries of most streams, each stream's in order of
// time and all of them later than the slices before. Timestamps are unique in
// the corpus, and none is a whole second.
func (g *Generator) Slice(n int) *model.Batch {
	s := newSlice(g, n)
	entries := make([][]model.Entry, len(g.sources))
	line := func(i int) {
		s.begin()
		g.sources[i].app.family.line(s, &g.sources[i])
		entries[i] = append(entries[i], s.entry())
	}
	for s.done < s.goal {
		line(min(sort.SearchFloat64s(g.upTo, s.rnd.Float64()), len(g.sources)-1))
	}
	// No line so far was one to plant in: a small slice has few of some apps.
	for p, name := range plantApps {
		for s.planted[p] > 0 {
			line(slices.IndexFunc(g.sources, func(src source) bool { return src.app.name == name }))
		}
	}
	b := &model.Batch{}
	for i, e := range entries {
		if len(e) > 0 {
			b.Streams = append(b.Streams, model.Stream{Labels: g.sources[i].labels, Entries: e})
		}
	}
	return b
}

// Ordered returns the entries of a batch in order of time, each with the labels
// of its stream.
func Ordered(b *model.Batch) (entries []model.Entry, labels []string) {
	type row struct {
		entry  model.Entry
		labels string
	}
	var rows []row
	for _, s := range b.Streams {
		for _, e := range s.Entries {
			rows = append(rows, row{e, s.Labels})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.entry.Timestamp, b.entry.Timestamp) })
	for _, r := range rows {
		entries, labels = append(entries, r.entry), append(labels, r.labels)
	}
	return entries, labels
}
