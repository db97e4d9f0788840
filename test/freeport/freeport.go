// Package freeport finds ports for servers that tests start as processes of
// their own, or start again on the same port.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Linux gives connections, and listeners that do not care, ports from 32768 on.
const (
	first = 10_000
	last  = 30_000
)

// Pick returns a port of 127.0.0.1 that nobody listens on and that no connection
// is given, so that it is still free when a process gets to it.
func Pick() (port string, err error) {
	for range 100 {
		port = strconv.Itoa(first + rand.IntN(last-first))
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			return port, l.Close()
		}
	}
	return "", fmt.Errorf("no port between %d and %d is free: %w", first, last, err)
}
