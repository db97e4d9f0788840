// Package devissuer runs the development authorization server behind a real
// listener.
package devissuer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/securedmcp/operator/cmd/securedmcp/authserver"
)

const (
	// ClientID is the client that every development authorization server knows.
	ClientID = "dev"
	// ClientSecret is that client's secret, and public knowledge.
	ClientSecret = "dev"

	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 120 * time.Second
	drainTimeout      = 5 * time.Second
)

// TLS names the files of a certificate and its key, in PEM; both or neither.
type TLS struct {
	CertFile, KeyFile string
}

// Client returns the client that needs no registration.
func Client() authserver.Client {
	return authserver.Client{ID: ClientID, Secret: ClientSecret, Name: "Development client"}
}

// Serve answers on listener until ctx ends, and then lets requests end.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, tls TLS) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return listen(server, listener, tls) })
	group.Go(func() error {
		<-ctx.Done()
		return drain(context.WithoutCancel(ctx), server)
	})
	return group.Wait()
}

func listen(server *http.Server, listener net.Listener, tls TLS) error {
	serve := server.Serve
	if tls.CertFile != "" {
		serve = func(l net.Listener) error { return server.ServeTLS(l, tls.CertFile, tls.KeyFile) }
	}
	if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", listener.Addr(), err)
	}
	return nil
}

func drain(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("draining: %w", err), server.Close())
	}
	return nil
}
