package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/securedmcp/operator/runtime/app"
	"github.com/securedmcp/operator/test/conformance/proxy"
	"github.com/securedmcp/operator/test/oauthtest"
)

const (
	tokenLifetime     = 24 * time.Hour
	readHeaderTimeout = 10 * time.Second
)

// stack is the runtime under test with what it stands between.
type stack struct {
	// url is what to test.
	url   string
	group *errgroup.Group
}

// start returns when the server answers. All of it stops when ctx ends.
func start(ctx context.Context, listen string, logger *slog.Logger) (*stack, error) {
	group, ctx := errgroup.WithContext(ctx)
	front, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("opening the listener to test: %w", err)
	}
	s := &stack{url: "http://" + front.Addr().String() + "/mcp", group: group}
	issuer, err := serveIssuer(ctx, group, s.url)
	if err != nil {
		return nil, err
	}
	runtime, err := startRuntime(ctx, group, s.url, issuer.Issuer(), logger)
	if err != nil {
		return nil, err
	}
	token, err := issuer.Mint(oauthtest.Claims{"scope": scope})
	if err != nil {
		return nil, err
	}
	target := &url.URL{Scheme: "http", Host: runtime.Addr().String()}
	serve(ctx, group, front, proxy.New(target, http.Header{"Authorization": {"Bearer " + token}}, logger))
	return s, nil
}

func (s *stack) wait() error { return s.group.Wait() }

func serveIssuer(ctx context.Context, group *errgroup.Group, audience string) (*oauthtest.Handler, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the authorization server's listener: %w", err)
	}
	issuer, err := oauthtest.NewHandler(oauthtest.Config{
		Issuer: "http://" + l.Addr().String(), Audience: audience, TokenLifetime: tokenLifetime,
	})
	if err != nil {
		return nil, err
	}
	serve(ctx, group, l, issuer)
	return issuer, nil
}

func serve(ctx context.Context, group *errgroup.Group, l net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving %s: %w", l.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
}

// startRuntime returns when the runtime enforces its configuration.
func startRuntime(ctx context.Context, group *errgroup.Group, resource, issuer string, logger *slog.Logger) (*app.Server, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return nil, err
	}
	group.Go(func() error {
		<-ctx.Done()
		return os.RemoveAll(dir)
	})
	c := newConfigFile(dir, resource, issuer)
	if err := c.write(); err != nil {
		return nil, err
	}
	server, err := app.Start(ctx, app.Options{
		ConfigFile: c.path, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		Builtins: handlers(c), Logger: logger, Version: "conformance", DrainDelay: -1,
	})
	if err != nil {
		return nil, err
	}
	group.Go(server.Wait)
	return server, waitReady(ctx, server.AdminAddr().String())
}

// waitReady polls, because readiness is told by nothing but an answer.
func waitReady(ctx context.Context, admin string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if ready(ctx, admin) {
			tick.Stop()
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return errors.New("the runtime did not become ready; its log says why")
		}
	}
}

func ready(ctx context.Context, admin string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}
