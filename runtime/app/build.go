package app

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"github.com/securedmcp/operator/api/config/compile"
	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/live"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/telemetry"
	"github.com/securedmcp/operator/runtime/internal/tools"
)

// builder makes a live.Instance of a configuration.
type builder struct {
	options Options
	metrics *telemetry.Metrics
	keys    *keyPool
}

// read reads the configuration and the files that it refers to.
func (b *builder) read() (*live.Source, error) {
	raw, err := os.ReadFile(b.options.ConfigFile)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	src := &live.Source{Raw: raw, Revision: config.Revision(raw)}
	c, err := config.Decode(raw)
	if err != nil {
		return nil, err
	}
	bundle, err := readOptional(c.Tokens.CABundleFile)
	if err != nil {
		return nil, fmt.Errorf("reading tokens.caBundleFile: %w", err)
	}
	src.Files = [][]byte{bundle}
	return src, nil
}

func readOptional(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	return os.ReadFile(path)
}

// build compiles the configuration whole. It returns an error rather than
// leave anything of it unenforced.
func (b *builder) build(ctx context.Context, src *live.Source) (*live.Instance, error) {
	c, err := config.Decode(src.Raw)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := compile.Check(c); err != nil {
		return nil, err
	}
	pol, err := policy.New(c)
	if err != nil {
		return nil, err
	}
	log := audit.New(b.options.Logger, c.Resource, c.Issuer)
	server, err := tools.NewServer(tools.Config{
		Runtime: c, Policy: pol, Builtins: b.options.Builtins, Audit: log,
		Observer: b.metrics, Version: b.options.Version,
	})
	if err != nil {
		return nil, err
	}
	keys, release, err := b.keys.acquire(ctx, c.Issuer, src.Files[0])
	if err != nil {
		server.Close()
		return nil, err
	}
	resource, err := url.Parse(c.Resource)
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	handler := routes(parts{
		config: c, resource: resource, policy: pol, mcp: server, logger: b.options.Logger,
		verifier:  authn.NewVerifier(authn.VerifierConfig{Issuer: c.Issuer, Audience: c.Audience, Keys: keys, Scopes: pol.Scopes, Observer: b.metrics}),
		responder: newResponder(resource, pol, log, b.metrics),
	})
	return &live.Instance{Handler: handler, Close: func() {
		server.Close()
		release()
	}}, nil
}

func newResponder(resource *url.URL, pol *policy.Policy, log *audit.Log, counter httpmw.Counter) *httpmw.Responder {
	return &httpmw.Responder{
		MetadataURL: resource.Scheme + "://" + resource.Host + metadataPrefix + resource.Path,
		Audit:       log,
		Counter:     counter,
		ScopeNames:  func(p *authn.Principal) []string { return pol.Scopes.Names(p.Scopes) },
	}
}
