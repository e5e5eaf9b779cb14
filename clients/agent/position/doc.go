// Package position keeps the agent's promise about sources that can be read
// again: nothing is lost, and what a server acknowledged is not sent to it again.
//
//	Track   one source's offsets, and which of them are settled
//	Set     a set of offsets: all below one, and ranges above
//	Ledger  what became of all lines
//
// Sources, stages, clients and the agent may use it; it knows none of them.
package position
