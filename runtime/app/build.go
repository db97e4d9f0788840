package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"sync"

	"github.com/securedmcp/operator/api/config/compile"
	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/audit"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/live"
	"github.com/securedmcp/operator/runtime/internal/nonce"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/ratelimit"
	"github.com/securedmcp/operator/runtime/internal/replay"
	"github.com/securedmcp/operator/runtime/internal/telemetry"
	"github.com/securedmcp/operator/runtime/internal/tools"
)

// builder makes a live.Instance of a configuration.
type builder struct {
	options Options
	metrics *telemetry.Metrics
	keys    *keyPool
	floor   *tlsFloor
	issuers authn.Issuers
	rates   *ratelimit.Local // nil before the first configuration with a limit
	proofs  *replay.Memory   // nil before the first configuration with DPoP
	secrets *nonce.Secrets   // nil before the first configuration with nonces
	// admissions are those of all configurations that still have requests.
	admissions admissions
	pace       *httpmw.Pace   // outlives configurations: a change must not let a flood in
	closing    sync.WaitGroup // what instances still do after they were closed
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
	if src.Files, err = readAll(c.Files()); err != nil {
		return nil, err
	}
	return src, nil
}

func readAll(paths []string) (map[string][]byte, error) {
	contents := make(map[string][]byte, len(paths))
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading a file of the configuration: %w", err)
		}
		// Nothing is meant to be empty, and an empty CA bundle is not the system's.
		if len(bytes.TrimSpace(raw)) == 0 {
			return nil, fmt.Errorf("reading a file of the configuration: %s is empty", path)
		}
		contents[path] = raw
	}
	return contents, nil
}

// build compiles the configuration whole. It returns an error rather than
// leave anything of it unenforced.
func (b *builder) build(ctx context.Context, src *live.Source) (instance *live.Instance, err error) {
	c, err := decodeAndCheck(src.Raw)
	if err != nil {
		return nil, err
	}
	var held closers
	defer func() {
		if instance == nil { // an error, or a panic
			held.close()
		}
	}()
	p, server, err := b.assemble(ctx, c, src.Files, &held)
	if err != nil {
		return nil, err
	}
	// What is of the process and not of the instance follows last, when nothing can fail any more.
	if b.options.Level != nil {
		b.options.Level.Set(logLevels[c.LogLevel])
	}
	b.floor.set(c.TLS)
	instance = &live.Instance{Handler: routes(p), Close: held.close, Tools: toolsDigest(c), Needs: needsOf(c)}
	instance.Retire = func(next *live.Instance) {
		if next != nil {
			b.admissions.judge(next.Needs)
		}
		server.Retire(next != nil && next.Tools != instance.Tools)
	}
	return instance, nil
}

// assemble builds what Routes puts in order; held gets what has to be closed.
func (b *builder) assemble(ctx context.Context, c *config.RuntimeConfig, files map[string][]byte, held *closers) (p parts, server *tools.Server, err error) {
	p = parts{config: c, logger: b.options.Logger}
	admission, leave := b.admissions.enter(needsOf(c))
	p.admission = admission
	held.add(leave)
	if p.resource, err = url.Parse(c.Resource); err != nil {
		return p, nil, fmt.Errorf("resource: %w", err)
	}
	if p.policy, err = policy.New(c); err != nil {
		return p, nil, err
	}
	if server, err = b.newServer(c, &p); err != nil {
		return p, nil, err
	}
	held.add(server.Close)
	if p.authenticator, err = b.newAuthenticator(ctx, c, p.policy, files, held); err != nil {
		return p, nil, err
	}
	shared, err := b.newStore(ctx, c, files, held)
	if err != nil {
		return p, nil, err
	}
	if p.dpop, err = b.newDPoP(ctx, c, p.policy, shared); err != nil {
		return p, nil, err
	}
	p.responder.DPoP = newDPoPChallenge(c, p.dpop)
	if p.tracer, err = b.newTracer(ctx, c, files, held); err != nil {
		return p, nil, err
	}
	p.limiter = b.newLimiter(c, shared)
	b.metrics.Shared(shared.rate, shared.proofs)
	return p, server, nil
}

