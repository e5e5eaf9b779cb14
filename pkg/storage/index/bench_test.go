package index_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/storage/index"
)

// manyStreams are those of a large cluster: 100,000 pods of 500 services.
func manyStreams() []labels.Labels {
	rnd := rand.New(rand.NewPCG(1, 1))
	sets := make([]labels.Labels, 100_000)
	for i := range sets {
		app := rnd.IntN(500)
		sets[i] = labels.FromStrings("cluster", "eu-1", "namespace", fmt.Sprint("team-", app%40), "service_name", fmt.Sprint("service-", app),
			"container", "main", "pod", fmt.Sprintf("service-%d-%08x", app, i))
	}
	return sets
}

// What does a new stream cost?
func BenchmarkHeadAdd(b *testing.B) {
	sets := manyStreams()
	b.ReportAllocs()
	for b.Loop() {
		newHead(sets)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(len(sets)), "ns/stream")
}

// How long does a query look for its streams, in memory and in a segment?
func BenchmarkSelect(b *testing.B) {
	sets := manyStreams()
	head := newHead(sets)
	reader, _ := open(b, sets)
	for _, bc := range []struct {
		name     string
		matchers []string
	}{
		{"one service", []string{"service_name", "=", "service-7"}},
		{"one pod of all", []string{"cluster", "=", "eu-1", "pod", "=", sets[77].Get("pod")}},
		{"all but one", []string{"cluster", "=", "eu-1", "service_name", "!=", "service-7"}},
		{"expression over pods", []string{"pod", "=~", "service-7-.+"}},
	} {
		ms := matchers(b, bc.matchers...)
		b.Run("head/"+bc.name, func(b *testing.B) {
			for b.Loop() {
				head.Select(ms)
			}
		})
		b.Run("segment/"+bc.name, func(b *testing.B) {
			for b.Loop() {
				reader.Select(ms)
			}
		})
	}
}

// How long does it take to write and to open the index of a segment?
func BenchmarkIndexFile(b *testing.B) {
	sets := manyStreams()
	data, _ := index.Append(nil, sets)
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			index.Append(nil, sets)
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := index.Open(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
