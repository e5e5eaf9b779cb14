package logcli

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

// statsColumn is where values begin, in tabs of eight columns.
const statsColumn = 5 * 8

// A statsWriter writes names and values in two columns.
type statsWriter struct{ strings.Builder }

func (w *statsWriter) line(name string, value any) {
	tabs := max(1, (statsColumn-len(name)-1+7)/8)
	fmt.Fprintf(w, "%s %s %v\n", name, strings.Repeat("\t", tabs), value)
}

func (w *statsWriter) bytes(name string, n int64) { w.line(name, humanize.Bytes(uint64(max(n, 0)))) }
func (w *statsWriter) nanos(name string, n int64) { w.line(name, time.Duration(n)) }
func (w *statsWriter) seconds(name string, s float64) {
	w.line(name, time.Duration(s*float64(time.Second)))
}

func (w *statsWriter) store(role string, s *loghttp.StoreStats) {
	w.line(role+".TotalChunksRef", s.TotalChunksRef)
	w.line(role+".TotalChunksDownloaded", s.TotalChunksDownloaded)
	w.nanos(role+".ChunksDownloadTime", s.ChunksDownloadTime)
	w.nanos(role+".ChunkRefsFetchTime", s.ChunkRefsFetchTime)
	w.bytes(role+".HeadChunkBytes", s.Chunk.HeadChunkBytes)
	w.line(role+".HeadChunkLines", s.Chunk.HeadChunkLines)
	w.bytes(role+".DecompressedBytes", s.Chunk.DecompressedBytes)
	w.line(role+".DecompressedLines", s.Chunk.DecompressedLines)
	w.line(role+".PostFilterLInes", s.Chunk.PostFilterLines) // so it is spelled where it is read
	w.bytes(role+".CompressedBytes", s.Chunk.CompressedBytes)
	w.line(role+".TotalDuplicates", s.Chunk.TotalDuplicates)
}

func (w *statsWriter) cache(name string, s *loghttp.CacheStats) {
	w.line(name+".Requests", s.Requests)
	w.line(name+".EntriesRequested", s.EntriesRequested)
	w.line(name+".EntriesFound", s.EntriesFound)
	w.line(name+".EntriesStored", s.EntriesStored)
	w.bytes(name+".BytesSent", s.BytesSent)
	w.bytes(name+".BytesReceived", s.BytesReceived)
}

// printStats shows what a query cost, on stderr.
func (c *cli) printStats(s *loghttp.Stats) {
	var w statsWriter
	w.line("Ingester.TotalReached", s.Ingester.TotalReached)
	w.line("Ingester.TotalChunksMatched", s.Ingester.TotalChunksMatched)
	w.line("Ingester.TotalBatches", s.Ingester.TotalBatches)
	w.line("Ingester.TotalLinesSent", s.Ingester.TotalLinesSent)
	w.seconds("Ingester.RecvWaitTime", s.Ingester.RecvWaitTime)
	w.store("Ingester", &s.Ingester.Store)
	w.store("Querier", &s.Querier.Store)
	w.line("Querier.QueryReferencedStructuredMetadata", s.Querier.Store.QueryReferencedStructuredMetadata)
	w.line("Querier.QueryUsedV2Engine", s.Querier.Store.QueryUsedV2Engine)
	w.cache("Cache.Chunk", &s.Cache.Chunk)
	w.nanos("Cache.Chunk.DownloadTime", s.Cache.Chunk.DownloadTime)
	w.cache("Cache.Index", &s.Cache.Index)
	w.nanos("Cache.Index.DownloadTime", s.Cache.Index.DownloadTime)
	w.cache("Cache.StatsResult", &s.Cache.StatsResult)
	w.cache("Cache.VolumeResult", &s.Cache.VolumeResult)
	w.cache("Cache.SeriesResult", &s.Cache.SeriesResult)
	w.cache("Cache.LabelResult", &s.Cache.LabelResult)
	w.nanos("Cache.Result.DownloadTime", s.Cache.Result.DownloadTime)
	w.cache("Cache.Result", &s.Cache.Result)
	w.cache("Cache.InstantMetricResult", &s.Cache.InstantMetricResult)
	w.nanos("Cache.InstantMetricResult.DownloadTime", s.Cache.InstantMetricResult.DownloadTime)
	w.bytes("Summary.BytesProcessedPerSecond", s.Summary.BytesProcessedPerSecond)
	w.line("Summary.LinesProcessedPerSecond", s.Summary.LinesProcessedPerSecond)
	w.bytes("Summary.TotalBytesProcessed", s.Summary.TotalBytesProcessed)
	w.line("Summary.TotalLinesProcessed", s.Summary.TotalLinesProcessed)
	w.line("Summary.PostFilterLines", s.Summary.TotalPostFilterLines)
	w.seconds("Summary.ExecTime", s.Summary.ExecTime)
	w.seconds("Summary.QueueTime", s.Summary.QueueTime)
	c.plainf("%s", w.String())
}
