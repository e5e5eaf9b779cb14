// Package send pushes entries to servers. A [Client] gathers entries into
// batches, one for each tenant, writes each batch to the journal of positions,
// and sends it until the server has taken it or never will:
//
//	Put ─▶ open batches ─▶ queue ─▶ encode, journal ─▶ POST ─▶ Done: positions advance
//	       (batchsize, batchwait)                      ▲    │
//	                                                   └────┘ back off, again
//
// A Client holds a bounded number of bytes; beyond them Put blocks, and so files
// are not read further while the server is away. [Fan] gives entries to several
// clients, each with its own queue; [Gate] applies the limits of limits_config.
//
// # What is retried
//
// Connection errors, 429 and 5xx are retried; any other answer than 2xx drops
// the batch, with the server's words in the log. Without max_retries in the
// configuration there is no end to retrying: what cannot be sent is not read.
//
// # Concurrency
//
// Any number of goroutines may Put. One batch of a client is on its way at a
// time, so entries arrive in the order in which they were put.
package send
