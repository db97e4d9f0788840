// Package redistest runs Debian's redis-server in tests.
package redistest

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/securedmcp/operator/test/freeport"
)

// Server is a redis-server on a loopback port that it keeps when it is started
// again. It stops when the test ends.
type Server struct {
	// Addr is host:port.
	Addr string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
}

// Option changes the server that Start starts.
type Option func(port string) []string

// WithPassword has the server ask for the password.
func WithPassword(password string) Option {
	return func(string) []string { return []string{"--requirepass", password} }
}

// WithTLS has the server speak TLS, and nothing else, with a certificate and its
// key in PEM files.
func WithTLS(certFile, keyFile string) Option {
	return func(port string) []string {
		return []string{
			"--port", "0", "--tls-port", port, "--tls-cert-file", certFile, "--tls-key-file", keyFile,
			"--tls-ca-cert-file", certFile, "--tls-auth-clients", "no",
		}
	}
}

// Start starts a redis-server without data and, unless an option says
// otherwise, without password.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	port, err := freeport.Pick()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: net.JoinHostPort("127.0.0.1", port), t: t}
	s.args = []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}
	for _, option := range options {
		s.args = append(s.args, option(port)...)
	}
	t.Cleanup(s.Stop)
	s.Restart()
	return s
}

// Stop kills the server; what it held is gone.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Restart starts the server anew, and returns when it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatalf("%v: install Debian's redis-server, as make test does", err)
	}
	s.cmd = exec.Command(path, append(s.args, "--dir", s.t.TempDir())...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); {
		if conn, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", s.Addr); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(5 * time.Millisecond) // a process that is not ours cannot be waited for otherwise
	}
	s.t.Fatal("redis-server did not start")
}
