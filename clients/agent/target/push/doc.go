// Package push receives what other agents push: the loki_push_api of a scrape
// config, on a port of its own.
//
//	/loki/api/v1/push        any body that the push API takes
//	/promtail/api/v1/raw     text, a line for each entry
//	/ready
//
// A push is answered with 204 once its entries are with the sink, which is to be
// one that keeps what it takes; until then the client waits. A client that is
// told anything else sends it again, and then some of its entries may be there
// twice.
//
// # Bytes from outside
//
// Bodies are bounded by max_send_msg_size, before and after decompression, and
// all that are read at once by a few times that.
//
// # Concurrency
//
// A Target serves any number of requests at once, and waits for them at its end.
package push
