package parts

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
)

// Ports are given from below those that systems hand out by themselves, or an
// outgoing connection could take one before the program listens there, and while
// it is down. Test processes run side by side, so each claims a span of them, by
// listening on the first.
const (
	firstPort = 20_000
	spanPorts = 64
	spans     = 190
)

var ports struct {
	sync.Mutex
	free  []int          // those given back last are given last
	locks []net.Listener // of the spans of this process, held until it ends
}

// Port returns a port of 127.0.0.1 that nobody listens on. It is the test's own
// until it ends, also while nothing listens there.
func Port(tb testing.TB) string {
	tb.Helper()
	ports.Lock()
	defer ports.Unlock()
	for {
		if len(ports.free) == 0 {
			if err := claimLocked(); err != nil {
				tb.Fatal(err)
			}
		}
		port := ports.free[0]
		ports.free = ports.free[1:]
		if !unused(port) {
			continue
		}
		tb.Cleanup(func() {
			ports.Lock()
			defer ports.Unlock()
			ports.free = append(ports.free, port)
		})
		return strconv.Itoa(port)
	}
}

// Addr is [Port] with its host: 127.0.0.1:port.
func Addr(tb testing.TB) string {
	tb.Helper()
	return "127.0.0.1:" + Port(tb)
}

// claimLocked makes a span of ports that of this process.
func claimLocked() error {
	for n := range spans {
		first := firstPort + (os.Getpid()+n)%spans*spanPorts
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", first))
		if err != nil {
			continue // another's
		}
		ports.locks = append(ports.locks, l)
		for port := first + 1; port < first+spanPorts; port++ {
			ports.free = append(ports.free, port)
		}
		return nil
	}
	return fmt.Errorf("all ports from %d to %d are taken", firstPort, firstPort+spans*spanPorts-1)
}

// unused reports whether nobody has a port, on any address.
func unused(port int) bool {
	addr := fmt.Sprint(":", port)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	_ = l.Close()
	p, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	_ = p.Close()
	return true
}
