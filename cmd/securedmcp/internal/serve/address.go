package serve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// concretePort returns address with a free port in place of port 0: the port is
// part of the resource, which has to be known before the runtime listens.
func concretePort(ctx context.Context, flag, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%w: %s %q: want HOST:PORT, for example 127.0.0.1:8080", ErrUsage, flag, address)
	}
	if port != "0" {
		return address, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	defer listener.Close()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	return net.JoinHostPort(host, port), err
}

// onlyLoopback refuses to listen where other machines could come in.
func onlyLoopback(flag, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s %q: want HOST:PORT, for example 127.0.0.1:9000", ErrUsage, flag, address)
	}
	if ip, err := netip.ParseAddr(host); host == "localhost" || err == nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%w: %s %q: want a loopback address, for example 127.0.0.1:9000: whoever reaches it gets any token", ErrUsage, flag, address)
}

// loopbackURL is the http URL of address for clients on this machine. Plain http
// is for loopback hosts only.
func loopbackURL(flag, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%w: %s %q: want HOST:PORT, for example 127.0.0.1:8080", ErrUsage, flag, address)
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || err == nil && ip.IsUnspecified():
		host = "127.0.0.1"
	case host != "localhost" && (err != nil || !ip.IsLoopback()):
		return "", fmt.Errorf("%w: %s %q: want a loopback address, since this is plain http", ErrUsage, flag, address)
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
