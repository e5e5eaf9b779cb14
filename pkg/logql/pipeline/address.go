package pipeline

import (
	"net/netip"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
)

// addressMatcher finds an address of a set in a line.
type addressMatcher struct{ set *extract.Addresses }

func (m addressMatcher) match(line string) bool {
	for i := 0; i < len(line); {
		if !isAddressByte(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && isAddressByte(line[i]) {
			i++
		}
		if m.matchRun(line[start:i]) {
			return true
		}
	}
	return false
}

// isAddressByte reports whether c may be part of an address.
func isAddressByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' || c == '.' || c == ':'
}

// matchRun looks at characters of which addresses are made. They may be an IPv6
// address, or IPv4 addresses with ports.
func (m addressMatcher) matchRun(run string) bool {
	if strings.Count(run, ":") >= 2 {
		for _, s := range []string{run, strings.TrimRight(run, ".:"), strings.TrimLeft(run, ".:"), strings.Trim(run, ".:")} {
			if a, err := netip.ParseAddr(s); err == nil {
				return m.set.Has(a)
			}
		}
	}
	for run != "" {
		part := run
		if n := strings.IndexByte(run, ':'); n >= 0 {
			part, run = run[:n], run[n+1:]
		} else {
			run = ""
		}
		part = strings.Trim(part, ".abcdefABCDEF")
		if len(part) < len("0.0.0.0") || len(part) > len("255.255.255.255") {
			continue
		}
		if a, err := netip.ParseAddr(part); err == nil && m.set.Has(a) {
			return true
		}
	}
	return false
}
