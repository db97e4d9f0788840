package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/securedmcp/operator/cmd/securedmcp/internal/devissuer"
	"github.com/securedmcp/operator/cmd/securedmcp/internal/manifest"
	"github.com/securedmcp/operator/runtime/app"
)

// runner is one run of serve.
type runner struct {
	Options
	renderer
	base   string // URL of the runtime's listener
	admin  string // URL of its admin listener
	config string // path of the RuntimeConfig
	issuer *issuer
	source manifest.Source // as last looked at
	served *rendering
	failed string // why the manifest could not be read when it was last looked at
}

// Run serves until ctx ends. It returns manifest.Problems when the manifest is
// wrong to begin with; a later edit that is wrong changes nothing.
func Run(ctx context.Context, o Options) error {
	s, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "securedmcp-")
	if err != nil {
		return fmt.Errorf("making a directory for the configuration: %w", err)
	}
	defer os.RemoveAll(directory)
	s.config = filepath.Join(directory, "config.json")
	if err := s.served.write(s.config); err != nil {
		return err
	}
	return s.run(ctx)
}

// prepare does what can fail before anything runs.
func prepare(ctx context.Context, o Options) (*runner, error) {
	s := &runner{Options: o}
	if err := s.resolveAddresses(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.source, err = manifest.Read(o.File, o.Stdin); err != nil {
		return nil, err
	}
	s.renderer = renderer{local: local{base: s.base, resource: o.Resource, upstreams: o.Upstreams}, name: o.Name, secretsDir: o.SecretsDir}
	if o.DevIssuer != "" {
		if s.issuer, err = newIssuer(ctx, o.DevIssuer); err != nil {
			return nil, err
		}
		s.renderer.issuer = s.issuer.Issuer()
	}
	first, err := s.render(ctx, s.source)
	if err != nil {
		s.closeIssuer()
		return nil, err
	}
	s.adopt(first)
	return s, nil
}

func (s *runner) resolveAddresses(ctx context.Context) error {
	var err error
	if s.Listen, err = concretePort(ctx, "--listen", s.Listen); err != nil {
		return err
	}
	if s.AdminListen, err = concretePort(ctx, "--admin-listen", s.AdminListen); err != nil {
		return err
	}
	if s.admin, err = loopbackURL("--admin-listen", s.AdminListen); err != nil {
		return err
	}
	s.base, err = loopbackURL("--listen", s.Listen)
	return err
}

func (s *runner) closeIssuer() {
	if s.issuer != nil {
		s.issuer.listener.Close()
	}
}

func (s *runner) adopt(r *rendering) {
	s.served = r
	if s.issuer != nil {
		s.issuer.served.Store(r)
	}
}

// run has the parts run side by side until ctx ends or one of them fails.
func (s *runner) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.issuer != nil {
		group.Go(func() error { return devissuer.Serve(ctx, s.issuer.listener, s.issuer, devissuer.TLS{}) })
	}
	tls, level := s.served.tls, new(slog.LevelVar)
	group.Go(func() error {
		return app.Run(ctx, app.Options{
			ConfigFile: s.config, Listen: s.Listen, AdminListen: s.AdminListen, TLS: tls, Version: s.Version, DrainDelay: -1,
			Logger: slog.New(slog.NewTextHandler(s.Stderr, &slog.HandlerOptions{Level: level})), Level: level,
		})
	})
	group.Go(func() error { return s.follow(ctx) })
	return group.Wait()
}

// follow tells what is served, and then keeps it up to date with the manifest.
func (s *runner) follow(ctx context.Context) error {
	err := awaitEnforced(ctx, s.admin, s.served.revision)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		fmt.Fprintf(s.Stderr, "not serving yet: %v\n", err)
	}
	report(s.Stdout, s.served, s.base, s.admin, err == nil)
	if s.issuer != nil {
		if err := reportIssuer(s.Stdout, s.issuer, s.served); err != nil {
			return err
		}
	}
	if s.File == "-" {
		return nil
	}
	fmt.Fprintf(s.Stdout, "\nWatching %s; interrupt to stop.\n", s.File)
	return watch(ctx, s.File, func() { s.update(ctx) })
}

// update puts an edited manifest in force, or says why it is not.
func (s *runner) update(ctx context.Context) {
	src, err := manifest.Read(s.File, s.Stdin)
	if !s.changed(src, err) {
		return
	}
	if err == nil {
		err = s.put(ctx, src)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(s.Stderr, "%v\nstill serving revision %s\n", err, s.served.revision)
	}
}

// changed tells whether there is something to do or to say: what else happens in
// the directory of the file, a log that grows for one, says nothing new.
func (s *runner) changed(src manifest.Source, err error) bool {
	failed := ""
	if err != nil {
		failed = err.Error()
	}
	same := failed == s.failed && bytes.Equal(src.Raw, s.source.Raw)
	s.source, s.failed = src, failed
	return !same
}

func (s *runner) put(ctx context.Context, src manifest.Source) error {
	next, err := s.render(ctx, src)
	if err != nil {
		return err
	}
	if next.tls != s.served.tls {
		return errors.New("exposure.tls changed, for which pods are replaced; start serve again")
	}
	if next.revision == s.served.revision {
		fmt.Fprintf(s.Stdout, "%s changed; revision %s stays the same\n", s.File, next.revision)
		return nil
	}
	if err := next.write(s.config); err != nil {
		return err
	}
	if err := awaitEnforced(ctx, s.admin, next.revision); err != nil {
		return err
	}
	s.adopt(next)
	fmt.Fprintf(s.Stdout, "%s changed; serving revision %s\n", s.File, next.revision)
	return nil
}
