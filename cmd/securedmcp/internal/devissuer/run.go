package devissuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/securedmcp/operator/cmd/securedmcp/authserver"
)

// Options are those of a development authorization server on its own.
type Options struct {
	// Listen is the address to listen on.
	Listen string
	// Issuer is the issuer identifier, as clients reach the server. Default: the
	// listener's own address.
	Issuer string
	TLS    TLS
	// Audience is the aud of tokens for which no resource was asked.
	Audience string
	// Scopes are advertised.
	Scopes []string
	// AutoApprove approves every authorization request for this subject, without
	// a page. Default: a person decides.
	AutoApprove string
	// Subjects are offered on the page.
	Subjects []string
	// Stderr gets what a person has to know.
	Stderr io.Writer
}

// ErrUsage marks options that contradict each other.
var ErrUsage = errors.New("usage")

// Run serves until ctx ends.
func Run(ctx context.Context, o Options) error {
	if (o.TLS.CertFile == "") != (o.TLS.KeyFile == "") {
		return fmt.Errorf("%w: want both --tls-cert and --tls-key, or neither", ErrUsage)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("opening the listener: %w", err)
	}
	defer listener.Close()
	o.Issuer = cmp.Or(o.Issuer, ownAddress(listener, o.TLS))
	handler, err := authserver.NewHandler(o.config())
	if err != nil {
		return fmt.Errorf("%w: --issuer: %w", ErrUsage, err)
	}
	o.announce(listener.Addr())
	return Serve(ctx, listener, handler, o.TLS)
}

func (o Options) config() authserver.Config {
	return authserver.Config{
		Issuer: o.Issuer, Audience: o.Audience, Scopes: o.Scopes,
		AutoApprove: o.AutoApprove, Subjects: o.Subjects,
		Clients: []authserver.Client{Client()},
	}
}

func ownAddress(listener net.Listener, tls TLS) string {
	if tls.CertFile != "" {
		return "https://" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}

func (o Options) announce(addr net.Addr) {
	approval := "a person approves on a page, as anyone"
	if o.AutoApprove != "" {
		approval = "every request is approved, for the subject " + o.AutoApprove
	}
	fmt.Fprintf(o.Stderr, `##############################################################################
## DEVELOPMENT AUTHORIZATION SERVER. NOT FOR PRODUCTION.                    ##
## It checks no password, believes anyone, forgets everything when it ends. ##
## Whoever reaches it gets any token. Never let it guard anything.          ##
##############################################################################
issuer    %s
listening %s
approval  %s
client    %s, secret %s (others register themselves)
`, o.Issuer, addr, approval, ClientID, ClientSecret)
}
