// Package deadlink stands between a client and a server in tests, and can go dead as
// a network does: connections stay open and nothing comes through them.
package deadlink

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Link leads connections to a server until the test ends.
type Link struct {
	// Addr is host:port.
	Addr string

	to       string
	listener net.Listener

	mu   sync.Mutex
	open []*half
}

// New returns a Link to the server at an address.
func New(t testing.TB, to string) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{Addr: listener.Addr().String(), to: to, listener: listener}
	go l.accept()
	t.Cleanup(l.close)
	return l
}

// Cut has nothing more come through the connections that are open. Those to come
// are led on.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.open {
		h.cut()
	}
}

func (l *Link) close() {
	l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.open {
		h.Close()
	}
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.to)
		if err != nil {
			client.Close()
			continue
		}
		a, b := &half{Conn: client}, &half{Conn: server}
		l.mu.Lock()
		l.open = append(l.open, a, b)
		l.mu.Unlock()
		go l.copy(a, b)
		go l.copy(b, a)
	}
}

// copy ends both when one ends.
func (l *Link) copy(to, from *half) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}

// half is a connection that swallows what is written once it is cut.
type half struct {
	net.Conn

	mu   sync.Mutex
	dead bool
}

func (h *half) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead = true
}

func (h *half) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead {
		return len(b), nil
	}
	return h.Conn.Write(b)
}
