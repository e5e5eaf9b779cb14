package extract

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Addresses are those from one to another. They never change.
type Addresses struct {
	first, last netip.Addr
}

// NewAddresses reads an address, a CIDR block, or a range first-last.
func NewAddresses(text string) (*Addresses, error) {
	if first, last, ok := strings.Cut(text, "-"); ok {
		a, err := netip.ParseAddr(strings.TrimSpace(first))
		b, err2 := netip.ParseAddr(strings.TrimSpace(last))
		if err != nil || err2 != nil || a.Is4() != b.Is4() || b.Less(a) {
			return nil, badAddress(text)
		}
		return &Addresses{a, b}, nil
	}
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, badAddress(text)
		}
		p = p.Masked()
		return &Addresses{p.Addr(), lastOf(p)}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return nil, badAddress(text)
	}
	return &Addresses{a, a}, nil
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

// Has reports whether a is one of them. An IPv4 address written as IPv6, as
// in ::ffff:10.0.0.1, is an IPv6 address here.
func (s *Addresses) Has(a netip.Addr) bool {
	a = a.WithZone("")
	return a.Is4() == s.first.Is4() && s.first.Compare(a) <= 0 && a.Compare(s.last) <= 0
}

// minAddressText is how long the text of an address is at least.
const minAddressText = 4

// HasText reports whether the text of a label is the address of one of them. Text that
// is no address is not.
func (s *Addresses) HasText(text string) bool {
	if len(text) < minAddressText {
		return false // Loki's filter sees no address in a text as short as ::1.
	}
	a, err := netip.ParseAddr(text)
	return err == nil && s.Has(a)
}

// Range4 are the first and the last of them as numbers; ok is false where they are of
// IPv6.
func (s *Addresses) Range4() (first, last uint32, ok bool) {
	if !s.first.Is4() {
		return 0, 0, false
	}
	a, b := s.first.As4(), s.last.As4()
	return binary.BigEndian.Uint32(a[:]), binary.BigEndian.Uint32(b[:]), true
}

// CommonText is a text that all of them have where they are written as [Addresses.HasText]
// and searches in lines want it; ok is false where there is none, or it may be
// written in several ways.
func (s *Addresses) CommonText() (text string, ok bool) {
	first, last, ok := s.Range4()
	if !ok {
		return "", false
	}
	if first == last {
		return s.first.String(), true
	}
	for shift := 24; shift > 0 && first>>shift == last>>shift; shift -= 8 {
		text += strconv.Itoa(int(first>>shift&0xff)) + "."
	}
	return text, text != ""
}
