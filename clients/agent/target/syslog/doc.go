// Package syslog receives what syslog daemons and devices send, over TCP, TLS
// or UDP.
//
//	TCP, TLS   framer (octet counts or lines)  ─┐
//	UDP        a message each datagram          ├─▶ parse ─▶ labels ─▶ feed
//
// A message is of RFC 5424 or of RFC 3164, as the config says. What cannot be
// parsed is counted and left out: a listener is open to the network, and one
// sender's mistake is not another's.
//
// # Bytes from outside
//
// A message is kept up to max_message_length, and a length that a sender claims
// costs nothing before its bytes have come. A connection on which nothing comes
// for idle_timeout is closed.
//
// # What may be lost
//
// Senders over TCP wait while there is no room for entries; what they had sent
// when the agent is killed is lost, as syslog has no acknowledgements. UDP has
// nobody who waits.
//
// # Concurrency
//
// A Target runs a goroutine for each connection, and ends them all before Run
// returns.
package syslog
