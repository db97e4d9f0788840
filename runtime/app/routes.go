package app

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	config "github.com/securedmcp/operator/api/config/v1alpha1"
	"github.com/securedmcp/operator/runtime/internal/authn"
	"github.com/securedmcp/operator/runtime/internal/httpmw"
	"github.com/securedmcp/operator/runtime/internal/policy"
	"github.com/securedmcp/operator/runtime/internal/ratelimit"
	"github.com/securedmcp/operator/runtime/internal/tracing"
)

const metadataPrefix = "/.well-known/oauth-protected-resource"

// parts are what Routes connects.
type parts struct {
	config        *config.RuntimeConfig
	resource      *url.URL
	policy        *policy.Policy
	authenticator authn.Authenticator
	dpop          *authn.DPoP // nil where it is disabled
	responder     *httpmw.Responder
	limiter       ratelimit.Limiter
	tracer        *tracing.Tracer // nil where nothing is traced
	mcp           http.Handler
	admission     *admission
	logger        *slog.Logger
}

// routes is the public listener, and the order in which a request is judged.
// Nothing of its body is read before the caller is known and allowed in.
func routes(p parts) http.Handler {
	limits := p.config.Limits
	requestBytes := cmp.Or(limits.RequestBytes, config.DefaultRequestBytes)
	endpoint := chain(p.mcp,
		httpmw.Identify,
		// Whatever is answered, a script of an allowed origin may read it.
		httpmw.AllowOrigin(p.resource, p.config.AllowedOrigins, p.responder),
		httpmw.Recover(p.logger, p.responder),
		httpmw.LimitConcurrency(cmp.Or(limits.ConcurrentRequests, config.DefaultConcurrentRequests), p.responder),
		httpmw.BoundBody(requestBytes),
		httpmw.AllowHost(p.resource, p.responder),
		httpmw.Authenticate(p.authenticator, p.dpop, p.policy, p.responder),
		httpmw.Trace(p.tracer, p.endpoint()),
		httpmw.LimitRate(p.limiter, p.responder),
		httpmw.ShareConcurrency(p.responder),
		httpmw.RequireDoor(p.policy, p.responder),
		httpmw.UseProof(p.policy, p.responder),
		httpmw.RefuseCodings(p.responder),
		httpmw.LimitDepth(requestBytes, p.responder),
		httpmw.JudgeLate(p.admission.ended, p.authenticator, p.dpop, p.policy, p.responder),
		httpmw.LimitBatch(p.limiter, burstOf(p.config.RateLimit), p.responder),
		httpmw.DropCredentials,
		httpmw.RefuseRepeated(p.responder),
		httpmw.CheckVersion(p.responder),
		httpmw.IgnoreSessions,
		httpmw.DecodeNames,
		httpmw.ShareAnswers(cmp.Or(limits.ResponseBytes, config.DefaultResponseBytes)),
		httpmw.Denials(p.responder),
	)
	metadata := metadataHandler(p.config)
	endpointPath, metadataPath := p.endpoint(), metadataPrefix+p.resource.Path
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case endpointPath:
			endpoint.ServeHTTP(w, r)
		case metadataPath:
			metadata.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}

// endpoint is the path of the MCP endpoint.
func (p *parts) endpoint() string { return cmp.Or(p.resource.Path, "/") }

// chain wraps h so that the first middleware is the outermost.
func chain(h http.Handler, middleware ...func(http.Handler) http.Handler) http.Handler {
	for _, wrap := range slices.Backward(middleware) {
		h = wrap(h)
	}
	return h
}
