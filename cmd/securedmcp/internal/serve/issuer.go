package serve

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/securedmcp/operator/cmd/securedmcp/authserver"
	"github.com/securedmcp/operator/cmd/securedmcp/internal/devissuer"
)

// devSubject is who the printed token is about.
const devSubject = "dev-user"

// issuer is the development authorization server beside the runtime.
type issuer struct {
	*authserver.Handler
	listener net.Listener
	// served is what it issues tokens for; it changes with the manifest.
	served atomic.Pointer[rendering]
}

func newIssuer(ctx context.Context, address string) (*issuer, error) {
	if err := onlyLoopback("--dev-issuer", address); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening the listener of the development authorization server: %w", err)
	}
	i := &issuer{listener: listener}
	if i.Handler, err = i.newHandler(); err != nil {
		listener.Close()
		return nil, err
	}
	return i, nil
}

func (i *issuer) newHandler() (*authserver.Handler, error) {
	base, err := loopbackURL("--dev-issuer", i.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	return authserver.NewHandler(authserver.Config{
		Issuer:      base,
		Clients:     []authserver.Client{devissuer.Client()},
		Subjects:    []string{devSubject},
		AudienceFor: i.audienceFor,
	})
}

// audienceFor gives tokens for the resource, or for none in particular, the
// audience that the manifest asks for.
func (i *issuer) audienceFor(resource string) string {
	r := i.served.Load()
	if r == nil || resource != "" && resource != r.config.Resource {
		return resource
	}
	return r.config.Audience
}

// token has every scope of the manifest.
func (i *issuer) token() (string, error) {
	return i.Mint(authserver.Claims{
		"sub":       devSubject,
		"client_id": devissuer.ClientID,
		"scope":     strings.Join(i.served.Load().scopes(), " "),
	})
}

// scopes are those that the manifest declares.
func (r *rendering) scopes() []string {
	var names []string
	for _, scope := range r.config.Scopes {
		names = append(names, scope.Name)
	}
	return names
}

// fewerScopes is enough to come through the door, and less than everything when
// there is less to have.
func (r *rendering) fewerScopes() []string {
	if len(r.config.RequiredScopes) > 0 {
		return r.config.RequiredScopes
	}
	all := r.scopes()
	return slices.Clone(all[:min(1, len(all))])
}
