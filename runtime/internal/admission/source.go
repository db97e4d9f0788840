package admission

import (
	"net/http"
	"net/netip"
	"strings"
)

const (
	maxForwardedBytes = 64
	// subnetBits is what one subscriber of IPv6 has at least: addresses inside of
	// it cost nothing.
	subnetBits = 64
)

// Source tells requests apart by where they come from: the peer's address and,
// behind a proxy, the address that the proxy saw, which is the last one of
// X-Forwarded-For. Where there is no proxy a caller can write that itself; it is
// good for sharing what is scarce and for nothing else.
func Source(req *http.Request) string {
	peer := req.RemoteAddr
	if addr, err := netip.ParseAddrPort(peer); err == nil {
		peer = network(addr.Addr())
	}
	forwarded := req.Header["X-Forwarded-For"]
	if len(forwarded) == 0 {
		return peer
	}
	list := forwarded[len(forwarded)-1]
	last := strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
	if addr, err := netip.ParseAddr(last); err == nil {
		last = network(addr)
	}
	return peer + " " + last[:min(len(last), maxForwardedBytes)]
}

func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	prefix, err := a.Prefix(subnetBits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
