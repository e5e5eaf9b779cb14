package pipeline

import (
	"fmt"
	"net/netip"
	"strings"
)

// An addressSet is the addresses from first to last.
type addressSet struct {
	first, last netip.Addr
}

// newAddressSet reads an address, a CIDR block, or a range first-last.
func newAddressSet(text string) (addressSet, error) {
	if first, last, ok := strings.Cut(text, "-"); ok {
		a, err := netip.ParseAddr(strings.TrimSpace(first))
		b, err2 := netip.ParseAddr(strings.TrimSpace(last))
		if err != nil || err2 != nil || a.Is4() != b.Is4() || b.Less(a) {
			return addressSet{}, badAddress(text)
		}
		return addressSet{a, b}, nil
	}
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return addressSet{}, badAddress(text)
		}
		p = p.Masked()
		return addressSet{p.Addr(), lastOf(p)}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return addressSet{}, badAddress(text)
	}
	return addressSet{a, a}, nil
}

func badAddress(text string) error { return fmt.Errorf("ip: invalid pattern: %q", text) }

// lastOf is the last address of a block.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// contains reports whether a is in the set. An IPv4 address written as IPv6, as
// in ::ffff:10.0.0.1, is an IPv6 address here.
func (s addressSet) contains(a netip.Addr) bool {
	a = a.WithZone("")
	return a.Is4() == s.first.Is4() && s.first.Compare(a) <= 0 && a.Compare(s.last) <= 0
}

// addressMatcher finds an address of a set in a line.
type addressMatcher struct{ set addressSet }

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
				return m.set.contains(a)
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
		if a, err := netip.ParseAddr(part); err == nil && m.set.contains(a) {
			return true
		}
	}
	return false
}
