package oauthtest

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

// Server is a Handler that listens on a loopback port until its test ends.
type Server struct {
	*Handler
	// URL is the base URL of the listener, without the issuer's path.
	URL string

	t    testing.TB
	http *httptest.Server
}

// Option changes the server that New starts.
type Option func(*settings)

type settings struct {
	Config
	path string
	tls  bool
}

// With changes the configuration. An Issuer that it sets is kept, for a server
// that is reached through something else than its own address.
func With(change func(*Config)) Option { return func(s *settings) { change(&s.Config) } }

// WithIssuerPath appends path to the issuer, for example "/realms/acme" or "/".
func WithIssuerPath(path string) Option { return func(s *settings) { s.path = path } }

// WithTLS serves https; see Client and CAPEM.
func WithTLS() Option { return func(s *settings) { s.tls = true } }

// WithAudience sets Config.Audience.
func WithAudience(audience string) Option {
	return With(func(c *Config) { c.Audience = audience })
}

// WithAlgorithm sets Config.Algorithm.
func WithAlgorithm(algorithm jwa.SignatureAlgorithm) Option {
	return With(func(c *Config) { c.Algorithm = algorithm })
}

// WithClient adds to Config.Clients.
func WithClient(client Client) Option {
	return With(func(c *Config) { c.Clients = append(c.Clients, client) })
}

// WithNow sets Config.Now.
func WithNow(now func() time.Time) Option { return With(func(c *Config) { c.Now = now }) }

// AutoApprove sets Config.AutoApprove.
func AutoApprove(subject string) Option {
	return With(func(c *Config) { c.AutoApprove = subject })
}

// New starts a server that stops when the test ends. Authorization requests are
// approved for [DefaultSubject] unless With sets AutoApprove to "".
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	t.Cleanup(func() {
		listener.CloseClientConnections() // ends the requests that a fault holds
		listener.Close()
	})
	s := &settings{Config: Config{AutoApprove: DefaultSubject}}
	for _, option := range options {
		option(s)
	}
	base := "http://" + listener.Listener.Addr().String()
	if s.tls {
		base = "https://" + listener.Listener.Addr().String()
	}
	if s.Issuer == "" {
		s.Issuer = base + s.path
	}
	handler, err := NewHandler(s.Config)
	if err != nil {
		t.Fatalf("starting the authorization server: %v", err)
	}
	listener.Config.Handler = handler
	if s.tls {
		listener.StartTLS()
	} else {
		listener.Start()
	}
	return &Server{Handler: handler, URL: base, t: t, http: listener}
}

// Token is Mint for tests: it ends the test when the token cannot be made.
func (s *Server) Token(claims Claims, options ...TokenOption) string {
	s.t.Helper()
	token, err := s.Mint(claims, options...)
	if err != nil {
		s.t.Fatalf("minting a token: %v", err)
	}
	return token
}

// Rotate is Handler.Rotate for tests: it ends the test when there is no such
// algorithm.
func (s *Server) Rotate(algorithm jwa.SignatureAlgorithm) *Key {
	s.t.Helper()
	key, err := s.Handler.Rotate(algorithm)
	if err != nil {
		s.t.Fatalf("rotating the signing key: %v", err)
	}
	return key
}

// Client trusts the server's certificate.
func (s *Server) Client() *http.Client { return s.http.Client() }

// CAPEM is the certificate, in PEM, that https clients have to trust. The server
// must have been started WithTLS.
func (s *Server) CAPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
}
