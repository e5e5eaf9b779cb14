package syslog

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// nameTime is how long a name may take to be found.
	nameTime = time.Second
	// nameAge is how long a name is believed, or that there is none.
	nameAge = 5 * time.Minute
	// maxNames is how many names are known at once.
	maxNames = 10_000
)

// names finds the host names of addresses, and remembers them.
type names struct {
	lookup func(ctx context.Context, address string) ([]string, error)

	mu    sync.Mutex // guards the field below
	known map[string]knownName
}

type knownName struct {
	name  string
	until time.Time
}

func newNames() *names {
	return &names{lookup: net.DefaultResolver.LookupAddr, known: map[string]knownName{}}
}

// of returns the name of an address, or nothing.
func (n *names) of(address string) string {
	now := time.Now()
	n.mu.Lock()
	k, ok := n.known[address]
	n.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.name
	}
	ctx, cancel := context.WithTimeout(context.Background(), nameTime)
	defer cancel()
	k = knownName{until: now.Add(nameAge)}
	if found, err := n.lookup(ctx, address); err == nil && len(found) > 0 {
		k.name = strings.TrimSuffix(found[0], ".")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= maxNames {
		clear(n.known)
	}
	n.known[address] = k
	return k.name
}
