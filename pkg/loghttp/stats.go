package loghttp

// Stats is the object "stats" of an answer. Clients count on every key, so all
// are written, whatever they hold. Times are in seconds, except that those in
// [StoreStats] and [CacheStats] are nanoseconds.
type Stats struct {
	Summary  SummaryStats  `json:"summary"`
	Querier  QuerierStats  `json:"querier"`
	Ingester IngesterStats `json:"ingester"`
	Cache    CachesStats   `json:"cache"`
	Index    IndexStats    `json:"index"`
}

// SummaryStats is what a query was about as a whole.
type SummaryStats struct {
	BytesProcessedPerSecond               int64   `json:"bytesProcessedPerSecond"`
	LinesProcessedPerSecond               int64   `json:"linesProcessedPerSecond"`
	TotalBytesProcessed                   int64   `json:"totalBytesProcessed"`
	TotalLinesProcessed                   int64   `json:"totalLinesProcessed"`
	ExecTime                              float64 `json:"execTime"`
	QueueTime                             float64 `json:"queueTime"`
	Subqueries                            int64   `json:"subqueries"`
	TotalEntriesReturned                  int64   `json:"totalEntriesReturned"`
	Splits                                int64   `json:"splits"`
	Shards                                int64   `json:"shards"`
	TotalPostFilterLines                  int64   `json:"totalPostFilterLines"`
	TotalStructuredMetadataBytesProcessed int64   `json:"totalStructuredMetadataBytesProcessed"`
}

// QuerierStats is what was read from segments.
type QuerierStats struct {
	Store           StoreStats `json:"store"`
	QuerierExecTime float64    `json:"querierExecTime"`
}

// IngesterStats is what was read from ingesters.
type IngesterStats struct {
	TotalReached       int64      `json:"totalReached"`
	TotalChunksMatched int64      `json:"totalChunksMatched"`
	TotalBatches       int64      `json:"totalBatches"`
	TotalLinesSent     int64      `json:"totalLinesSent"`
	Store              StoreStats `json:"store"`
	RecvWaitTime       float64    `json:"recvWaitTime"`
}

// StoreStats is what was read of chunks.
type StoreStats struct {
	TotalChunksRef                    int64           `json:"totalChunksRef"`
	TotalChunksDownloaded             int64           `json:"totalChunksDownloaded"`
	ChunksDownloadTime                int64           `json:"chunksDownloadTime"`
	QueryReferencedStructuredMetadata bool            `json:"queryReferencedStructuredMetadata"`
	QueryUsedV2Engine                 bool            `json:"queryUsedV2Engine"`
	Chunk                             ChunkStats      `json:"chunk"`
	ChunkRefsFetchTime                int64           `json:"chunkRefsFetchTime"`
	CongestionControlLatency          int64           `json:"congestionControlLatency"`
	PipelineWrapperFilteredLines      int64           `json:"pipelineWrapperFilteredLines"`
	DataObj                           DataObjectStats `json:"dataobj"`
}

// ChunkStats is what lay in chunks: of memory (head) and of segments.
type ChunkStats struct {
	HeadChunkBytes                      int64 `json:"headChunkBytes"`
	HeadChunkLines                      int64 `json:"headChunkLines"`
	DecompressedBytes                   int64 `json:"decompressedBytes"`
	DecompressedLines                   int64 `json:"decompressedLines"`
	CompressedBytes                     int64 `json:"compressedBytes"`
	TotalDuplicates                     int64 `json:"totalDuplicates"`
	PostFilterLines                     int64 `json:"postFilterLines"`
	HeadChunkStructuredMetadataBytes    int64 `json:"headChunkStructuredMetadataBytes"`
	DecompressedStructuredMetadataBytes int64 `json:"decompressedStructuredMetadataBytes"`
}

// DataObjectStats is about a storage engine that is not ours: always zero.
type DataObjectStats struct {
	PrePredicateDecompressedRows                    int64 `json:"prePredicateDecompressedRows"`
	PrePredicateDecompressedBytes                   int64 `json:"prePredicateDecompressedBytes"`
	PrePredicateDecompressedStructuredMetadataBytes int64 `json:"prePredicateDecompressedStructuredMetadataBytes"`
	PostPredicateRows                               int64 `json:"postPredicateRows"`
	PostPredicateDecompressedBytes                  int64 `json:"postPredicateDecompressedBytes"`
	PostPredicateStructuredMetadataBytes            int64 `json:"postPredicateStructuredMetadataBytes"`
	PostFilterRows                                  int64 `json:"postFilterRows"`
	PagesScanned                                    int64 `json:"pagesScanned"`
	PagesDownloaded                                 int64 `json:"pagesDownloaded"`
	PagesDownloadedBytes                            int64 `json:"pagesDownloadedBytes"`
	PageBatches                                     int64 `json:"pageBatches"`
	TotalRowsAvailable                              int64 `json:"totalRowsAvailable"`
	TotalPageDownloadTime                           int64 `json:"totalPageDownloadTime"`
}

// CachesStats is what each cache was asked for and had.
type CachesStats struct {
	Chunk               CacheStats `json:"chunk"`
	Index               CacheStats `json:"index"`
	Result              CacheStats `json:"result"`
	StatsResult         CacheStats `json:"statsResult"`
	VolumeResult        CacheStats `json:"volumeResult"`
	SeriesResult        CacheStats `json:"seriesResult"`
	LabelResult         CacheStats `json:"labelResult"`
	InstantMetricResult CacheStats `json:"instantMetricResult"`
}

// CacheStats is what one cache was asked for and had.
type CacheStats struct {
	EntriesFound      int64 `json:"entriesFound"`
	EntriesRequested  int64 `json:"entriesRequested"`
	EntriesStored     int64 `json:"entriesStored"`
	BytesReceived     int64 `json:"bytesReceived"`
	BytesSent         int64 `json:"bytesSent"`
	Requests          int64 `json:"requests"`
	DownloadTime      int64 `json:"downloadTime"`
	QueryLengthServed int64 `json:"queryLengthServed"`
}

// IndexStats is what the index was asked for.
type IndexStats struct {
	TotalChunks         int64   `json:"totalChunks"`
	PostFilterChunks    int64   `json:"postFilterChunks"`
	ShardsDuration      int64   `json:"shardsDuration"`
	UsedBloomFilters    bool    `json:"usedBloomFilters"`
	TotalStreams        int64   `json:"totalStreams"`
	ChunkRefsLookupTime float64 `json:"chunkRefsLookupTime"`
	BloomFilterTime     float64 `json:"bloomFilterTime"`
}
