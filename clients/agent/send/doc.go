// Package send pushes entries to servers. A [Client] gathers entries into
// batches, one for each tenant, writes each batch to the journal of positions,
// and sends it until the server has taken it or never will:
//
//	Put ─▶ open batches ─▶ lanes ─▶ encode, journal ─▶ POST ─▶ Done: positions advance
//	       (batchsize, batchwait)                       ▲    │
//	                 │                                  └────┘ back off, again
//	                 └─▶ disk, while one of several clients is behind
//
// A Client holds a bounded number of bytes; beyond them Put blocks, and so files
// are not read further while the server is away. Where there are several clients
// a [Fan] gives entries to all, and none holds up the others: what one cannot take
// waits in its [position.Queue] on disk, and when that is full while the server
// is away, entries are put off, to be read again from their sources
// ([Client.Behind]). [Gate] applies the limits of limits_config.
//
// # What is retried
//
// Connection errors, 429 and 5xx are retried; any other answer than 2xx drops
// the batch, with the server's words in the log. Without max_retries in the
// configuration there is no end to retrying: what cannot be sent is not read.
//
// # Concurrency
//
// Any number of goroutines may Put. A client has as many lanes as batches may be
// on their way; the entries of one source take one lane ([entry.Labels.Family]),
// and so arrive in the order in which they were put.
package send