// newServer builds what speaks MCP, and what answers for it over HTTP.
func (b *builder) newServer(c *config.RuntimeConfig, p *parts) (*tools.Server, error) {
	log := audit.New(b.options.Logger, c.Resource, c.Issuer)
	p.responder = newResponder(p.resource, p.policy, log, b.metrics, b.pace)
	server, err := tools.NewServer(tools.Config{
		Runtime: c, Policy: p.policy, WhenRevoked: p.admission.whenEnded, Builtins: b.options.Builtins, Audit: log,
		Observer: b.metrics, Logger: b.options.Logger, Version: b.options.Version,
	})
	if err != nil {
		return nil, err
	}
	p.mcp = server
	return server, nil
}

// logLevels are those of config.LogLevels; what is not there is slog.LevelInfo.
var logLevels = map[string]slog.Level{"Debug": slog.LevelDebug, "Warn": slog.LevelWarn, "Error": slog.LevelError}

// toolsDigest changes when the answer to tools/list does.
func toolsDigest(c *config.RuntimeConfig) [sha256.Size]byte {
	h := sha256.New()
	for _, t := range c.Tools {
		t.Scopes, t.Authentication, t.HTTP, t.Upstream = nil, nil, nil, ""
		raw, err := json.Marshal(t)
		if err != nil {
			panic(err) // it was decoded from JSON
		}
		h.Write(append(raw, 0))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func decodeAndCheck(raw []byte) (*config.RuntimeConfig, error) {
	c, err := config.Decode(raw)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, compile.Check(c)
}

// newAuthenticator returns what judges the configured kind of token.
func (b *builder) newAuthenticator(ctx context.Context, c *config.RuntimeConfig, p *policy.Policy, files map[string][]byte, held *closers) (authn.Authenticator, error) {
	caBundle := files[c.Tokens.CABundleFile]
	keys := func(ctx context.Context) (*authn.Keys, func(), error) { return b.keys.acquire(ctx, c, caBundle) }
	if c.Tokens.Type != config.TokenOpaque {
		k, release, err := keys(ctx)
		if err != nil {
			return nil, err
		}
		held.add(release)
		return authn.NewVerifier(authn.VerifierConfig{Runtime: c, Policy: p, Keys: k, Observer: b.metrics}), nil
	}
	client, err := authn.NewClient(caBundle)
	if err != nil {
		return nil, err
	}
	held.add(client.CloseIdleConnections)
	opaque, err := authn.NewOpaque(ctx, authn.OpaqueConfig{
		Runtime: c, Policy: p, Client: client, Credential: files[c.Tokens.Introspection.ClientSecretFile],
		Issuers: &b.issuers, CABundle: caBundle, Keys: keys, Observer: b.metrics, Logger: b.options.Logger,
	})
	if err != nil {
		return nil, err
	}
	held.add(opaque.Close)
	return opaque, nil
}

// closers are what an instance holds, given back in reverse.
type closers []func()

func (c *closers) add(f func()) { *c = append(*c, f) }

func (c *closers) close() {
	for _, f := range slices.Backward(*c) {
		f()
	}
}

func newResponder(resource *url.URL, pol *policy.Policy, log *audit.Log, counter httpmw.Counter, pace *httpmw.Pace) *httpmw.Responder {
	return &httpmw.Responder{
		MetadataURL: resource.Scheme + "://" + resource.Host + metadataPrefix + resource.Path,
		Audit:       log,
		Counter:     counter,
		Pace:        pace,
		ScopeNames:  func(p *authn.Principal) []string { return pol.Scopes.Names(p.Scopes) },
	}
}
