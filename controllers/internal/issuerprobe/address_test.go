package issuerprobe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestAddressesWhereNobodyIsAsked(t *testing.T) {
	tests := map[string]struct{ address, want string }{
		"loopback":                             {"127.0.0.1", "a loopback address"},
		"loopback, another one":                {"127.8.9.1", "a loopback address"},
		"loopback of IPv6":                     {"::1", "a loopback address"},
		"loopback, mapped into IPv6":           {"::ffff:127.0.0.1", "a loopback address"},
		"loopback, IPv4-compatible":            {"::127.0.0.1", "a loopback address"},
		"the metadata service of most clouds":  {"169.254.169.254", "a link-local address"},
		"the same, mapped into IPv6":           {"::ffff:169.254.169.254", "a link-local address"},
		"the same, through NAT64":              {"64:ff9b::a9fe:a9fe", "a link-local address"},
		"the same, through local NAT64":        {"64:ff9b:1::a9fe:a9fe", "a link-local address"},
		"the same, by a prefix of 48 bits":     {"64:ff9b:1:a9fe:a9:fe00:808:808", "a link-local address"},
		"the same, by a prefix of 56 bits":     {"64:ff9b:1:a9:fe:a9fe:808:808", "a link-local address"},
		"the same, by a prefix of 64 bits":     {"64:ff9b:1:0:a9:fea9:fe08:808", "a link-local address"},
		"Alibaba's, by a prefix of 48 bits":    {"64:ff9b:1:6464:64:c800:808:808", "a cloud's metadata service"},
		"public, through local NAT64":          {"64:ff9b:1::5db8:d822", ""},
		"credentials of pods on AWS, IPv6":     {"fd00:ec2::23", "a cloud's metadata service"},
		"the same, through 6to4":               {"2002:a9fe:a9fe::1", "a link-local address"},
		"credentials of containers":            {"169.254.170.2", "a link-local address"},
		"link-local of IPv6":                   {"fe80::1", "a link-local address"},
		"link-local of IPv6, by way of a link": {"fe80::1%eth0", "a link-local address"},
		"the metadata service of AWS, IPv6":    {"fd00:ec2::254", "a cloud's metadata service"},
		"the metadata service of Google, IPv6": {"fd20:ce::254", "a cloud's metadata service"},
		"the metadata service of Alibaba":      {"100.100.100.200", "a cloud's metadata service"},
		"the platform service of Azure":        {"168.63.129.16", "a cloud's metadata service"},
		"the metadata service of Oracle":       {"192.0.0.192", "a cloud's metadata service"},
		"unspecified":                          {"0.0.0.0", "an unspecified address"},
		"this network":                         {"0.0.0.8", "an unspecified address"},
		"unspecified of IPv6":                  {"::", "an unspecified address"},
		"multicast":                            {"239.1.2.3", "a multicast address"},
		"multicast of IPv6":                    {"ff05::2", "a multicast address"},
		"broadcast":                            {"255.255.255.255", "a multicast address"},
		"public":                               {"93.184.216.34", ""},
		"private, as issuers in clusters have": {"10.96.0.7", ""},
		"private of IPv6":                      {"fd12::7", ""},
		"carrier-grade NAT, as some pods have": {"100.64.0.7", ""},
		"public, through NAT64":                {"64:ff9b::5db8:d822", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := forbidden(netip.MustParseAddr(test.address)); got != test.want {
				t.Errorf("%s is %q, want %q", test.address, got, test.want)
			}
		})
	}
}

// A name is nothing to go by: it is whoever serves it that says where it leads.
func TestNamesThatLeadToForbiddenAddressesAreNotConnectedTo(t *testing.T) {
	elsewhere, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	_, port, err := net.SplitHostPort(elsewhere.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ address, want string }{
		"to the metadata service":       {"169.254.169.254", "a link-local address"},
		"to another one":                {"100.100.100.200", "a cloud's metadata service"},
		"to a listener of the operator": {"127.0.0.1", "a loopback address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn, err := Guarded(nameServer(t, test.address))(t.Context(), "tcp", net.JoinHostPort("auth.example.com", port))
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if refusal, ok := errors.AsType[*addressError](err); !ok || refusal.kind != test.want {
				t.Errorf("error %v, want that it is %s", err, test.want)
			}
		})
	}
}

// nameServer returns a resolver that finds every name at address.
func nameServer(t *testing.T, address string) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer, err := resolve(buffer[:n], netip.MustParseAddr(address)); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// resolve answers questions for IPv4 addresses, and that there is nothing else.
func resolve(question []byte, address netip.Addr) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: address.As4()},
		}}
	}
	return m.Pack()
}
