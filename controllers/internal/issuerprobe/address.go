package issuerprobe

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// Dial connects to an issuer.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Guarded connects to where resolver says, the system's if it is nil, unless that
// is an address where the operator asks nobody. It is the resolved address that is
// judged, at the moment of connecting, so no name leads around it.
func Guarded(resolver *net.Resolver) Dial {
	dialer := &net.Dialer{Timeout: timeout, Resolver: resolver, ControlContext: guard}
	return dialer.DialContext
}

func guard(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &addressError{"what is no IP address"}
	}
	if kind := forbidden(to.Addr()); kind != "" {
		return &addressError{kind}
	}
	return nil
}

// addressError is why nobody is asked at an address.
type addressError struct{ kind string }

func (e *addressError) Error() string { return "the host leads to " + e.kind }

// metadataServices are addresses of clouds' metadata and platform services that
// are not link-local.
var metadataServices = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud
	netip.MustParseAddr("fd20:ce::254"),    // Google Cloud
}

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	broadcast   = netip.MustParseAddr("255.255.255.255")
	// amazon has the metadata service, credentials of pods, DNS and time of AWS.
	amazon = netip.MustParsePrefix("fd00:ec2::/32")
)

// forbidden returns what kind of address a is, if it is one where no issuer of
// pods is: what is loopback for the operator is another place than for them. It
// is "" otherwise, private addresses included, since issuers run in clusters.
func forbidden(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case a.IsLoopback():
		return "a loopback address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast(), a == broadcast:
		return "a multicast address"
	case a.IsUnspecified(), thisNetwork.Contains(a):
		return "an unspecified address"
	case slices.Contains(metadataServices, a), amazon.Contains(a):
		return "a cloud's metadata service"
	}
	if inner, ok := translated(a); ok {
		return cmp.Or(forbidden(inner), forbiddenLocally(a))
	}
	return ""
}

// localTranslation is for a network's own NAT64. How long the prefix is that it took of
// this one nobody can tell, and the IPv4 address begins at its end (RFC 6052 section 2.2).
var localTranslation = netip.MustParsePrefix("64:ff9b:1::/48")

// forbiddenLocally looks for IPv4 addresses where prefixes shorter than 96 bits have them. They
// are other things as a rule, so it goes by few.
func forbiddenLocally(a netip.Addr) string {
	if !localTranslation.Contains(a) {
		return ""
	}
	raw := a.As16()
	for _, inner := range [][4]byte{
		{raw[6], raw[7], raw[9], raw[10]}, {raw[7], raw[9], raw[10], raw[11]}, {raw[9], raw[10], raw[11], raw[12]},
	} {
		if to := netip.AddrFrom4(inner); to.IsLinkLocalUnicast() || slices.Contains(metadataServices, to) {
			return forbidden(to)
		}
	}
	return ""
}

// translations are the IPv6 prefixes whose addresses stand for IPv4 ones, and
// where in them those begin: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), and IPv4-compatible
// (RFC 4291 section 2.5.5.1).
var translations = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{localTranslation, 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

func translated(a netip.Addr) (netip.Addr, bool) {
	for _, t := range translations {
		if t.prefix.Contains(a) {
			raw := a.As16()
			return netip.AddrFromSlice(raw[t.at : t.at+4])
		}
	}
	return netip.Addr{}, false
}
